/** Asks netifd beside the refreshes, one question at a time; an answer that differs is a reason for another refresh. */
import { reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { Configuration } from './configuration.ts'

export class NetifdQuestions {
  readonly #configuration: Pick<Configuration, 'askNetifd'>
  readonly #log: Log
  readonly #differs: () => void
  /** A question is under way, and whether another one is due after it. */
  #asking: 'once' | 'again' | 'anew' | undefined

  constructor(configuration: Pick<Configuration, 'askNetifd'>, log: Log, differs: () => void) {
    this.#configuration = configuration
    this.#log = log
    this.#differs = differs
  }

  /** Returns at once. `anew`: also where nobody answered before. */
  ask(anew: boolean): void {
    if (this.#asking !== undefined) {
      this.#asking = anew || this.#asking === 'anew' ? 'anew' : 'again'
      return
    }
    this.#asking = 'once'
    this.#configuration.askNetifd(anew).then(
      differs => {
        const next = this.#asking
        this.#asking = undefined
        if (differs) this.#differs()
        else if (next !== 'once') this.ask(next === 'anew')
      },
      (error: unknown) => {
        this.#asking = undefined
        this.#log('error', 'config', `netifd could not be asked: ${reasonOf(error)}`)
      },
    )
  }
}
