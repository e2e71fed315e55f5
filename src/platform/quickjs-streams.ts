/** TCP and unix streams on QuickJS. */
import type { Ip, Port } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Dialing, DialOptions, InternetAddress, Listener, Stream, StreamAddress } from './platform.ts'
import { SystemError } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'
import { peerAt } from './quickjs-sockets.ts'

/** Connections accepted, and bytes read, from one descriptor in one round. */
const ACCEPTS = 16
const PIECE = 64 << 10

type Peer = { readonly ip: Ip; readonly port: Port } | undefined

function textOf(at: StreamAddress): string {
  if ('unix' in at) return at.unix.replace('\0', '@')
  return `${at.address} port ${at.port}${at.device === undefined ? '' : ` on ${at.device}`}`
}

export function listenStream(loop: Loop, at: StreamAddress, accept: (stream: Stream) => void): Listener {
  const { sys } = loop
  const name = `listening on ${textOf(at)}`
  const fd = loop.check('unix' in at ? sys.unixListen(at.unix) : listenTcp(loop, at, name), name)
  const peer = new Uint8Array(sys.PEER_BYTES)
  const words = new Uint32Array(peer.buffer)
  let spare = sys.spare()
  let open = true

  /** With no descriptor left a connection can only be refused; left alone it would be ready for ever. */
  function refuse() {
    if (spare >= 0) sys.close(spare)
    const refused = sys.accept(fd, peer.buffer, 0, peer.length)
    if (refused >= 0) sys.close(refused)
    spare = sys.spare()
  }
  function take() {
    for (let i = 0; i < ACCEPTS && open; i++) {
      const accepted = sys.accept(fd, peer.buffer, 0, peer.length)
      if (accepted >= 0) loop.call(accept, openStream(loop, accepted, peerAt(peer, words, 0)))
      else if (accepted === -sys.EMFILE || accepted === -sys.ENFILE) return refuse()
      else if (accepted === -sys.EAGAIN) return
    }
  }
  loop.check(loop.watch(fd, sys.EPOLLIN, take), name)
  return {
    close() {
      if (!open) return
      open = false
      loop.close(fd)
      if (spare >= 0) sys.close(spare)
      if ('unix' in at && !at.unix.startsWith('\0')) sys.removeFile(at.unix)
    },
  }
}

function listenTcp(loop: Loop, { address, port, device }: InternetAddress, doing: string): number {
  return loop.sys.tcpListen(address, port, device ?? '', indexOf(loop, device, doing))
}

/** Throws for a device that does not exist; 0 stands for none. */
const indexOf = (loop: Loop, device: string | undefined, doing: string): number =>
  device === undefined ? 0 : loop.check(loop.sys.interfaceIndex(device), doing)

export function connectStream(loop: Loop, to: StreamAddress): Promise<Stream> {
  return new Promise((resolve, reject) => {
    dialStream(loop, to, outcome => {
      if (outcome instanceof SystemError) reject(outcome)
      else resolve(outcome)
    })
  })
}

export function dialStream(
  loop: Loop,
  to: { readonly unix: string } | DialOptions,
  done: (outcome: Stream | SystemError) => void,
): Dialing {
  const { sys } = loop
  const name = `connecting to ${textOf(to)}`
  let fd = -1
  let open = true
  const finish = (outcome: Stream | SystemError) => {
    if (!open) return
    open = false
    loop.call(done, outcome)
  }
  const fail = (result: number) => {
    if (fd >= 0) loop.close(fd)
    finish(new SystemError(name, sys.errnoName(-result)))
  }
  try {
    fd = loop.check('unix' in to ? sys.unixConnect(to.unix) : connectTcp(loop, to, name), name)
    const peer = 'unix' in to ? undefined : { ip: to.address, port: to.port }
    const ready = () => {
      const error = sys.socketError(fd)
      if (error !== 0) return fail(error)
      loop.watch(fd, 0)
      finish(openStream(loop, fd, peer))
    }
    loop.check(loop.watch(fd, sys.EPOLLOUT, ready), name)
  } catch (error) {
    // Not from inside the call: who dials has not got the way to give up yet.
    if (fd >= 0) loop.close(fd)
    const why = error instanceof SystemError ? error : new SystemError(name, String(error))
    void Promise.resolve().then(() => finish(why))
  }
  return {
    close() {
      if (!open) return
      open = false
      if (fd >= 0) loop.close(fd)
    },
  }
}

