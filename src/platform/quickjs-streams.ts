/** TCP and unix streams on QuickJS. */
import type { Ip, Port } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Dialing, DialOptions, InternetAddress, Listener, Stream, StreamAddress } from './platform.ts'
import { SystemError } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'
import { peerAt } from './quickjs-udp.ts'

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
      if (accepted >= 0) {
        const stream = new QuickjsStream(loop, accepted, peerAt(peer, words, 0), true)
        loop.call(accept, stream)
        stream.begin()
      } else if (accepted === -sys.EMFILE || accepted === -sys.ENFILE) return refuse()
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
      finish(new QuickjsStream(loop, fd, peer, false))
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

/** Where bytes arrive before they are copied; shared by all streams, made when the first is opened. */
let room: Uint8Array | undefined

class QuickjsStream implements Stream {
  readonly peer: Peer
  pending = 0
  readonly #loop: Loop
  readonly #fd: number
  readonly #room: Uint8Array
  /** What the kernel has not taken yet; `undefined` as long as it takes everything at once. */
  #waiting: Uint8Array[] | undefined
  #state: 'open' | 'ending' | 'closed' = 'open'
  #isReading = false
  /** Still in the hands of who accepted it: it is watched later, when it is known for what. */
  #isNew: boolean
  #each: (bytes: Uint8Array) => void = nothing
  #plain: ((text: string) => void) | undefined
  #ended: () => void = nothing

  constructor(loop: Loop, fd: number, peer: Peer, isNew: boolean) {
    room ??= new Uint8Array(PIECE)
    this.peer = peer
    this.#loop = loop
    this.#fd = fd
    this.#room = room
    this.#isNew = isNew
  }

  take(each: (bytes: Uint8Array) => void, ended: () => void, plain?: (text: string) => void): void {
    if (this.#state !== 'open') return
    this.#each = each
    this.#ended = ended
    this.#plain = plain
    this.#isReading = true
    this.#watch()
  }

  write(content: Uint8Array | string): void {
    if (this.#state !== 'open' || content.length === 0) return
    const isFirst = this.#waiting === undefined
    const rest = isFirst ? this.#send(content) : typeof content === 'string' ? utf8Encode(content) : content
    if (rest === undefined) return
    this.#waiting ??= []
    // The caller may change its bytes afterwards, so what waits is a copy.
    this.#waiting.push(rest.slice())
    this.pending += rest.length
    this.#watch()
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#isReading = false
    if (this.#waiting === undefined) this.#hangUp()
    else this.#watch()
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#drop()
    this.#loop.close(this.#fd)
  }

  /**
   * After the handler of a listener has seen it: what the other side has said already is heard at once. Most have gone
   * again before the next round, and were never watched.
   */
  begin(): void {
    if (this.#isReading) this.#read()
    if (this.#state !== 'closed') this.#loop.beforeWait(this.#settle)
    else this.#isNew = false
  }

  readonly #settle = (): void => {
    this.#isNew = false
    this.#watch()
  }

  /** Only what is wanted is watched: a descriptor that nobody reads must not wake us, even when the peer has gone. */
  #watch(): void {
    if (this.#state === 'closed' || this.#isNew) return
    const { sys } = this.#loop
    const events = (this.#isReading ? sys.EPOLLIN : 0) | (this.#waiting === undefined ? 0 : sys.EPOLLOUT)
    this.#loop.watch(this.#fd, events, this.#ready)
  }

  readonly #ready = (events: number): void => {
    const { sys } = this.#loop
    if (this.#waiting !== undefined && (events & ~sys.EPOLLIN) !== 0) this.#flush(this.#waiting)
    if (this.#isReading && (events & ~sys.EPOLLOUT) !== 0) this.#read()
    this.#watch()
  }

  #read(): void {
    const { sys } = this.#loop
    const buffer = this.#room.buffer as ArrayBuffer
    const came =
      this.#plain === undefined ? sys.read(this.#fd, buffer, 0, PIECE) : sys.readText(this.#fd, buffer, 0, PIECE)
    if (typeof came === 'string') this.#loop.call(this.#plain as (text: string) => void, came)
    else if (came > 0) this.#loop.call(this.#each, this.#room.slice(0, came))
    else if (came !== -sys.EAGAIN && came !== -sys.EINTR) this.#stop(came)
  }

  /** Nothing more will come. */
  #stop(came: number): void {
    this.#isReading = false
    if (came < 0) this.#drop()
    this.#watch()
    this.#loop.call(this.#ended)
  }

  /** Nothing more can be sent. */
  #drop(): void {
    this.#waiting = undefined
    this.pending = 0
  }

  /** Returns what the kernel did not take. */
  #send(content: Uint8Array | string): Uint8Array | undefined {
    const { sys } = this.#loop
    const isText = typeof content === 'string'
    const size = isText
      ? sys.writeText(this.#fd, content)
      : sys.write(this.#fd, content.buffer, content.byteOffset, content.length)
    if (size === content.length) return undefined
    if (size >= 0 || size === -sys.EAGAIN || size === -sys.EINTR)
      return (isText ? utf8Encode(content) : content).subarray(Math.max(0, size))
    this.#drop() // The other side has gone; reading tells so in its turn.
    return undefined
  }

  #flush(waiting: Uint8Array[]): void {
    while (waiting.length > 0) {
      const first = waiting[0] as Uint8Array
      const rest = this.#send(first)
      if (this.#waiting === undefined) break
      this.pending -= first.length - (rest?.length ?? 0)
      if (rest !== undefined) {
        waiting[0] = rest
        return
      }
      waiting.shift()
    }
    this.#waiting = undefined
    if (this.#state === 'ending') this.#hangUp()
  }

  #hangUp(): void {
    this.#state = 'closed'
    this.#loop.watch(this.#fd, 0)
    this.#loop.sys.hangUp(this.#fd)
  }
}

const nothing = (): void => undefined
