/**
 * BOOTID.UPNP.ORG: greater at each start than at the start before (UDA §1.2.2). The wall clock in seconds, as long as
 * it runs forward; and a file keeps what was used last, so that a start in the same second, or with a clock that was
 * put back, is greater all the same.
 *
 * Over a reboot the file beside the lease file lasts, where the owner keeps leases on flash: a router without a battery
 * begins at the time of its newest file, again and again. Where nothing lasts, the clock is believed from the moment
 * somebody sets it (`Rising`): what is announced before that may be less than before the reboot, and is another number.
 */
import { directoryOf, textIn } from '../base/files.ts'
import { utf8Encode } from '../base/text.ts'
import type { Clock } from '../base/time.ts'
import type { Platform } from '../platform/platform.ts'
import { BOOT_IDS } from '../wire/ssdp.ts'

/** Paths of the files that keep the last one. */
export interface BootIdFiles {
  /** In the run directory: empty after a boot. */
  readonly run: string
  /** `undefined`: the owner has chosen no place on flash. */
  readonly lasting: string | undefined
}

type Machine = Pick<Platform, 'wallTime' | 'readFile'> & { readonly clock: Clock }

/** `leaseFile`: as configured. */
export const bootIdFiles = (leaseFile: string | undefined, runDirectory: string): BootIdFiles => ({
  run: `${runDirectory}/bootid`,
  lasting: leaseFile === undefined || leaseFile === '' || leaseFile === 'none' ? undefined : `${leaseFile}.bootid`,
})

/** The numbers of one start: `next` is not yet noted. */
export class Rising {
  /** The one to begin with. */
  readonly first: number
  readonly #machine: Machine
  /** Nobody remembers the boot before: only the clock can be above it, once it is right. */
  readonly #followsClock: boolean
  /** Of the wall clock against the boot clock, ms. */
  #offset: number

  constructor(machine: Machine, { run, lasting }: BootIdFiles) {
    const kept = lasting === undefined ? undefined : read(machine, lasting)
    const last = Math.max(kept ?? 0, read(machine, run) ?? 0)
    this.first = Math.max(inSeconds(machine), last + 1) % BOOT_IDS
    this.#machine = machine
    this.#followsClock = kept === undefined
    this.#offset = offsetOf(machine)
  }

  /** A greater one than `now`, when somebody has set the clock forward by more than a minute since it was asked last. */
  afterClockSet(now: number): number | undefined {
    if (!this.#followsClock) return undefined
    const before = this.#offset
    this.#offset = offsetOf(this.#machine)
    if (this.#offset - before <= FORWARD) return undefined
    const next = inSeconds(this.#machine) % BOOT_IDS
    return next > now ? next : undefined
  }
}

/** A file that cannot be written is no reason not to serve. */
export function noteBootId(
  { makeDirectory, writeFile }: Pick<Platform, 'makeDirectory' | 'writeFile'>,
  files: BootIdFiles,
  bootId: number,
): void {
  for (const path of [files.run, files.lasting]) {
    if (path === undefined) continue
    try {
      makeDirectory(directoryOf(path))
      writeFile(path, utf8Encode(`${bootId}\n`))
    } catch {}
  }
}

/** ms: a clock that is only corrected moves by less. */
const FORWARD = 60_000

const offsetOf = ({ wallTime, clock }: Machine): number => wallTime() - clock.now()

const inSeconds = ({ wallTime }: Machine): number => Math.max(0, Math.floor(wallTime() / 1000))

function read(machine: Machine, path: string): number | undefined {
  const text = textIn(machine, path)
  return /^[0-9]{1,10}$/.test(text) ? Number(text) : undefined
}
