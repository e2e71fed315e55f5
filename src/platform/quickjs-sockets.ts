/** UDP and netlink sockets on QuickJS. */
import type { Ip, Port } from '../base/ip.ts'
import { ipFrom, isMulticast } from '../base/ip.ts'
import type { BpfInstruction, Datagram, NetlinkOptions, NetlinkSocket, UdpOptions, UdpSocket } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'

/** Datagrams that one socket may deliver in one round. */
const BURST = 64

/** Netlink datagrams one `drain` may deliver; notices that never end must not hold the process. */
const DRAIN = 4096

/** Receive buffer of a UDP socket: about 1300 small datagrams, what comes in while a large batch is committed. */
const UDP_BUFFER = 1 << 20

/** Netlink: room for the notices of a large change, and for one batch with all elements of a large table. */
const NOTICE_BUFFER = 4 << 20
const BATCH_BUFFER = 32 << 20

/** Replies come in pieces of at most 32 KiB (netlink_dump in net/netlink/af_netlink.c); an error may echo its request. */
const NETLINK_DATAGRAM = 128 << 10

/** Where received datagrams arrive before they are copied; shared by all sockets, made when the first is opened. */
interface Places {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}
let shared: Places | undefined
let netlinkRoom: ArrayBuffer | undefined

function places(loop: Loop): Places {
  if (shared === undefined) {
    const buffer = new ArrayBuffer(loop.sys.PLACE_BYTES * loop.sys.MOST_DATAGRAMS)
    shared = { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) }
  }
  return shared
}

export function openUdp(loop: Loop, options: UdpOptions): UdpSocket {
  const { sys } = loop
  const name = `udp socket ${options.address} port ${options.port} on ${options.device}`
  const index = loop.check(sys.interfaceIndex(options.device), name)
  const { address, port, device, multicastTtl, begins } = options
  const shared = options.shared === true || isMulticast(address) ? 1 : 0
  const start = begins === undefined ? -1 : begins[0] * 256 + begins[1]
  const fd = loop.check(sys.udpOpen(address, port, device, index, multicastTtl, shared, start), name)
  if (sys.setOption(fd, sys.SOL_SOCKET, sys.SO_RCVBUFFORCE, UDP_BUFFER) < 0) {
    sys.setOption(fd, sys.SOL_SOCKET, sys.SO_RCVBUF, UDP_BUFFER)
  }
  const { bytes, words } = places(loop)
  const stride = sys.PLACE_BYTES
  const header = sys.PEER_BYTES
  let open = true

  function receive(each: (datagram: Datagram) => void) {
    for (let left = BURST; left > 0; left -= sys.MOST_DATAGRAMS) {
      const count = sys.udpReceive(fd, bytes.buffer as ArrayBuffer, 0, bytes.length, index)
      for (let i = 0; i < count && open; i++) {
        const from = peerAt(bytes, words, i * stride)
        if (from === undefined) continue
        const start = i * stride + header
        const length = words[(i * stride) / 4 + 2] as number
        loop.call(each, { bytes: bytes.slice(start, start + length), from })
      }
      if (count < sys.MOST_DATAGRAMS || !open) return
    }
  }
  return {
    take(each) {
      if (open)
        loop.check(
          loop.watch(fd, sys.EPOLLIN, () => receive(each)),
          name,
        )
    },
    send(datagram, to) {
      if (!open) return
      sys.udpSend(fd, datagram.buffer, datagram.byteOffset, datagram.length, to.ip, to.port, index)
    },
    close() {
      if (!open) return
      open = false
      loop.close(fd)
    },
  }
}

/** Clients ask again and again: their addresses are kept as text, up to this many. */
const KNOWN = 512
const known = new Map<number, Ip>()

/** The address that `udpReceive` and `accept` write (see sys.ts); `undefined` for family 0 and for port 0. */
export function peerAt(bytes: Uint8Array, words: Uint32Array, at: number): { ip: Ip; port: Port } | undefined {
  const family = words[at / 4]
  const port = words[at / 4 + 1] as Port
  if (family === 0 || port === 0) return undefined
  if (family === 6) return { ip: ipFrom(bytes, at + 16, 16), port }
  const key = words[at / 4 + 4] as number
  let ip = known.get(key)
  if (ip === undefined) {
    ip = ipFrom(bytes, at + 16, 4)
    if (known.size >= KNOWN) known.clear()
    known.set(key, ip)
  }
  return { ip, port }
}

/**
 * For each element of a batch the kernel makes a notice of 8 KB (NLMSG_GOODSIZE) and keeps all of them until the commit,
 * if anybody listens to the group: 30,000 elements were seen to cost 246 MB, and 5 MB when nobody did (6.18).
 */
const LARGE_BATCH = 262_144

/** One that hears what others of this process cause, and does not want to. */
interface Listener {
  readonly ignores: readonly number[]
  leave(): void
  /** What others did meanwhile was not heard, so whoever listens must look for himself. */
  comeBack(): void
}

