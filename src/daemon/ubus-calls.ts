/**
 * The calls of our object that came over one connection. A caller waits for its answer, and ubusd forwards one message
 * after the other: so only some calls are answered at a time, and the next one is begun when ubusd has taken what was
 * said before. Thirty callers who all want the longest list then cost thirty times the time, and no more memory.
 */
import type { Instant } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { BlobTable } from '../wire/blobmsg.ts'
import type { UbusMessage } from '../wire/ubus.ts'
import { UBUS, UBUS_STATUS } from '../wire/ubus.ts'
import type { Timed } from './timers.ts'
import type { UbusLink } from './ubus-link.ts'

export interface UbusAnswer {
  /** `UBUS_STATUS` */
  readonly status: number
  /** Only where it is ok. */
  readonly data?: Readonly<Record<string, unknown>>
}

export interface UbusCallsParts {
  readonly link: Pick<UbusLink, 'pending' | 'send' | 'fail'>
  readonly now: () => Instant
  /** `wakeAt` may have changed. */
  readonly rearm: () => void
  /** Never rejects. */
  readonly serve: (message: UbusMessage) => Promise<UbusAnswer>
}

/** Calls that wait; `ubusd` would keep no more than a megabyte of them either. */
const MOST_WAITING = 32
const AT_ONCE = 4
/** With fewer bytes on the way the next call may begin. */
const CLEAR = 1 << 16
const LOOK = milliseconds(20)
/** ubusd has stopped when it takes nothing for so long. */
const PATIENCE = milliseconds(10_000)

interface Watch {
  readonly look: Instant
  readonly until: Instant
  readonly pending: number
}

export class UbusCalls implements Timed {
  readonly #parts: UbusCallsParts
  readonly #waiting: UbusMessage[] = []
  #running = 0
  /** While calls wait for ubusd. */
  #watch: Watch | undefined

  constructor(parts: UbusCallsParts) {
    this.#parts = parts
  }

  get wakeAt(): Instant | undefined {
    return this.#watch?.look
  }

  wake(now: Instant): void {
    const watch = this.#watch
    if (watch === undefined || now < watch.look) return
    const { link } = this.#parts
    if (link.pending >= watch.pending && now >= watch.until) link.fail('ubusd takes nothing any more')
    else this.#go(now)
  }

  take(message: UbusMessage): void {
    if (this.#waiting.length >= MOST_WAITING) {
      this.answer(message, { status: UBUS_STATUS.noMemory })
      return
    }
    this.#waiting.push(message)
    this.#go(this.#parts.now())
  }

  /** Data first, then the status; both to the caller, under the number that it gave. */
  answer({ seq, peer, object, noReply }: UbusMessage, { status, data }: UbusAnswer): void {
    if (noReply === true) return
    const { link } = this.#parts
    const fits = data === undefined || link.send({ type: UBUS.data, seq, peer, object, data: data as BlobTable })
    link.send({ type: UBUS.status, seq, peer, status: fits ? status : UBUS_STATUS.unknownError, object })
  }

  #go(now: Instant): void {
    const { link, serve, rearm } = this.#parts
    while (this.#running < AT_ONCE && link.pending <= CLEAR) {
      const message = this.#waiting.shift()
      if (message === undefined) break
      this.#running++
      serve(message).then(answer => {
        this.#running--
        this.answer(message, answer)
        this.#go(this.#parts.now())
      })
    }
    const isBlocked = this.#waiting.length > 0 && link.pending > CLEAR
    this.#watch = isBlocked ? this.#watchFrom(now) : undefined
    if (isBlocked) rearm()
  }

  #watchFrom(now: Instant): Watch {
    const { pending } = this.#parts.link
    const before = this.#watch
    const isSlow = before !== undefined && pending >= before.pending
    return { look: afterMs(now, LOOK), until: isSlow ? before.until : afterMs(now, PATIENCE), pending }
  }
}
