/**
 * Which device is behind an address inside (S25, S26): a wish carries its sender's link address, and a mapping whose
 * address another device has taken over is suspended. Open while clients are served; what another network says about
 * an address counts for nothing.
 */
import type { Ip, Mac, Port } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Instant } from '../base/time.ts'
import { afterMs, earliest, milliseconds } from '../base/time.ts'
import type { LinkView } from '../kernel/link-table.ts'
import type { Neighbours } from '../kernel/neighbours.ts'
import { openNeighbours } from '../kernel/neighbours.ts'
import type { Dialing, Platform } from '../platform/platform.ts'
import type { Timed } from './timers.ts'

export interface NeighbourhoodParts {
  readonly platform: Platform
  readonly log: Log
  readonly links: LinkView
  readonly isInternal: (device: string) => boolean
  readonly seen: (host: Ip, mac: Mac) => void
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
}

/** An address whose device is being asked for. */
interface Question {
  readonly host: Ip
  readonly device: string
  readonly until: Instant
  readonly dialing: Dialing
  readonly answer: () => void
}

/** A neighbour answers in milliseconds. */
const PATIENCE = milliseconds(1500)
const MOST_QUESTIONS = 16
/** discard (RFC 863): nobody listens there, and somebody who does hears nothing. */
const DISCARD = 9 as Port

export class Neighbourhood implements Timed {
  readonly #parts: NeighbourhoodParts
  #open: Neighbours | undefined
  #questions: readonly Question[] = []

  constructor(parts: NeighbourhoodParts) {
    this.#parts = parts
  }

  /** Rejects with `KernelError` or `SystemError`. */
  async want(isWanted: boolean): Promise<void> {
    const { platform, log } = this.#parts
    if (isWanted) this.#open ??= await openNeighbours(platform, log, (ip, mac, index) => this.#seen(ip, mac, index))
    else this.close()
  }

  macOf(host: Ip, device: string): Mac | undefined {
    const index = this.#parts.links.index(device)
    return index === undefined ? undefined : this.#open?.mac(host, index)
  }

  /**
   * Whether this device is behind the address, as the neighbour table shows. An address that the kernel has not spoken
   * to lately is spoken to, so that it asks for its link address; an answer that does not come is a no.
   */
  async isAt(mac: Mac | undefined, host: Ip, device: string): Promise<boolean> {
    if (mac === undefined || !this.#parts.links.isHost(host, device)) return false
    if (this.macOf(host, device) === undefined) await this.#ask(host, device)
    return this.macOf(host, device) === mac
  }

  get wakeAt(): Instant | undefined {
    return earliest(this.#questions.map(({ until }) => until))
  }

  wake(now: Instant): void {
    this.#settle(({ until }) => until <= now)
  }

  close(): void {
    this.#open?.close()
    this.#open = undefined
    this.#settle(() => true)
  }

  #ask(host: Ip, device: string): Promise<void> {
    const { platform, rearm } = this.#parts
    if (this.#open === undefined || this.#questions.length >= MOST_QUESTIONS) return Promise.resolve()
    return new Promise(answer => {
      const until = afterMs(platform.clock.now(), PATIENCE)
      // Whatever comes of the connection: the kernel's notice about the neighbour is the answer.
      const dialing = platform.dial({ address: host, port: DISCARD, device }, outcome => {
        if ('close' in outcome) outcome.close()
      })
      this.#questions = [...this.#questions, { host, device, until, dialing, answer }]
      rearm()
    })
  }

  #settle(isOver: (question: Question) => boolean): void {
    const over = this.#questions.filter(isOver)
    if (over.length === 0) return
    this.#questions = this.#questions.filter(question => !over.includes(question))
    for (const { dialing, answer } of over) {
      dialing.close()
      answer()
    }
    this.#parts.rearm()
  }

  #seen(host: Ip, mac: Mac, index: number): void {
    const { links, isInternal, seen } = this.#parts
    const device = links.device(index)
    this.#settle(question => question.host === host && question.device === device)
    if (device !== undefined && isInternal(device) && links.isHost(host, device)) seen(host, mac)
  }
}
