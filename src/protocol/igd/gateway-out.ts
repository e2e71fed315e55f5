/** The way out of a call: a result or an error, once. */
import type { Call, ErrorOf, ResultOf } from './call.ts'

export interface Out {
  result<C extends Call>(call: C, values: ResultOf<C>): void
  error<C extends Call>(call: C, code: ErrorOf<C>): void
}

/** What comes of a promise; whatever goes wrong, there or in `then`, is 501. */
export function later<T>(value: Promise<T>, call: Call, out: Out, then: (value: T) => void): void {
  const failed = () => out.error(call, 501)
  value.then(then).then(undefined, failed)
}
