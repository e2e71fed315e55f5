/**
 * A netlink socket of the package `netlink` 0.3.0 without the part of the package that ends the process. The package
 * opens it, sizes its buffers and keeps its memberships; written and read it is by its descriptor.
 *
 * Why: a socket for which the kernel dropped messages shows EPOLLERR (netlink_overrun in net/netlink/af_netlink.c). The
 * package waits with a poll handle, to which libuv reports that as EBADF (uv__poll_io in src/unix/poll.c); it builds an
 * error from a null pointer then (PollHandler in src/binding.cc), and the C++ exception of that meets nobody. So the
 * package must never begin to wait, which it does in `bind` and `send`. A stream of Node's own on the descriptor waits
 * instead, and ends with ENOBUFS.
 *
 * Neither package nor Node shows these parts: the package's native class is reached by one of its sockets, Node's pipe
 * handle by one of its streams. Both were found the same in Node 20, 22 and 24; where one is missing, opening fails.
 */
import type { Socket } from 'node:net'
import { filterBytes } from './netlink-filter.ts'
import { RECEIVE_BUFFER, SEND_BUFFER } from './netlink-limits.ts'
import type { Addon } from './node-addon.ts'
import type { NetlinkOptions } from './platform.ts'

/** linux/netlink.h */
const PROTOCOL = { route: 0 /* NETLINK_ROUTE */, netfilter: 12 /* NETLINK_NETFILTER */ } as const

/** Replies come in pieces of at most 32 KiB (netlink_dump in net/netlink/af_netlink.c); an error may echo its request. */
const ROOM = 128 << 10

/** The native class of the package (src/binding.cc). */
interface Native {
  setRecvBufferSize(bytes: number): void
  setSendBufferSize(bytes: number): void
  getSendBufferSize(): number
  addMembership(group: number): void
  dropMembership(group: number): void
  address(): { readonly port: number }
  close(): void
}

/** Node's handle of pipes and unix sockets (src/pipe_wrap.cc): it takes any descriptor that can be read and polled. */
interface PipeHandle {
  open(fd: number): number
}

export interface NetlinkTools {
  readonly fs: typeof import('node:fs')
  readonly newNative: (protocol: number) => Native
  readonly newStream: (fd: number, each: (length: number) => void) => Socket
  /** Where every datagram arrives before it is copied. */
  readonly room: Uint8Array
}

let tools: Promise<NetlinkTools> | undefined

/** The same for all sockets. Rejects where package or Node are not as they were found. */
export function netlinkTools(): Promise<NetlinkTools> {
  tools ??= findTools()
  return tools
}

async function findTools(): Promise<NetlinkTools> {
  const fs = await import('node:fs')
  const room = new Uint8Array(ROOM)
  return { fs, room, newNative: await nativeMaker(), newStream: await streamMaker(room) }
}

async function nativeMaker(): Promise<NetlinkTools['newNative']> {
  const { RawNetlinkSocket } = await import('netlink/dist/raw.js')
  const bound = new RawNetlinkSocket(PROTOCOL.route)
  type NativeClass = new (protocol: number, room: number, read: () => void, failed: () => void) => Native
  const Class: NativeClass = classOf((bound as unknown as { readonly __native?: object }).__native)
  bound.close()
  const nothing = () => undefined
  return protocol => new Class(protocol, 0, nothing, nothing)
}

/** A connection to nowhere has a pipe handle. */
async function streamMaker(room: Uint8Array): Promise<NetlinkTools['newStream']> {
  const net = await import('node:net')
  const nowhere = net.connect({ path: '\0portico nobody' })
  nowhere.on('error', () => undefined)
  const Class: new (type: number) => PipeHandle = classOf((nowhere as { readonly _handle?: object })._handle)
  nowhere.destroy()
  return (fd, each) => {
    const handle = new Class(0 /* SOCKET, src/pipe_wrap.h */)
    if (handle.open(fd) !== 0) throw failure('EINVAL')
    const callback = (length: number) => {
      each(length)
      return true
    }
    const options = { handle, readable: true, writable: false, onread: { buffer: room, callback } }
    return new net.Socket(options)
  }
}

