/**
 * Netlink on Node: the raw sockets of the package `netlink` 0.3.0. They can join groups and size their buffers, no more:
 *  - NETLINK_EXT_ACK cannot be set, so errors come without the kernel's own words;
 *  - no filter: a reader sees what its own process caused (`ignoreFrom`), and what it did not ask for (`filter`);
 *  - buffers are bounded by net.core.rmem_max and wmem_max (SO_RCVBUF, not SO_RCVBUFFORCE), and a batch must fit;
 *  - nothing can be read at once, so `drain` does nothing; and a `send` that fails is known only later: it is
 *    reported as a fault, and the request stays without an answer;
 *  - an overrun (ENOBUFS) aborts the process inside the package (its PollHandler builds an error from a null pointer).
 *    Whoever supervises the daemon starts it again, and it adopts what the kernel holds. What the process itself could
 *    cause is avoided: sockets that would hear of a large batch of its own are closed while it is made.
 */

import { systemError } from './node-errors.ts'
import type { NetlinkOptions, NetlinkSocket } from './platform.ts'
import { SystemError } from './platform.ts'

/** linux/netlink.h */
const PROTOCOL = { route: 0 /* NETLINK_ROUTE */, netfilter: 12 /* NETLINK_NETFILTER */ } as const

const RECEIVE_BUFFER = 4 << 20
const SEND_BUFFER = 32 << 20
/** Datagrams kept until `take` is called; it is called right after opening. */
const EARLY = 64
/** The notices of a batch of this size fit the receive buffer that a system allows as shipped (212,992 bytes). */
const LARGE_BATCH = 32_768

type Call = (run: () => void) => void
type Fault = (error: unknown) => void
type RawSocket = import('netlink').RawNetlinkSocket

export async function openNetlink(options: NetlinkOptions, call: Call, fault: Fault): Promise<NetlinkSocket> {
  if (options.filter?.required === true) throw new SystemError(`netlink socket ${options.family}, filter`, 'EOPNOTSUPP')
  const { RawNetlinkSocket } = await import('netlink')
  const fs = await import('node:fs')
  const sendLimit = limitOf(fs.readFileSync('/proc/sys/net/core/wmem_max', 'latin1'))
  return new NodeNetlink(options, sendLimit, call, fault, () => {
    const raw = new RawNetlinkSocket(PROTOCOL[options.family], {
      recvBufferSize: RECEIVE_BUFFER,
      sendBufferSize: SEND_BUFFER,
    })
    try {
      for (const group of options.groups) raw.addMembership(group)
    } catch (error) {
      raw.close()
      throw error
    }
    return raw
  })
}

/** net/core/sock.c: SO_SNDBUF is cut to wmem_max and doubled; netlink_sendmsg refuses what is longer less 32. */
const limitOf = (wmemMax: string): number => 2 * Math.min(SEND_BUFFER, Number(wmemMax)) - 32

/** Those that would hear what others of this process cause, and do not want to. */
const listeners = new Set<NodeNetlink>()

class NodeNetlink implements NetlinkSocket {
  readonly portId: number
  readonly sendLimit: number
  readonly #doing: string
  readonly #ignoreFrom: readonly number[]
  readonly #call: Call
  readonly #fault: Fault
  readonly #make: () => RawSocket
  readonly #early: Uint8Array[] = []
  /** `undefined` while it steps aside, and after `close`. */
  #raw: RawSocket | undefined
  #open = true
  /** Listeners that have stepped aside for a batch that was sent here. */
  #aside: NodeNetlink[] = []
  #each = (datagram: Uint8Array): void => {
    if (this.#early.length < EARLY) this.#early.push(datagram)
  }
  #overrun = (): void => undefined

  constructor(
    { family, ignoreFrom = [] }: NetlinkOptions,
    sendLimit: number,
    call: Call,
    fault: Fault,
    make: () => RawSocket,
  ) {
    this.sendLimit = sendLimit
    this.#doing = `netlink socket ${family}`
    this.#ignoreFrom = ignoreFrom
    this.#call = call
    this.#fault = fault
    this.#make = make
    try {
      this.#raw = this.#listenOn(make())
    } catch (error) {
      throw systemError(this.#doing, error)
    }
    this.portId = this.#raw.address().port >>> 0
    if (ignoreFrom.length > 0) listeners.add(this)
  }

  send(datagram: Uint8Array): void {
    if (this.#raw === undefined) return
    if (datagram.length >= LARGE_BATCH) {
      for (const each of listeners) if (each.#stepAside(this.portId)) this.#aside.push(each)
    }
    const bytes = Buffer.from(datagram.buffer as ArrayBuffer, datagram.byteOffset, datagram.length)
    this.#raw.send(bytes, {}, error => {
      if (error !== undefined && this.#open) this.#fault(systemError(this.#doing, error))
    })
  }

  take(each: (datagram: Uint8Array) => void, overrun: () => void): void {
    this.#each = each
    this.#overrun = overrun
    const waiting = this.#early.splice(0)
    if (waiting.length === 0) return
    queueMicrotask(() => {
      for (const datagram of waiting) if (this.#open) this.#call(() => each(datagram))
    })
  }

  drain(): void {}

  close(): void {
    if (!this.#open) return
    this.#open = false
    listeners.delete(this)
    this.#raw?.close()
    this.#raw = undefined
    this.#callBack()
  }

  #listenOn(raw: RawSocket): RawSocket {
    raw.on('message', (bytes, from) => {
      // Another process that may write to our port id is not the kernel.
      if (!this.#open || from.port !== 0) return
      // The kernel answers after it has told everybody of the batch.
      this.#callBack()
      this.#call(() => this.#each(new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)))
    })
    raw.on('truncatedMessage', () => this.#call(() => this.#overrun()))
    raw.on('error', error => {
      if (this.#open && raw === this.#raw) this.#fault(systemError(this.#doing, error))
    })
    return raw
  }

  /** Whether it was listening to what the socket with this port id causes, and no longer is. */
  #stepAside(portId: number): boolean {
    if (this.#raw === undefined || !this.#ignoreFrom.includes(portId)) return false
    this.#raw.close()
    this.#raw = undefined
    return true
  }

  #callBack(): void {
    for (const listener of this.#aside.splice(0)) listener.#comeBack()
  }

  /** What others did meanwhile was not heard, so whoever listens must look for himself. */
  #comeBack(): void {
    if (!this.#open) return
    try {
      this.#raw = this.#listenOn(this.#make())
    } catch (error) {
      this.#fault(systemError(this.#doing, error))
    }
    this.#call(() => this.#overrun())
  }
}
