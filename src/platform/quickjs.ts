/**
 * The platform on QuickJS: our host program `porticod`, or the stock `qjs` with `sys.so` beside the bundle (another
 * place: environment variable PORTICO_SYS, as `import` understands it).
 *
 * A program on the stock qjs must not use top-level await: while it is pending, qjs polls after every single promise
 * job (js_std_await in quickjs-libc.c), and blocks there although more jobs wait. tools/build.mjs refuses it.
 */
import type { Instant } from '../base/time.ts'
import type { Platform, Signal } from './platform.ts'
import { createChildren, createLineReader } from './quickjs-children.ts'
import type { Host, Loop } from './quickjs-loop.ts'
import { createLoop } from './quickjs-loop.ts'
import { openNetlink } from './quickjs-netlink.ts'
import { connectStream, dialStream, listenStream } from './quickjs-streams.ts'
import { openUdp } from './quickjs-udp.ts'
import type { Sys } from './sys.ts'

/** The global object of our host program (host.c). */
interface Porticod {
  readonly arguments: readonly string[]
  readonly engine: string
  readonly sys: Sys
  setDispatch(round: (() => void) | undefined): void
}

interface Engine {
  readonly sys: Sys
  readonly host: Host
  readonly name: string
  readonly arguments: readonly string[]
}

export async function createQuickjsPlatform(): Promise<Platform> {
  const { porticod } = globalThis as unknown as { porticod?: Porticod }
  const engine = porticod === undefined ? await stock() : own(porticod)
  return platform(engine, createLoop(engine.sys, engine.host))
}

/** The names are not literals, so that the bundler leaves these imports to the engine. */
const load = (name: string) => import(name)

function own({ sys, setDispatch, engine, arguments: words }: Porticod): Engine {
  return { sys, host: { waits: true, dispatch: setDispatch }, name: engine, arguments: words }
}

/** What is used of the stock engine's modules `os` and `std` (quickjs-libc.c). */
interface StockOs {
  setReadHandler(fd: number, handle: (() => void) | null): void
}
interface StockStd {
  getenv(name: string): string | undefined
}

async function stock(): Promise<Engine> {
  const os: StockOs = await load('os')
  const std: StockStd = await load('std')
  const sys: Sys = await load(std.getenv('PORTICO_SYS') ?? './sys.so')
  const host: Host = { waits: false, dispatch: (round, epoll) => os.setReadHandler(epoll, round ?? null) }
  const { scriptArgs } = globalThis as unknown as { scriptArgs: readonly string[] }
  return { sys, host, name: 'QuickJS (stock qjs)', arguments: scriptArgs.slice(1) }
}

function platform(engine: Engine, loop: Loop): Platform {
  const { sys } = engine
  const signals: Record<Signal, number> = { SIGTERM: sys.SIGTERM, SIGINT: sys.SIGINT, SIGHUP: sys.SIGHUP }
  return {
    engine: engine.name,
    shortfall: () => undefined,
    littleEndian: new Uint8Array(Uint16Array.of(1).buffer)[0] === 1,
    errnoName: errno => sys.errnoName(errno),
    arguments: engine.arguments,
    clock: { now: () => sys.now() as Instant },
    wallTime: () => Date.now(),
    wakeAt: loop.wakeAt,
    random(length) {
      const bytes = new Uint8Array(length)
      if (length > 0) loop.check(sys.random(bytes.buffer, 0, length), 'drawing random bytes')
      return bytes
    },
    environment: name => sys.environment(name),
    // Not async functions: a failed one would for a moment be a promise rejected without a handler.
    udp: options => attempt(() => openUdp(loop, options)),
    netlink: options => attempt(() => openNetlink(loop, options)),
    listen: (at, accept) => attempt(() => listenStream(loop, at, accept)),
    connect: to => connectStream(loop, to),
    dial: (to, done) => dialStream(loop, to, done),
    portInUse: (transport, address, port) => sys.portInUse(transport === 'tcp' ? 1 : 0, address, port) !== 0,
    ...files(loop),
    run: createChildren(loop),
    onSignal: (signal, handle) => loop.onSignal(signals[signal], handle),
    stderr: line => void sys.print(2, `${line}\n`),
    stdout: text => void sys.print(1, text),
    readLine: createLineReader(loop),
    exit: status => sys.exit(status),
    onFault: handle => loop.onFault(handle),
  }
}

function attempt<T>(open: () => T): Promise<T> {
  return new Promise(resolve => resolve(open()))
}

function files(loop: Loop): Pick<Platform, 'readFile' | 'writeFile' | 'removeFile' | 'makeDirectory'> {
  const { sys } = loop
  return {
    readFile(path) {
      const content = sys.readFile(path)
      if (typeof content !== 'number') return new Uint8Array(content)
      if (content === -sys.ENOENT || content === -sys.ENOTDIR) return undefined
      loop.check(content, `reading ${path}`)
      return undefined
    },
    writeFile(path, bytes) {
      loop.check(sys.writeFile(path, bytes.buffer, bytes.byteOffset, bytes.length), `writing ${path}`)
    },
    removeFile(path) {
      const result = sys.removeFile(path)
      if (result !== -sys.ENOENT && result !== -sys.ENOTDIR) loop.check(result, `removing ${path}`)
    },
    makeDirectory(path) {
      loop.check(sys.makeDirectory(path), `making ${path}`)
    },
  }
}
