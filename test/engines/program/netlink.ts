/** Scenes about netlink sockets. The few messages here are spelled out: the codec has tests of its own. */
import type { Instant, Milliseconds } from '../../../src/base/time.ts'
import type { NetlinkFilter, NetlinkSocket, Platform } from '../../../src/platform/platform.ts'
import type { Scene } from './main.ts'

/** linux/netlink.h */
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_DUMP = 0x300
const NLMSG_NOOP = 1
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
/** linux/rtnetlink.h */
const RTM_NEWLINK = 16
const RTM_GETLINK = 18
const RTM_NEWADDR = 20
const RTM_DELADDR = 21
const RTNLGRP_IPV4_IFADDR = 5

/** Acknowledgements that do not fit the receive buffer, whatever the kernel charges for one. */
const MANY = 60_000

/** Header and body of one message, in this machine's byte order. */
function message(platform: Platform, type: number, flags: number, sequence: number, body: readonly number[]) {
  const bytes = new Uint8Array(16 + body.length)
  const view = new DataView(bytes.buffer)
  view.setUint32(0, bytes.length, platform.littleEndian)
  view.setUint16(4, type, platform.littleEndian)
  view.setUint16(6, flags, platform.littleEndian)
  view.setUint32(8, sequence, platform.littleEndian)
  bytes.set(body, 16)
  return bytes
}

/** Types of the messages in a datagram, with the errno of an error. */
function typesIn(platform: Platform, datagram: Uint8Array): string[] {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length)
  const types: string[] = []
  for (let at = 0; at + 16 <= datagram.length; at += (view.getUint32(at, platform.littleEndian) + 3) & ~3) {
    const type = view.getUint16(at + 4, platform.littleEndian)
    const errno = type === NLMSG_ERROR ? -view.getInt32(at + 16, platform.littleEndian) : 0
    types.push(type === NLMSG_ERROR ? `error ${errno === 0 ? 'none' : platform.errnoName(errno)}` : String(type))
  }
  return types
}

/** 127.0.5.`last`/32 on lo (index 1 in a fresh namespace): struct ifaddrmsg, then IFA_LOCAL (2). */
const addressBody = (platform: Platform, last: number) => {
  const index = platform.littleEndian ? [1, 0, 0, 0] : [0, 0, 0, 1]
  const attribute = platform.littleEndian ? [8, 0, 2, 0] : [0, 8, 0, 2]
  return [2, 32, 0, 0, ...index, ...attribute, 127, 0, 5, last]
}

/** Lets through notices of addresses that go. */
const goings = (platform: Platform): NetlinkFilter => {
  const type = platform.littleEndian ? RTM_DELADDR << 8 : RTM_DELADDR // BPF loads in network order
  const [load, jump, end] = [0x28, 0x15, 0x06] // BPF_LD | BPF_H | BPF_ABS, BPF_JMP | BPF_JEQ, BPF_RET
  const program = [
    { code: load, jt: 0, jf: 0, k: 4 },
    { code: jump, jt: 0, jf: 1, k: type },
    { code: end, jt: 0, jf: 0, k: 0xffff_ffff },
    { code: end, jt: 0, jf: 0, k: 0 },
  ]
  return { program, required: true }
}

const open = (platform: Platform, groups: readonly number[] = [], ignoreFrom: readonly number[] = []) =>
  platform.netlink({ family: 'route', groups, extendedAck: true, ignoreFrom })

