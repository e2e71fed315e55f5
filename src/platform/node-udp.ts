/**
 * UDP on Node, with `dgram-as-promised`. What Node cannot do here: bind to a device, and see by which interface a
 * datagram came; the guard in our nftables input chain takes that part.
 */
import type { NetworkInterfaceInfo } from 'node:os'
import type { Ip, Port } from '../base/ip.ts'
import { isIpv4, isLinkLocal, isMulticast, parseIp } from '../base/ip.ts'
import { systemError } from './node-errors.ts'
import type { Datagram, UdpOptions, UdpSocket } from './platform.ts'

/** As on QuickJS, where longer datagrams are cut here; nothing that Portico speaks is longer than 1100 bytes. */
const LONGEST = 2048
const RECEIVE_BUFFER = 1 << 20

export async function openUdp(options: UdpOptions, call: (run: () => void) => void): Promise<UdpSocket> {
  const socket = await bound(options)
  let open = true
  return {
    take(each) {
      const deliver = gathering(datagram => {
        if (open) call(() => each(datagram))
      })
      // recv() of dgram-as-promised loses what arrives between two calls, so its socket's event is used.
      socket.socket.removeAllListeners('message')
      socket.socket.on('message', (bytes, from) => {
        const datagram = received(bytes, from)
        if (open && datagram !== undefined) deliver(datagram)
      })
    },
    send(bytes, to) {
      if (!open) return
      const scope = isLinkLocal(to.ip) || to.ip.startsWith('ff02:') ? `%${options.device}` : ''
      // send() of dgram-as-promised drops a datagram for each error that came in before.
      socket.socket.send(bytes, to.port, `${to.ip}${scope}`, () => undefined)
    },
    close() {
      if (!open) return
      open = false
      socket.close().catch(() => undefined)
    },
  }
}

/**
 * Delivers what one poll of the event loop has read (up to 32 datagrams) in one piece: the promises of a handler are not
 * settled between two of them, so what they ask for becomes one batch, as on QuickJS.
 */
function gathering(deliver: (datagram: Datagram) => void): (datagram: Datagram) => void {
  const gathered: Datagram[] = []
  const all = () => {
    for (const datagram of gathered.splice(0)) deliver(datagram)
  }
  return datagram => {
    if (gathered.push(datagram) === 1) setImmediate(all)
  }
}

async function bound(options: UdpOptions) {
  const { DgramAsPromised } = await import('dgram-as-promised')
  const { networkInterfaces } = await import('node:os')
  const doing = `udp socket ${options.address} port ${options.port} on ${options.device}`
  const v4 = isIpv4(options.address)
  const isGroup = isMulticast(options.address)
  const reuseAddr = isGroup || options.shared === true
  const socket = DgramAsPromised.createSocket({ type: v4 ? 'udp4' : 'udp6', ipv6Only: !v4, reuseAddr, lookup })
  // The kernel binds a socket to the device when its address has a scope: also for ff02::c.
  const zone = isLinkLocal(options.address) || options.address.startsWith('ff02:') ? `%${options.device}` : ''
  try {
    await socket.bind({ address: `${options.address}${zone}`, port: options.port, exclusive: true })
    const own = v4 ? ownAddress(networkInterfaces(), options) : `::%${options.device}`
    if (isGroup) socket.addMembership(options.address, own)
    else socket.setMulticastInterface(own)
    socket.setMulticastTTL(options.multicastTtl)
    // What leaves for a group is not looped back to this machine: nobody here asks for it.
    socket.setMulticastLoopback(false)
    socket.setRecvBufferSize(RECEIVE_BUFFER)
    return socket
  } catch (error) {
    socket.close().catch(() => undefined)
    throw systemError(doing, error)
  }
}

/** Every name here is an address. At once, so that what is sent before a close has left. */
function lookup(
  address: string,
  _options: unknown,
  found: (error: NodeJS.ErrnoException | null, address: string, family: number) => void,
): void {
  found(null, address, address.includes(':') ? 6 : 4)
}

/** Node names the interface of an IPv4 group by an address of it. */
function ownAddress(devices: NodeJS.Dict<NetworkInterfaceInfo[]>, { address, device }: UdpOptions): string {
  if (!isMulticast(address)) return address
  const own = devices[device]?.find(({ family }) => family === 'IPv4')
  if (own === undefined) throw Object.assign(new Error(`${device} has no IPv4 address`), { code: 'ENODEV' })
  return own.address
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