function classOf<T>(value: object | undefined): T {
  if (value === undefined) throw failure('ENOSYS')
  return value.constructor as T
}

export class RawNetlink {
  readonly portId: number
  /** Bytes of the longest datagram: what is longer, less 32, netlink_sendmsg refuses with EMSGSIZE. */
  readonly sendLimit: number
  readonly #tools: NetlinkTools
  readonly #native: Native
  readonly #fd: number
  #stream: Socket | undefined
  #open = true

  /** Throws errors of Node, of the package and of the addon, which have a `code`. */
  constructor(tools: NetlinkTools, options: NetlinkOptions, addon: Addon | undefined) {
    const { fs } = tools
    this.#tools = tools
    // The kernel gives a new socket the lowest number that is free (socket(2)); `address` below shows that it did.
    this.#fd = fs.openSync('/dev/null', 'r')
    fs.closeSync(this.#fd)
    this.#native = tools.newNative(PROTOCOL[options.family])
    try {
      // Cut to net.core.rmem_max and wmem_max (net/core/sock.c); the addon goes beyond.
      this.#native.setRecvBufferSize(RECEIVE_BUFFER)
      this.#native.setSendBufferSize(SEND_BUFFER)
      if (addon !== undefined) this.#improve(addon, options)
      this.sendLimit = this.#native.getSendBufferSize() - 32
      this.portId = this.#bind()
      for (const group of options.groups) this.join(group)
    } catch (error) {
      this.#native.close()
      throw error
    }
  }

  join(group: number): void {
    this.#native.addMembership(group)
  }

  leave(group: number): void {
    this.#native.dropMembership(group)
  }

  /** The kernel does all that is asked before this returns, and has replied by then. Throws. */
  write(datagram: Uint8Array): void {
    this.#tools.fs.writeSync(this.#fd, datagram)
  }

  /** One datagram that has arrived; `lost`: the kernel dropped some, and those before the gap are still to come. */
  read(): Uint8Array | 'nothing' | 'lost' {
    const { fs, room } = this.#tools
    try {
      return this.#received(fs.readSync(this.#fd, room))
    } catch (error) {
      return (error as { code?: unknown }).code === 'ENOBUFS' ? 'lost' : 'nothing'
    }
  }

  /**
   * Each datagram as it arrives, until the kernel has dropped some: then `ended` is called, once, and the socket is
   * closed with all that it still held.
   */
  watch(each: (datagram: Uint8Array | 'lost') => void, ended: () => void): void {
    const stream = this.#tools.newStream(this.#fd, length => {
      if (this.#open) each(this.#received(length))
    })
    const end = () => {
      if (!this.#open) return
      this.close()
      ended()
    }
    stream.on('error', end)
    stream.on('close', end)
    this.#stream = stream
  }

  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#stream?.destroy()
    // A stream has closed the descriptor with it, and the package does so once more. Should the number serve another file
    // already, the package's object is left as it is.
    if (this.#stream === undefined || !this.#isDescriptor()) this.#native.close()
  }

  #improve(addon: Addon, options: NetlinkOptions): void {
    addon.forceBuffers(this.#fd, RECEIVE_BUFFER, SEND_BUFFER)
    if (options.extendedAck) addon.extendedAck(this.#fd)
    const filter = filterBytes(options)
    if (filter !== undefined) addon.filter(this.#fd, filter)
  }

  /** A datagram that is shorter than a header is read by nobody, but makes the kernel bind the socket (netlink_sendmsg). */
  #bind(): number {
    if (!this.#tools.fs.fstatSync(this.#fd).isSocket()) throw failure('EBADF')
    this.write(new Uint8Array(1))
    const { port } = this.#native.address()
    if (port === 0) throw failure('EBADF')
    return port
  }

  /** What lies in `room`, copied; what fills it may have been longer. */
  #received(length: number): Uint8Array | 'lost' {
    return length < ROOM ? this.#tools.room.slice(0, length) : 'lost'
  }

  #isDescriptor(): boolean {
    try {
      this.#tools.fs.fstatSync(this.#fd)
      return true
    } catch {
      return false
    }
  }
}

const failure = (code: string) => Object.assign(new Error(code), { code })