function connectTcp(loop: Loop, { address, port, device, from }: DialOptions, doing: string): number {
  return loop.sys.tcpConnect(address, port, device ?? '', indexOf(loop, device, doing), from ?? '')
}

let room: Uint8Array | undefined

function openStream(loop: Loop, fd: number, peer: Peer): Stream {
  const { sys } = loop
  if (room === undefined) room = new Uint8Array(PIECE)
  const piece = room
  const waiting: Uint8Array[] = []
  let pending = 0
  let open = true
  let ending = false
  let reading = false
  let each: (bytes: Uint8Array) => void = () => undefined
  let ended: () => void = () => undefined

  /** Only what is wanted is watched: a descriptor that nobody reads must not wake us, even when the peer has gone. */
  function watch() {
    if (open) loop.watch(fd, (reading ? sys.EPOLLIN : 0) | (waiting.length > 0 ? sys.EPOLLOUT : 0), ready)
  }
  function ready(events: number) {
    if (waiting.length > 0 && (events & ~sys.EPOLLIN) !== 0) flush()
    if (open && reading && (events & ~sys.EPOLLOUT) !== 0) read()
    watch()
  }
  function read() {
    const size = sys.read(fd, piece.buffer as ArrayBuffer, 0, PIECE)
    if (size > 0) return loop.call(each, piece.slice(0, size))
    if (size === -sys.EAGAIN || size === -sys.EINTR) return
    reading = false
    if (size < 0) drop()
    watch()
    loop.call(ended)
  }
  /** Nothing more can be sent. */
  function drop() {
    waiting.length = 0
    pending = 0
  }
  /** Returns what the kernel did not take. */
  function send(content: Uint8Array | string): Uint8Array | undefined {
    const isText = typeof content === 'string'
    const size = isText ? sys.writeText(fd, content) : sys.write(fd, content.buffer, content.byteOffset, content.length)
    if (size === content.length) return undefined
    if (size >= 0 || size === -sys.EAGAIN || size === -sys.EINTR)
      return (isText ? utf8Encode(content) : content).subarray(Math.max(0, size))
    drop() // The other side has gone; reading tells so in its turn.
    return undefined
  }
  function flush() {
    while (waiting.length > 0) {
      const rest = send(waiting[0] as Uint8Array)
      if (waiting.length === 0) break
      const before = (waiting[0] as Uint8Array).length
      pending -= before - (rest?.length ?? 0)
      if (rest === undefined) waiting.shift()
      else waiting[0] = rest
      if (rest !== undefined) return
    }
    if (ending) finish()
  }
  /** Input that nobody read would turn the close into a reset, and the peer could lose the end of our answer. */
  function finish() {
    sys.finish(fd)
    for (let i = 0; i < 4 && sys.read(fd, piece.buffer as ArrayBuffer, 0, PIECE) > 0; i++);
    close()
  }
  function close() {
    if (!open) return
    open = false
    drop()
    loop.close(fd)
  }
  return {
    get pending() {
      return pending
    },
    peer,
    take(each_, ended_) {
      if (!open || ending) return
      each = each_
      ended = ended_
      reading = true
      watch()
    },
    write(content) {
      if (!open || ending || content.length === 0) return
      const rest = waiting.length === 0 ? send(content) : typeof content === 'string' ? utf8Encode(content) : content
      if (rest === undefined) return
      // The caller may change its bytes afterwards, so what waits is a copy.
      waiting.push(rest.slice())
      pending += rest.length
      watch()
    },
    end() {
      if (!open || ending) return
      ending = true
      reading = false
      if (waiting.length === 0) finish()
      else watch()
    },
    close,
  }
}