const listeners = new Set<Listener>()

export function openNetlink(loop: Loop, options: NetlinkOptions): NetlinkSocket {
  const { sys } = loop
  const name = `netlink socket ${options.family}`
  const protocol = options.family === 'route' ? sys.NETLINK_ROUTE : sys.NETLINK_NETFILTER
  const fd = loop.check(sys.netlinkOpen(protocol), name)
  try {
    prepareNetlink(loop, fd, options, name)
  } catch (error) {
    sys.close(fd)
    throw error
  }
  if (netlinkRoom === undefined) netlinkRoom = new ArrayBuffer(NETLINK_DATAGRAM)
  const room = netlinkRoom
  let open = true
  let each: ((datagram: Uint8Array) => void) | undefined
  let overrun: () => void = () => undefined

  function receive(most: number, wanted?: () => boolean) {
    for (let i = 0; i < most && open && each !== undefined; i++) {
      if (i > 0 && wanted !== undefined && !wanted()) return // saves the call that finds nothing more
      const size = sys.netlinkReceive(fd, room, 0, room.byteLength)
      if (size >= 0 && size <= room.byteLength) loop.call(each, new Uint8Array(room.slice(0, size)))
      else if (size === -sys.ENOBUFS || size > 0) loop.call(overrun)
      else if (size !== -sys.EINTR) return
    }
  }
  const portId = sys.netlinkPort(fd)
  const member = (what: number) => {
    for (const group of options.groups) sys.setOption(fd, sys.SOL_NETLINK, what, group)
  }
  const listener: Listener = {
    ignores: options.ignoreFrom ?? [],
    leave: () => member(sys.NETLINK_DROP_MEMBERSHIP),
    comeBack() {
      member(sys.NETLINK_ADD_MEMBERSHIP)
      READY.then(() => open && loop.call(overrun))
    },
  }
  if (listener.ignores.length > 0) listeners.add(listener)
  return {
    portId,
    send(datagram) {
      if (!open) return
      const write = () => loop.check(sys.write(fd, datagram.buffer, datagram.byteOffset, datagram.length), name)
      if (datagram.length < LARGE_BATCH) write()
      else withoutListeners(portId, write)
    },
    take(each_, overrun_) {
      each = each_
      overrun = overrun_
      if (open)
        loop.check(
          loop.watch(fd, sys.EPOLLIN, () => receive(BURST)),
          name,
        )
    },
    drain: wanted => receive(DRAIN, wanted),
    close() {
      if (!open) return
      open = false
      listeners.delete(listener)
      loop.close(fd)
    },
  }
}

const READY = Promise.resolve()

/** The kernel does all of a batch while it is written. */
function withoutListeners(portId: number, write: () => void): void {
  const away = [...listeners].filter(({ ignores }) => ignores.includes(portId))
  for (const listener of away) listener.leave()
  try {
    write()
  } finally {
    for (const listener of away) listener.comeBack()
  }
}

function prepareNetlink(loop: Loop, fd: number, options: NetlinkOptions, name: string) {
  const { sys } = loop
  const buffer = (forced: number, polite: number, size: number) => {
    if (sys.setOption(fd, sys.SOL_SOCKET, forced, size) < 0) sys.setOption(fd, sys.SOL_SOCKET, polite, size)
  }
  buffer(sys.SO_RCVBUFFORCE, sys.SO_RCVBUF, NOTICE_BUFFER)
  buffer(sys.SO_SNDBUFFORCE, sys.SO_SNDBUF, BATCH_BUFFER)
  if (options.extendedAck) loop.check(sys.setOption(fd, sys.SOL_NETLINK, sys.NETLINK_EXT_ACK, 1), name)
  if (options.ignoreFrom !== undefined && options.ignoreFrom.length > 0) {
    const ids = Uint32Array.from(options.ignoreFrom)
    loop.check(sys.netlinkIgnore(fd, ids.buffer, 0, ids.byteLength), `${name}, filter`)
  }
  if (options.filter !== undefined) {
    const program = structures(options.filter.program)
    loop.check(sys.netlinkFilter(fd, program, 0, program.byteLength), `${name}, filter`)
  }
  for (const group of options.groups) {
    const result = sys.setOption(fd, sys.SOL_NETLINK, sys.NETLINK_ADD_MEMBERSHIP, group)
    loop.check(result, `${name}, group ${group}`)
  }
}

/** As `struct sock_filter`: u16 code, u8 jt, u8 jf, u32 k, in this machine's byte order. */
function structures(program: readonly BpfInstruction[]): ArrayBuffer {
  const bytes = new ArrayBuffer(8 * program.length)
  const [halves, octets, words] = [new Uint16Array(bytes), new Uint8Array(bytes), new Uint32Array(bytes)]
  for (const [n, { code, jt, jf, k }] of program.entries()) {
    halves[4 * n] = code
    octets[8 * n + 2] = jt
    octets[8 * n + 3] = jf
    words[2 * n + 1] = k
  }
  return bytes
}
