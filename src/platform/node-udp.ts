/**
 * UDP on Node, with `dgram-as-promised`. What Node cannot do here: bind to a device, and see by which interface a
 * datagram came; the guard in our nftables input chain takes that part.
 */
import type { Ip, Port } from '../base/ip.ts'
import { isIpv4, parseIp } from '../base/ip.ts'
import { systemError } from './node-errors.ts'
import type { Datagram, UdpOptions, UdpSocket } from './platform.ts'

/** As on QuickJS, where longer datagrams are cut here; nothing that Portico speaks is longer than 1100 bytes. */
const LONGEST = 2048
const RECEIVE_BUFFER = 1 << 20

export async function openUdp(options: UdpOptions, call: (run: () => void) => void): Promise<UdpSocket> {
  const { DgramAsPromised } = await import('dgram-as-promised')
  const doing = `udp socket ${options.address} port ${options.port} on ${options.device}`
  const v4 = isIpv4(options.address)
  const socket = DgramAsPromised.createSocket(v4 ? { type: 'udp4' } : { type: 'udp6', ipv6Only: true })
  const zone = options.address.startsWith('fe80:') ? `%${options.device}` : ''
  try {
    await socket.bind({ address: `${options.address}${zone}`, port: options.port, exclusive: true })
    socket.setMulticastTTL(options.multicastTtl)
    socket.setMulticastInterface(v4 ? options.address : `::%${options.device}`)
    socket.setRecvBufferSize(RECEIVE_BUFFER)
  } catch (error) {
    socket.close().catch(() => undefined)
    throw systemError(doing, error)
  }
  let open = true
  return {
    take(each) {
      // recv() of dgram-as-promised loses what arrives between two calls, so its socket's event is used.
      socket.socket.removeAllListeners('message')
      socket.socket.on('message', (bytes, from) => {
        const datagram = received(bytes, from)
        if (open && datagram !== undefined) call(() => each(datagram))
      })
    },
    send(bytes, to) {
      if (!open) return
      const scope = to.ip.startsWith('fe80:') ? `%${options.device}` : ''
      socket.send(bytes, to.port, `${to.ip}${scope}`).catch(() => undefined)
    },
    close() {
      if (!open) return
      open = false
      socket.close().catch(() => undefined)
    },
  }
}

function received(bytes: Uint8Array, from: { address: string; port: number }): Datagram | undefined {
  const ip: Ip | undefined = parseIp(from.address.split('%')[0] as string)
  if (ip === undefined || from.port === 0) return undefined
  const length = Math.min(bytes.length, LONGEST)
  return {
    bytes: new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, length),
    from: { ip, port: from.port as Port },
  }
}
