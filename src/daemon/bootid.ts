/**
 * BOOTID.UPNP.ORG: greater at each start than at the start before (UDA §1.2.2). The wall clock in seconds, as long as
 * it runs forward; a file in the run directory keeps what was used last, so that a start in the same second, or after
 * the clock was put back, is greater all the same. The directory is empty after a boot: then the clock alone decides,
 * and routers without a battery begin at the time of their newest file, not in 1970.
 */
import { utf8Decode, utf8Encode } from '../base/text.ts'
import type { Platform } from '../platform/platform.ts'
import { BOOT_IDS } from '../wire/ssdp.ts'

const FILE = 'bootid'

/** The next one; it is not yet noted. */
export function nextBootId(platform: Platform, directory: string): number {
  const kept = read(platform, `${directory}/${FILE}`)
  const clock = Math.floor(platform.wallTime() / 1000)
  return Math.max(clock, kept + 1) % BOOT_IDS
}

/** A directory that cannot be written is no reason not to serve. */
export function noteBootId(platform: Platform, directory: string, bootId: number): void {
  try {
    platform.writeFile(`${directory}/${FILE}`, utf8Encode(`${bootId}\n`))
  } catch {}
}

function read(platform: Platform, path: string): number {
  try {
    const text = utf8Decode(platform.readFile(path) ?? new Uint8Array(0)).trim()
    return /^[0-9]{1,10}$/.test(text) ? Number(text) : 0
  } catch {
    return 0
  }
}
