/** UDP sockets on QuickJS. */
import type { Ip, Port } from '../base/ip.ts'
import { ipFrom, isMulticast } from '../base/ip.ts'
import type { Datagram, UdpOptions, UdpSocket } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'
import type { Sys } from './sys.ts'

/** Datagrams that one socket may deliver in one round. */
const BURST = 64

/** Receive buffer of a UDP socket: about 1300 small datagrams, what comes in while a large batch is committed. */
const UDP_BUFFER = 1 << 20

/** Where received datagrams arrive before they are copied; shared by all sockets, made when the first is opened. */
interface Places {
  readonly bytes: Uint8Array
  readonly words: Uint32Array
}
let shared: Places | undefined

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
  const fd = loop.check(bound(sys, options, index), name)
  const { bytes, words } = places(loop)
  // Taken out once: to ask a typed array for its buffer or length is a call, and this is the path of every request.
  const buffer = bytes.buffer as ArrayBuffer
  const room = buffer.byteLength
  const { PLACE_BYTES: stride, PEER_BYTES: header, MOST_DATAGRAMS: most } = sys
  let open = true

  function receive(each: (datagram: Datagram) => void) {
    for (let left = BURST; left > 0; left -= most) {
      const count = sys.udpReceive(fd, buffer, 0, room, index)
      for (let i = 0; i < count && open; i++) {
        const from = peerAt(bytes, words, i * stride)
        if (from === undefined) continue
        const start = i * stride + header
        const length = words[(i * stride) / 4 + 2] as number
        loop.call(each, { bytes: bytes.slice(start, start + length), from })
      }
      if (count < most || !open) return
    }
  }
  return {
    take(each) {
      if (!open) return
      const result = loop.watch(fd, sys.EPOLLIN, () => receive(each))
      loop.check(result, name)
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

/** The descriptor, or a negative errno. */
function bound(
  sys: Sys,
  { address, port, device, multicastTtl, begins, ...options }: UdpOptions,
  index: number,
): number {
  const shared = options.shared === true || isMulticast(address) ? 1 : 0
  const start = begins === undefined ? -1 : begins[0] * 256 + begins[1]
  const fd = sys.udpOpen(address, port, device, index, multicastTtl, shared, start)
  if (fd < 0) return fd
  if (sys.setOption(fd, sys.SOL_SOCKET, sys.SO_RCVBUFFORCE, UDP_BUFFER) < 0) {
    sys.setOption(fd, sys.SOL_SOCKET, sys.SO_RCVBUF, UDP_BUFFER)
  }
  return fd
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
