/**
 * Netlink on Node: the raw sockets of the package `netlink` 0.3.0. They can join groups and size their buffers, no more:
 *  - NETLINK_EXT_ACK cannot be set, so errors come without the kernel's own words;
 *  - no filter: a reader sees what its own process caused (`ignoreFrom`);
 *  - buffers are bounded by net.core.rmem_max and wmem_max (SO_RCVBUF, not SO_RCVBUFFORCE), and a batch must fit;
 *  - nothing can be read at once, so `drain` does nothing; and a `send` that fails is known only later: it is
 *    reported as a fault, and the request stays without an answer.
 */

import { systemError } from './node-errors.ts'
import type { NetlinkOptions, NetlinkSocket } from './platform.ts'

/** linux/netlink.h */
const PROTOCOL = { route: 0 /* NETLINK_ROUTE */, netfilter: 12 /* NETLINK_NETFILTER */ } as const

const RECEIVE_BUFFER = 4 << 20
const SEND_BUFFER = 32 << 20
/** Datagrams kept until `take` is called; it is called right after opening. */
const EARLY = 64

export async function openNetlink(
  options: NetlinkOptions,
  call: (run: () => void) => void,
  fault: (error: unknown) => void,
): Promise<NetlinkSocket> {
  const { RawNetlinkSocket } = await import('netlink')
  const doing = `netlink socket ${options.family}`
  const early: Uint8Array[] = []
  let each = (datagram: Uint8Array) => {
    if (early.length < EARLY) early.push(datagram)
  }
  let overrun: () => void = () => undefined
  let open = true
  let socket: InstanceType<typeof RawNetlinkSocket>
  try {
    socket = new RawNetlinkSocket(PROTOCOL[options.family], {
      recvBufferSize: RECEIVE_BUFFER,
      sendBufferSize: SEND_BUFFER,
    })
  } catch (error) {
    throw systemError(doing, error)
  }
  socket.on('message', (bytes, from) => {
    // Another process that may write to our port id is not the kernel.
    if (open && from.port === 0)
      call(() => each(new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)))
  })
  socket.on('truncatedMessage', () => call(overrun))
  socket.on('error', error => {
    if (!open) return
    if (error.code === 'ENOBUFS') call(overrun)
    else fault(systemError(doing, error))
  })
  try {
    for (const group of options.groups) socket.addMembership(group)
  } catch (error) {
    socket.close()
    throw systemError(doing, error)
  }
  return {
    portId: socket.address().port >>> 0,
    send(datagram) {
      if (!open) return
      const bytes = Buffer.from(datagram.buffer as ArrayBuffer, datagram.byteOffset, datagram.length)
      socket.send(bytes, {}, error => {
        if (error !== undefined && open) fault(systemError(doing, error))
      })
    },
    take(each_, overrun_) {
      each = each_
      overrun = overrun_
      const waiting = early.splice(0)
      if (waiting.length === 0) return
      queueMicrotask(() => {
        for (const datagram of waiting) if (open) call(() => each_(datagram))
      })
    },
    drain: () => undefined,
    close() {
      if (!open) return
      open = false
      socket.close()
    },
  }
}
