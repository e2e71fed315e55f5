/** Hears of flows that end (NFNLGRP_CONNTRACK_DESTROY), of those alone that a socket filter lets through. */
import { Malformed, reasonOf } from '../base/fail.ts'
import type { Log } from '../base/log.ts'
import type { BpfInstruction, NetlinkSocket, Platform } from '../platform/platform.ts'
import { CONNTRACK_DESTROY } from '../wire/conntrack.ts'
import type { Message } from '../wire/netlink.ts'
import { messages } from '../wire/netlink.ts'

/**
 * Notices of one kind of flows that end; the socket is opened and closed as they are wanted. Where the engine cannot
 * filter (Node without its addon) there are none.
 */
export class FlowEndListener {
  readonly #platform: Platform
  readonly #log: Log
  readonly #program: readonly BpfInstruction[]
  readonly #each: (entry: Message) => void
  #wanted = false
  #opening = false
  #impossible = false
  #socket: NetlinkSocket | undefined

  constructor(platform: Platform, log: Log, program: readonly BpfInstruction[], each: (entry: Message) => void) {
    this.#platform = platform
    this.#log = log
    this.#program = program
    this.#each = each
  }

  want(wanted: boolean): void {
    this.#wanted = wanted
    if (wanted) this.#open()
    else {
      this.#socket?.close()
      this.#socket = undefined
    }
  }

  /** Takes in what has already been told, where the engine can. */
  catchUp(): void {
    this.#socket?.drain()
  }

  #open(): void {
    if (this.#opening || this.#impossible || this.#socket !== undefined) return
    this.#opening = true
    const filter = { program: this.#program, required: true }
    this.#platform
      .netlink({ family: 'netfilter', groups: [CONNTRACK_DESTROY], extendedAck: false, filter })
      .then(socket => {
        this.#opening = false
        if (!this.#wanted) return socket.close()
        this.#socket = socket
        // What an overrun loses counts as it was last seen.
        socket.take(
          datagram => this.#take(datagram),
          () => undefined,
        )
      })
      .catch((error: unknown) => {
        this.#opening = false
        this.#impossible = true
        const expected = error instanceof Error && 'code' in error && error.code === 'EOPNOTSUPP'
        if (!expected) this.#log('warning', 'traffic', 'the end of flows cannot be heard', { why: reasonOf(error) })
      })
  }

  #take(datagram: Uint8Array): void {
    try {
      for (const entry of messages(datagram, this.#platform.littleEndian)) this.#each(entry)
    } catch (error) {
      if (!(error instanceof Malformed)) throw error
      this.#log('warning', 'traffic', 'a notice of the kernel could not be read', { why: error.message })
    }
  }
}