export const netlinkScenes: Record<string, Scene> = {
  /** A dump of the links: how many came before `drain` returned, and in all. */
  async links(platform) {
    const socket = await open(platform)
    const types: string[] = []
    socket.take(
      datagram => {
        types.push(...typesIn(platform, datagram))
        if (types.at(-1) === String(NLMSG_DONE)) {
          platform.stdout(`links ${types.filter(type => type === String(RTM_NEWLINK)).length}\n`)
          socket.close()
          socket.close()
        }
      },
      () => platform.stdout('overrun\n'),
    )
    socket.send(message(platform, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, new Array(16).fill(0)))
    socket.drain()
    platform.stdout(`drained ${types.length > 0}\n`)
  },

  /** An address that is added twice: the acknowledgement, then the error, with or without the kernel's words. */
  async acks(platform) {
    const socket = await open(platform)
    socket.take(
      datagram =>
        platform.stdout(`${typesIn(platform, datagram).join(',')} ${datagram.length > 100 || hasText(datagram)}\n`),
      () => undefined,
    )
    const flags = NLM_F_REQUEST | NLM_F_ACK | 0x600 /* NLM_F_CREATE | NLM_F_EXCL */
    for (const sequence of [1, 2]) {
      socket.send(message(platform, RTM_NEWADDR, flags, sequence, addressBody(platform, 9)))
      socket.drain()
    }
    socket.send(message(platform, RTM_NEWADDR, flags, 3, [99, 32, 0, 0, 1, 0, 0, 0]))
    socket.drain()
    platform.wakeAt((platform.clock.now() + 200) as Instant, () => socket.close())
  },

  /** Address notices, without those that our own socket causes. */
  async notices(platform) {
    const asks = await open(platform)
    const hears = await open(platform, [RTNLGRP_IPV4_IFADDR], [asks.portId, 4_000_000_001])
    platform.stdout(`port ids ${asks.portId !== hears.portId && asks.portId > 0}\n`)
    asks.take(
      () => undefined,
      () => undefined,
    )
    hears.take(
      datagram =>
        platform.stdout(`notice ${typesIn(platform, datagram).join(',')} ${isOwn(platform, datagram, asks)}\n`),
      () => platform.stdout('overrun\n'),
    )
    asks.send(message(platform, RTM_NEWADDR, NLM_F_REQUEST | 0x600, 1, addressBody(platform, 7)))
    asks.send(message(platform, RTM_DELADDR, NLM_F_REQUEST, 2, addressBody(platform, 7)))
    platform.onSignal('SIGTERM', () => platform.exit(0))
  },

  /** Address notices through a filter that knows one type. */
  async filtered(platform) {
    const options = {
      family: 'route',
      groups: [RTNLGRP_IPV4_IFADDR],
      extendedAck: true,
      filter: goings(platform),
    } as const
    let hears: NetlinkSocket
    try {
      hears = await platform.netlink(options)
    } catch (error) {
      return platform.stdout(`refused ${(error as { code?: string }).code}\n`)
    }
    hears.take(
      datagram => platform.stdout(`notice ${typesIn(platform, datagram).join(',')}\n`),
      () => platform.stdout('overrun\n'),
    )
  },

  /** Listeners that come and go, each after it has heard of an address: how many descriptors that costs. */
  async 'many-listeners'(platform) {
    const asks = await open(platform)
    const descriptors = async () =>
      Number((await platform.run(['sh', '-c', 'ls /proc/$PPID/fd | wc -l'], 5000 as Milliseconds)).stdout)
    let heard = 0
    const once = async () => {
      const hears = await open(platform, [RTNLGRP_IPV4_IFADDR])
      hears.take(
        () => {
          heard++
        },
        () => platform.stdout('overrun\n'),
      )
      asks.send(message(platform, RTM_NEWADDR, NLM_F_REQUEST | 0x600, 1, addressBody(platform, 11)))
      hears.drain()
      hears.close()
      asks.send(message(platform, RTM_DELADDR, NLM_F_REQUEST, 2, addressBody(platform, 11)))
    }
    await once()
    const before = await descriptors()
    for (let times = 0; times < 200; times++) await once()
    // The engine itself may have had some at the first look that it has closed since.
    platform.stdout(`heard ${heard}, leaks ${(await descriptors()) - before > 20}\n`)
    asks.close()
  },

  /** A datagram of 8 MiB. */
  async 'send-limit'(platform) {
    const socket = await open(platform)
    socket.take(
      () => undefined,
      () => undefined,
    )
    const all = new Uint8Array(8 << 20)
    const one = message(platform, NLMSG_NOOP, NLM_F_REQUEST, 1, new Array(65_520).fill(0))
    for (let at = 0; at < all.length; at += one.length) all.set(one, at)
    try {
      socket.send(all)
      platform.stdout('sent true\n')
    } catch {
      platform.stdout('sent false\n')
    }
    socket.close()
  },

  /** More acknowledgements than the socket holds, and one request after them. */
  async 'many-acks'(platform) {
    const socket = await open(platform)
    let acknowledged = 0
    let lost = 0
    socket.take(
      datagram => {
        acknowledged += typesIn(platform, datagram).length
      },
      () => {
        lost++
      },
    )
    const one = message(platform, NLMSG_NOOP, NLM_F_REQUEST | NLM_F_ACK, 1, [])
    const all = new Uint8Array(MANY * one.length)
    for (let at = 0; at < all.length; at += one.length) all.set(one, at)
    socket.send(all)
    for (let before = -1; before < acknowledged; socket.drain()) before = acknowledged
    platform.stdout(`lost ${lost > 0} ${acknowledged < MANY}\n`)
    acknowledged = 0
    socket.send(one)
    socket.drain(() => acknowledged === 0)
    platform.stdout(`again ${acknowledged}\n`)
    socket.close()
  },

  /** Notices of an address that comes and goes: with ears, without, with them again. */
  async ears(platform) {
    const asks = await open(platform)
    const hears = await open(platform, [RTNLGRP_IPV4_IFADDR])
    let heard = 0
    hears.take(
      datagram => {
        heard += typesIn(platform, datagram).length
      },
      () => platform.stdout('overrun\n'),
    )
    for (const on of [true, false, true]) {
      hears.hear(on)
      asks.send(message(platform, RTM_NEWADDR, NLM_F_REQUEST | 0x600, 1, addressBody(platform, 8)))
      asks.send(message(platform, RTM_DELADDR, NLM_F_REQUEST, 2, addressBody(platform, 8)))
      hears.drain()
      platform.stdout(`${on} ${heard}\n`)
      heard = 0
    }
    asks.close()
    hears.close()
    hears.hear(true)
  },

  /** Closes itself in its first notice. */
  async 'close-netlink'(platform) {
    const socket = await open(platform, [RTNLGRP_IPV4_IFADDR])
    socket.take(
      () => {
        platform.stdout('notice\n')
        socket.close()
        socket.drain()
        socket.send(Uint8Array.of(1))
      },
      () => undefined,
    )
  },

  /** A group that does not exist. */
  async 'bad-group'(platform) {
    try {
      await open(platform, [4000])
      platform.stdout('opened\n')
    } catch (error) {
      platform.stdout(`refused ${(error as { code?: string }).code}\n`)
    }
  },
}

/** Printable words of at least eight letters: what NETLINK_EXT_ACK adds. */
function hasText(datagram: Uint8Array): boolean {
  return /[A-Za-z ]{8}/.test(String.fromCharCode(...datagram.subarray(16)))
}

function isOwn(platform: Platform, datagram: Uint8Array, asks: NetlinkSocket): boolean {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length)
  return view.getUint32(12, platform.littleEndian) === asks.portId
}
