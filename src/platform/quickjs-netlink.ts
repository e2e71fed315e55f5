/** Netlink sockets on QuickJS. */
import { filterBytes } from './netlink-filter.ts'
import { BURST, DRAIN, MOST_WAITING, RECEIVE_BUFFER, SEND_BUFFER } from './netlink-limits.ts'
import type { NetlinkOptions, NetlinkSocket } from './platform.ts'
import { SystemError } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'

export function openNetlink(loop: Loop, options: NetlinkOptions): NetlinkSocket {
  const { sys } = loop
  const name = `netlink socket ${options.family}`
  const fd = prepared(loop, options, name)
  const inbox = receiver(loop, fd)
  return {
    portId: sys.netlinkPort(fd),
    send(datagram) {
      if (inbox.open) loop.check(sys.write(fd, datagram.buffer, datagram.byteOffset, datagram.length), name)
    },
    take(each, overrun) {
      inbox.each = each
      inbox.overrun = overrun
      if (!inbox.open) return
      const result = loop.watch(fd, sys.EPOLLIN, () => inbox.receive(BURST))
      loop.check(result, name)
    },
    drain: wanted => inbox.receive(DRAIN, wanted),
    hear(on) {
      if (!inbox.open) return
      const what = on ? sys.NETLINK_ADD_MEMBERSHIP : sys.NETLINK_DROP_MEMBERSHIP
      for (const group of options.groups) {
        const result = sys.setOption(fd, sys.SOL_NETLINK, what, group)
        if (result < 0) loop.fault(new SystemError(`${name}, group ${group}`, sys.errnoName(-result)))
      }
    },
    close() {
      if (!inbox.open) return
      inbox.open = false
      loop.close(fd)
    },
  }
}

interface Inbox {
  open: boolean
  each: ((datagram: Uint8Array) => void) | undefined
  overrun: () => void
  receive(most: number, wanted?: () => boolean): void
}

function receiver(loop: Loop, fd: number): Inbox {
  const { sys } = loop
  const inbox: Inbox = { open: true, each: undefined, overrun: () => undefined, receive }

  function receive(most: number, wanted?: () => boolean) {
    for (let i = 0; i < most && inbox.open && inbox.each !== undefined; i++) {
      if (i > 0 && wanted !== undefined && !wanted()) return // saves the call that finds nothing more
      const found = sys.netlinkReceive(fd)
      if (typeof found !== 'number') loop.call(inbox.each, new Uint8Array(found))
      else if (found === -sys.ENOBUFS || found > 0) {
        discard()
        loop.call(inbox.overrun)
      } else if (found !== -sys.EINTR) return
    }
  }

  /** What waits; the kernel adds nothing while it is congested. */
  function discard() {
    for (let left = MOST_WAITING; left > 0; left--) {
      if (sys.netlinkReceive(fd) === -sys.EAGAIN) return
    }
  }
  return inbox
}

/** Throws `SystemError`, with nothing left open. */
function prepared(loop: Loop, options: NetlinkOptions, name: string): number {
  const { sys } = loop
  const protocol = options.family === 'route' ? sys.NETLINK_ROUTE : sys.NETLINK_NETFILTER
  const fd = loop.check(sys.netlinkOpen(protocol), name)
  try {
    prepare(loop, fd, options, name)
    return fd
  } catch (error) {
    sys.close(fd)
    throw error
  }
}

function prepare(loop: Loop, fd: number, options: NetlinkOptions, name: string) {
  const { sys } = loop
  const buffer = (forced: number, polite: number, size: number) => {
    if (sys.setOption(fd, sys.SOL_SOCKET, forced, size) < 0) sys.setOption(fd, sys.SOL_SOCKET, polite, size)
  }
  buffer(sys.SO_RCVBUFFORCE, sys.SO_RCVBUF, RECEIVE_BUFFER)
  buffer(sys.SO_SNDBUFFORCE, sys.SO_SNDBUF, SEND_BUFFER)
  if (options.extendedAck) loop.check(sys.setOption(fd, sys.SOL_NETLINK, sys.NETLINK_EXT_ACK, 1), name)
  const filter = filterBytes(options)
  if (filter !== undefined) loop.check(sys.netlinkFilter(fd, filter.buffer, 0, filter.length), `${name}, filter`)
  for (const group of options.groups) {
    const result = sys.setOption(fd, sys.SOL_NETLINK, sys.NETLINK_ADD_MEMBERSHIP, group)
    loop.check(result, `${name}, group ${group}`)
  }
}
