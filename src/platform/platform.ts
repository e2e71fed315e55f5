/**
 * All that differs between engines: types for everyone, code for `main.ts` alone. Nothing above this folder knows an
 * engine's name, opens a socket, reads a clock or draws a random number in any other way.
 *
 * Common rules: handlers are called one at a time and never from inside the call that installs them; received bytes
 * are copies that the handler may keep; `close()` twice is harmless, and after it no handler is called again.
 */
import { Expected } from '../base/fail.ts'
import type { Ip, Port } from '../base/ip.ts'
import type { Clock, Instant, Milliseconds } from '../base/time.ts'

/** A system call that failed; `code` is the symbolic errno (`EADDRINUSE`), since numbers differ between processors. */
export class SystemError extends Expected {
  override name = 'SystemError'
  readonly code: string
  constructor(doing: string, code: string) {
    super(`${doing}: ${code}`)
    this.code = code
  }
}

export interface Datagram {
  readonly bytes: Uint8Array
  readonly from: { readonly ip: Ip; readonly port: Port }
}

export interface UdpOptions {
  /**
   * One of the router's own addresses: datagrams to any other (broadcast, multicast, WAN) are not delivered. Or a
   * multicast group, which is joined on `device`: datagrams to the group alone are delivered; nothing is sent by it.
   * So a handler always knows where a datagram was sent to.
   */
  readonly address: Ip
  readonly port: Port
  /**
   * Device that the address belongs to. Where the engine can (QuickJS), the socket is bound to it and takes nothing
   * that came in elsewhere; on Node the guard in our nftables input chain does the same. Between two internal devices
   * the guard does not choose: on Node a socket on an IPv4 or site-local group hears its group from all of them, so
   * its handler must look at the source. Link-local addresses and groups are those of this device on every engine.
   */
  readonly device: string
  /** Hops for multicast that leaves by this socket; multicast always leaves by `device`. */
  readonly multicastTtl: number
  /** SO_REUSEADDR: other programs, and other sockets of ours, may use the port too. Always so for a group. */
  readonly shared?: boolean
  /** Where the engine can (QuickJS): datagrams that do not begin with these two bytes wake nobody. */
  readonly begins?: readonly [number, number]
}

export interface UdpSocket {
  take(each: (datagram: Datagram) => void): void
  /** From the bound address and port. What cannot be sent is dropped, as UDP does; never throws. */
  send(bytes: Uint8Array, to: { readonly ip: Ip; readonly port: Port }): void
  close(): void
}

/** linux/netlink.h protocols */
export type NetlinkFamily = 'route' | 'netfilter'

export interface NetlinkOptions {
  readonly family: NetlinkFamily
  /** Multicast group numbers (not masks) to join. */
  readonly groups: readonly number[]
  /** NETLINK_EXT_ACK, but for Node without its addon: errors then carry the kernel's own words. */
  readonly extendedAck: boolean
  /**
   * Leave out what this process itself caused: datagrams whose header names one of these port ids. A socket filter;
   * Node without its addon hands everything over, so a reader must look at the header too.
   */
  readonly ignoreFrom?: readonly number[]
  /** What this lets through wakes us, and nothing else; not together with `ignoreFrom`. */
  readonly filter?: NetlinkFilter
}

export interface NetlinkFilter {
  /** Classic BPF (linux/filter.h); it sees a datagram from its first `nlmsghdr` on. */
  readonly program: readonly BpfInstruction[]
  /**
   * Node without its addon cannot filter, and hands everything over; with `required` the socket is refused instead,
   * with EOPNOTSUPP: for what is worth hearing only as long as the rest costs nothing.
   */
  readonly required: boolean
}

/** struct sock_filter. */
export interface BpfInstruction {
  readonly code: number
  /** Instructions to skip when a jump's condition holds, and when not. */
  readonly jt: number
  readonly jf: number
  readonly k: number
}

export interface NetlinkSocket {
  /** The port id the kernel gave us (`nlmsg_pid` of what we cause). */
  readonly portId: number
  /** Bytes of the largest datagram that `send` takes, where it may be fewer than wanted (Node; see net.core.wmem_max). */
  readonly sendLimit?: number
  /** One datagram, whole; throws `SystemError`. */
  send(datagram: Uint8Array): void
  /**
   * `overrun`: the kernel dropped messages for us (ENOBUFS), and those that waited before the gap have been thrown away:
   * until the last of them is gone it drops all that comes and does not tell again (NETLINK_S_CONGESTED,
   * net/netlink/af_netlink.c). What is delivered afterwards is newer; whoever listens must read the state anew.
   */
  take(each: (datagram: Uint8Array) => void, overrun: () => void): void
  /**
   * Delivers at once what has already arrived: the kernel answers while `send` runs, so a reply needs no turn of the
   * event loop. `wanted` is asked after each datagram: false leaves what may follow to the event loop, or to the next `drain`.
   */
  drain(wanted?: () => boolean): void
  /** `false` leaves the groups, `true` joins them again; of what happens in between nothing is told. Never throws. */
  hear(on: boolean): void
  close(): void
}

