/**
 * When the end of flows is listened for: while there are mappings that they could belong to, and a minute longer. A
 * router with one client that comes and goes would else open and close a socket with every mapping, and requests would
 * wait: closing an nfnetlink socket lets the kernel finish first what nf_tables removed (nft_rcv_nl_event in
 * net/netfilter/nf_tables_api.c), a grace period of RCU, 4 to 6 ms.
 */
import type { Clock, Instant } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Traffic } from '../kernel/traffic.ts'
import type { Timed } from './timers.ts'

type Kind = 'translated' | 'pinholes'
type Heard = Readonly<Record<Kind, boolean>>

const LINGER = milliseconds(60_000)

export class FlowHearing implements Timed {
  readonly #traffic: Pick<Traffic, 'follow'>
  #has: Heard = { translated: false, pinholes: false }
  #heard: Heard = this.#has
  /** When nobody needs to be heard any more that still is. */
  #until: Instant | undefined

  constructor(traffic: Pick<Traffic, 'follow'>) {
    this.#traffic = traffic
  }

  /** After each turn: which mappings there are now. The clock is asked only when that is new. */
  mappings(translated: boolean, pinholes: boolean, clock: Clock): void {
    if (translated === this.#has.translated && pinholes === this.#has.pinholes) return
    this.#has = { translated, pinholes }
    const { translated: ways, pinholes: holes } = this.#heard
    this.#follow({ translated: translated || ways, pinholes: pinholes || holes })
    this.#until = same(this.#has, this.#heard) ? undefined : afterMs(clock.now(), LINGER)
  }

  get wakeAt(): Instant | undefined {
    return this.#until
  }

  wake(now: Instant): void {
    if (this.#until === undefined || this.#until > now) return
    this.#until = undefined
    this.#follow(this.#has)
  }

  #follow(heard: Heard): void {
    if (same(heard, this.#heard)) return
    this.#heard = heard
    this.#traffic.follow(heard)
  }
}

const same = (a: Heard, b: Heard): boolean => a.translated === b.translated && a.pinholes === b.pinholes
