/** How fast a device's link is, as its driver says. */
import { utf8Decode } from '../base/text.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'

/** In bits per second; `undefined` when there is no such device or it does not know (bridges without ports, tunnels). */
export function linkSpeed(platform: Pick<Platform, 'readFile'>, device: string): number | undefined {
  if (!/^[^/\0\s]{1,15}$/.test(device) || device === '.' || device === '..') return undefined
  const megabits = readNumber(platform, `/sys/class/net/${device}/speed`)
  // linux/ethtool.h: SPEED_UNKNOWN is -1; older drivers say 0 or 65535.
  return megabits === undefined || megabits <= 0 || megabits === 65_535 ? undefined : megabits * 1_000_000
}

function readNumber(platform: Pick<Platform, 'readFile'>, path: string): number | undefined {
  try {
    const said = platform.readFile(path)
    const text = said === undefined ? '' : utf8Decode(said).trim()
    return /^-?\d{1,10}$/.test(text) ? Number(text) : undefined
  } catch (error) {
    if (error instanceof SystemError) return undefined // EINVAL: the device is down
    throw error
  }
}
