/** TCP and unix streams on Node, with `node:net`. */
import type { Server, Socket } from 'node:net'
import type { Ip, Port } from '../base/ip.ts'
import { isLinkLocal, parseIp } from '../base/ip.ts'
import { systemError } from './node-errors.ts'
import type { Dialing, DialOptions, InternetAddress, Listener, Stream, StreamAddress, SystemError } from './platform.ts'

type Call = (run: () => void) => void

function textOf(at: StreamAddress): string {
  if ('unix' in at) return at.unix.replace('\0', '@')
  return `${at.address} port ${at.port}${at.device === undefined ? '' : ` on ${at.device}`}`
}

/** An address as Node takes it: a link-local one with its device. */
const scoped = (address: Ip, device: string | undefined): string =>
  device !== undefined && isLinkLocal(address) ? `${address}%${device}` : address

const hostOf = ({ address, port, device }: InternetAddress) => ({ host: scoped(address, device), port })

/** Room for a name in struct sockaddr_un (unix(7)). */
const NAME = 108

/** Abstract names are filled up with NUL: libuv 1.46 does so itself, and a lock must hold between engines. */
const nameOf = (unix: string) => (unix.startsWith('\0') ? unix.padEnd(NAME, '\0') : unix)

export async function listenStream(at: StreamAddress, accept: (stream: Stream) => void, call: Call): Promise<Listener> {
  const net = await import('node:net')
  const fs = await import('node:fs')
  const doing = `listening on ${textOf(at)}`
  const open = () => {
    const options = { allowHalfOpen: true, pauseOnConnect: true, noDelay: true }
    return net.createServer(options, socket => call(() => accept(new NodeStream(socket, call))))
  }
  try {
    return listener(await bound(open(), at))
  } catch (error) {
    const path = 'unix' in at && !at.unix.startsWith('\0') ? at.unix : undefined
    const taken = (error as { code?: string }).code === 'EADDRINUSE'
    if (!taken || path === undefined || !(await abandoned(path))) throw systemError(doing, error)
    fs.unlinkSync(path)
  }
  try {
    return listener(await bound(open(), at))
  } catch (error) {
    throw systemError(doing, error)
  }
}

function listener(server: Server): Listener {
  return {
    close() {
      server.close(() => undefined)
    },
  }
}

/** Above what one host sends in a burst: a full queue costs everybody a second (the SYN is sent again). */
const BACKLOG = 512

function bound(server: Server, at: StreamAddress): Promise<Server> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.once('listening', () => {
      server.removeListener('error', reject)
      server.on('error', () => undefined)
      resolve(server)
    })
    // The socket file is made inside listen(): mode 0600 from the first moment.
    const before = process.umask(0o177)
    try {
      if ('unix' in at) server.listen({ path: nameOf(at.unix), backlog: BACKLOG, exclusive: true })
      else server.listen({ ...hostOf(at), ipv6Only: true, backlog: BACKLOG, exclusive: true })
    } finally {
      process.umask(before)
    }
  })
}

/** Whether the path is a socket that nobody listens on any more. */
async function abandoned(path: string): Promise<boolean> {
  const net = await import('node:net')
  const fs = await import('node:fs')
  if (!fs.lstatSync(path, { throwIfNoEntry: false })?.isSocket()) return false
  return new Promise(resolve => {
    const probe = net.connect({ path })
    probe.once('connect', () => {
      probe.destroy()
      resolve(false)
    })
    probe.once('error', error => resolve((error as { code?: string }).code === 'ECONNREFUSED'))
  })
}

export function connectStream(to: StreamAddress, call: Call): Promise<Stream> {
  return new Promise((resolve, reject) => {
    dialStream(to, call, outcome => ('code' in outcome ? reject(outcome) : resolve(outcome)))
  })
}

export function dialStream(
  to: { readonly unix: string } | DialOptions,
  call: Call,
  done: (outcome: Stream | SystemError) => void,
): Dialing {
  let socket: Socket | undefined
  let open = true
  const finish = (outcome: Stream | SystemError) => {
    if (!open) return
    open = false
    call(() => done(outcome))
  }
  const failed = (error: unknown) => {
    socket?.destroy()
    finish(systemError(`connecting to ${textOf(to)}`, error))
  }
  const begin = (net: typeof import('node:net')) => {
    if (!open) return
    const made = net.connect({ ...whereOf(to), allowHalfOpen: true })
    socket = made
    // Kept for ever: an error after `close` must find somebody.
    made.on('error', failed)
    made.once('connect', () => {
      made.pause()
      finish(new NodeStream(made, call))
    })
  }
  import('node:net').then(begin).catch(failed)
  return {
    close() {
      if (open) socket?.destroy()
      open = false
    },
  }
}

function whereOf(to: { readonly unix: string } | DialOptions) {
  if ('unix' in to) return { path: nameOf(to.unix) }
  const own = to.from === undefined ? {} : { localAddress: scoped(to.from, to.device) }
  return { ...hostOf(to), ...own, noDelay: true }
}

class NodeStream implements Stream {
  readonly peer: { ip: Ip; port: Port } | undefined
  readonly #socket: Socket
  readonly #call: Call
  #state: 'open' | 'ending' | 'closed' = 'open'
  #hasEnded = false
  #ended = (): void => undefined

  constructor(socket: Socket, call: Call) {
    this.peer = peerOf(socket)
    this.#socket = socket
    this.#call = call
    // `close` follows an error, and says the same.
    socket.on('error', () => undefined)
  }

  get pending(): number {
    return this.#state === 'closed' ? 0 : this.#socket.writableLength
  }

  take(each: (bytes: Uint8Array) => void, ended: () => void): void {
    if (this.#state !== 'open') return
    this.#ended = ended
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', (bytes: Buffer) => {
      if (this.#state !== 'open') return
      this.#call(() => each(new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length)))
    })
    this.#socket.once('end', this.#tell)
    this.#socket.once('close', this.#tell)
    this.#socket.resume()
  }

  write(content: Uint8Array | string): void {
    if (this.#state !== 'open' || content.length === 0 || !this.#socket.writable) return
    // A copy: the caller may change its bytes afterwards.
    this.#socket.write(typeof content === 'string' ? content : Buffer.from(content))
  }

  end(): void {
    if (this.#state !== 'open') return
    this.#state = 'ending'
    this.#socket.resume()
    this.#socket.destroySoon()
  }

  close(): void {
    this.#state = 'closed'
    this.#socket.destroy()
  }

  readonly #tell = (): void => {
    if (this.#state !== 'open' || this.#hasEnded) return
    this.#hasEnded = true
    this.#call(this.#ended)
  }
}

function peerOf(socket: Socket): { ip: Ip; port: Port } | undefined {
  const ip = parseIp((socket.remoteAddress ?? '').split('%')[0]?.replace(/^::ffff:(?=\d+\.)/, '') ?? '')
  if (ip === undefined || socket.remotePort === undefined || socket.remotePort === 0) return undefined
  return { ip, port: socket.remotePort as Port }
}
