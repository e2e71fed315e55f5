/**
 * Two things are thrown, and each has one place where it is caught; everything else that can go wrong is a value.
 * `Malformed` ends in `protocol/*` (or in the loader of a file), `KernelError` in `core/engine.ts` and the watchers
 * beside it.
 */

/** What happens on routers, and is no fault of this program: the message says all. */
export class Expected extends Error {}

/** Why something did not work, for people; what nobody expected keeps its kind, `TypeError: ...`. */
export const reasonOf = (error: unknown): string => (error instanceof Expected ? error.message : String(error))

/** The sender's fault: bytes or text that no reading of the standard allows. */
export class Malformed extends Expected {
  override name = 'Malformed'
}

/** What the kernel refused, in words: what we were doing, its errno, the text of its extended acknowledgement. */
export class KernelError extends Expected {
  override name = 'KernelError'
  readonly doing: string
  /** The symbolic name, `ENOENT`; numbers differ between processors (MIPS), names do not. */
  readonly code: string
  readonly said: string

  constructor(doing: string, code: string, said = '') {
    super(`${doing}: ${code}${said === '' ? '' : ` (kernel: ${said})`}`)
    this.doing = doing
    this.code = code
    this.said = said
  }
}
