/**
 * Announcements (RFC 6886 §3.2.1): after a start, a new external address or a lost table, the address is told to all
 * hosts of every internal link ten times, with growing gaps, each with the epoch of its moment. Nothing is sent while
 * there is no address: a gratuitous error is not part of the standard.
 */

import type { Ip } from '../base/ip.ts'
import { afterMs, type Instant, milliseconds } from '../base/time.ts'
import type { Epoch } from '../core/epoch.ts'
import { addressReply, OPCODE, RESPONSE, RESULT, VERSION } from '../wire/natpmp.ts'

export interface Announcement {
  /** Internal device to leave by, from its own address and the server port, to ANNOUNCE_GROUP and ANNOUNCE_PORT. */
  readonly device: string
  readonly bytes: Uint8Array
}

export interface AnnouncerParts {
  readonly epoch: Epoch
  /** The external address that clients are told; `undefined` while there is none. */
  readonly address: () => Ip | undefined
  /** Internal devices that NAT-PMP serves now. */
  readonly devices: () => readonly string[]
  readonly send: (announcement: Announcement) => void
}

/** Milliseconds from one transmission to the next: "first 250 ms, each following twice as long", ten in all. */
export const GAPS: readonly number[] = [250, 500, 1000, 2000, 4000, 8000, 16_000, 32_000, 64_000]

export class Announcer {
  readonly #parts: AnnouncerParts
  #next: { readonly at: Instant; readonly sent: number } | undefined

  constructor(parts: AnnouncerParts) {
    this.#parts = parts
  }

  /** Begins a series; one that is under way ends. The first is due at once. */
  begin(now: Instant): void {
    this.#next = { at: now, sent: 0 }
  }

  /** The service was switched off. */
  stop(): void {
    this.#next = undefined
  }

  get wakeAt(): Instant | undefined {
    return this.#next?.at
  }

  wake(now: Instant): void {
    if (this.#next === undefined || this.#next.at > now) return
    const { sent } = this.#next
    const address = this.#parts.address()
    const gap = GAPS[sent]
    this.#next =
      address === undefined || gap === undefined ? undefined : { at: afterMs(now, milliseconds(gap)), sent: sent + 1 }
    if (address === undefined) return
    const epoch = this.#parts.epoch.seconds(now)
    const opcode = RESPONSE | OPCODE.address
    const bytes = addressReply.encode({ version: VERSION, opcode, result: RESULT.success, epoch, address })
    for (const device of this.#parts.devices()) this.#parts.send({ device, bytes })
  }
}
