/** The way out of a call: one of these, once. */
import type { Call, ErrorOf, ResultOf } from './call.ts'

export interface Out {
  result<C extends Call>(call: C, values: ResultOf<C>): void
  error<C extends Call>(call: C, code: ErrorOf<C>): void
  /** An error of the caller's: the arguments mean nothing. The owner hears of it; of refusals the engine tells him. */
  senseless<C extends Call>(call: C, code: ErrorOf<C>): void
}

/** What comes of a promise; whatever goes wrong, there or in `then`, is 501. */
export function later<T>(value: Promise<T>, call: Call, out: Out, then: (value: T) => void): void {
  const failed = () => out.error(call, 501)
  value.then(then).then(undefined, failed)
}