export interface Stream {
  /** Bytes accepted but not yet handed to the kernel: what a writer looks at before it writes more. */
  readonly pending: number
  /** The other side, for internet streams. */
  readonly peer: { readonly ip: Ip; readonly port: Port } | undefined
  /**
   * `ended` once, when the other side has finished or the connection broke. `plain` hears instead of `each` what came as
   * nothing but printable ASCII, tabs and line ends, where the engine has a quick way to make text of it (QuickJS).
   */
  take(each: (bytes: Uint8Array) => void, ended: () => void, plain?: (text: string) => void): void
  /** Text must be ASCII, and spares the engine that has no quick way to make bytes of it (QuickJS). */
  write(content: Uint8Array | string): void
  /** Sends what is pending, then closes. */
  end(): void
  /** Closes at once. */
  close(): void
}

/**
 * `unix`: a path, made with mode 0600, replaced when nobody listens on it; a name that starts with NUL lives in the
 * abstract space of the network namespace and vanishes with its owner.
 */
export type StreamAddress = { readonly unix: string } | InternetAddress

export interface InternetAddress {
  readonly address: Ip
  readonly port: Port
  /**
   * Where the address is: needed for a link-local one. Where the engine can (QuickJS), connections are then accepted,
   * or made, by this device and no other; on Node the guard in our nftables input chain does so for what comes in.
   */
  readonly device?: string
}

/** A connection from us. */
export interface DialOptions extends InternetAddress {
  /** One of our own addresses. */
  readonly from?: Ip
}

export interface Dialing {
  /** Gives up: `done` is not called any more. Afterwards it changes nothing; the stream has its own `close`. */
  close(): void
}

export interface Listener {
  close(): void
}

export interface Finished {
  /** Exit status; 127 when the command does not exist, 124 when the time was up. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP'

/** What an engine does without here and could have, in words for the owner. */
export interface Shortfall {
  readonly severity: 'info' | 'warning'
  readonly message: string
  readonly why?: string
}

export interface Platform {
  /** For people: `Node 20.20.2`, `QuickJS 2025-04-26`. */
  readonly engine: string
  shortfall(): Shortfall | undefined
  /** Byte order of this machine: netlink headers use it. */
  readonly littleEndian: boolean
  /** `ENOENT` for 2; the numbers differ between processors (MIPS), so nothing above asks for a number. */
  errnoName(errno: number): string
  /** Command line after the program (and bundle) name. */
  readonly arguments: readonly string[]
  /** CLOCK_BOOTTIME. */
  readonly clock: Clock
  /** Milliseconds since 1970, for the time stamp of a log line and nothing else. */
  wallTime(): number
  /** The one wake-up of the process: replaces the one set before; `undefined` cancels it. */
  wakeAt(at: Instant | undefined, wake: () => void): void
  random(length: number): Uint8Array
  environment(name: string): string | undefined

  udp(options: UdpOptions): Promise<UdpSocket>
  netlink(options: NetlinkOptions): Promise<NetlinkSocket>
  /** For servers that listen first: a connection is shown when it has said something, where the engine can (QuickJS), or
   * a second after it was made. */
  listen(at: StreamAddress, accept: (stream: Stream) => void): Promise<Listener>
  connect(to: StreamAddress): Promise<Stream>
  /**
   * A connection that can be given up before it stands. `done` is called once, never from inside the call. How long it
   * may take is the caller's decision: the kernel tries for minutes.
   */
  dial(to: DialOptions, done: (outcome: Stream | SystemError) => void): Dialing
  /** Whether a socket of this machine already uses the port on this address or on all addresses. */
  portInUse(transport: 'tcp' | 'udp', address: Ip, port: Port): boolean

  /** Whole content of a small file (sizes of /proc files are unknown beforehand); `undefined` when there is none. */
  readFile(path: string): Uint8Array | undefined
  /** Complete or not at all: written beside and renamed. Mode 0600. */
  writeFile(path: string, bytes: Uint8Array): void
  removeFile(path: string): void
  /** With parents; harmless when it exists. */
  makeDirectory(path: string): void
  /** No shell: `command[0]` is looked up in PATH, the rest are its arguments. Never rejects. */
  run(command: readonly string[], timeout: Milliseconds): Promise<Finished>

  onSignal(signal: Signal, handle: () => void): void
  /** A line to standard error (the log) or text to standard output (the console's answer). */
  stderr(line: string): void
  stdout(text: string): void
  /** Text lines from standard input, for an interactive console; `undefined` at its end. */
  readLine(): Promise<string | undefined>
  /** Ends the process after what was written has left. */
  exit(status: number): never
  /** Every promise rejected without a handler and every error thrown out of a handler comes here; none ends us. */
  onFault(handle: (error: unknown) => void): void
}
