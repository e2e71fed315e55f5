/** Whether the LAN is cut off from the world, as far as what was asked and what happened can explain it. */
import type { Law } from './law.ts'

export type State = 'open' | 'closed'

/** Something that makes it so, at some time between the two, seconds of CLOCK_MONOTONIC. */
interface Cause {
  readonly to: State
  readonly began: number
  /** Infinite when nobody said that it is done: it may happen yet, or never. */
  readonly done: number
}

/** Whether clients may cut the LAN off at all. */
export const mayClose = ({ mayClose, upnp, roles }: Law): boolean => mayClose && upnp[0] && roles !== 'nat_pmp'

export class Closing {
  #was: State = 'open'
  #causes: Cause[] = []

  /** `done` is left out where nobody knows whether and when it took effect. */
  cause(to: State, began: number, done = Number.POSITIVE_INFINITY): void {
    this.#causes.push({ to, began, done })
  }

  /** The states that can be explained when everything has come to rest; `laws` in force since the last look. */
  possible(laws: readonly Law[]): ReadonlySet<State> {
    const last = laws.at(-1)
    if (last !== undefined && !mayClose(last)) return new Set(['open'])
    const certain = this.#causes.filter(({ done }) => Number.isFinite(done))
    const states = new Set<State>(certain.length === 0 ? [this.#was] : [])
    // The last one counts, and what came at the same time may have been the last.
    for (const { to, done } of this.#causes) if (certain.every(({ began }) => began <= done)) states.add(to)
    // A law that forbids it may have been read, or the next one came too soon.
    if (laws.some(law => !mayClose(law))) states.add('open')
    return states
  }

  accept(state: State): void {
    this.#was = state
    this.#causes = []
  }
}
