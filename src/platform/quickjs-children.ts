/** Child processes and standard input on QuickJS. */
import { joined } from '../base/bytes.ts'
import { utf8Decode } from '../base/text.ts'
import type { Instant, Milliseconds } from '../base/time.ts'
import type { Finished } from './platform.ts'
import type { Loop } from './quickjs-loop.ts'

/** What is kept of a child's output, each of the two; the rest is read and dropped. */
const MOST_OUTPUT = 4 << 20

const PIECE = 64 << 10

interface Child {
  readonly pid: number
  /** Exit status is known: collect the rest of the output and finish. */
  exited(status: number): void
}

/** Returns `run` of the platform. SIGCHLD tells when a child has ended. */
export function createChildren(loop: Loop): (command: readonly string[], timeout: Milliseconds) => Promise<Finished> {
  const { sys } = loop
  const children = new Set<Child>()
  let listening = false

  function reap() {
    for (const child of [...children]) {
      const status = sys.waitChild(child.pid)
      if (status === -sys.EAGAIN || status === -sys.EINTR) continue
      children.delete(child)
      child.exited(status < 0 ? 127 : status)
    }
  }
  return (command, timeout) => {
    if (!listening) loop.onSignal(sys.SIGCHLD, reap)
    listening = true
    return new Promise(resolve => {
      const ends = new Int32Array(2)
      const plain = command.length > 0 && command[0] !== '' && !command.some(word => word.includes('\0'))
      const pid = plain ? sys.spawn(command.join('\0'), ends.buffer, 0, ends.byteLength) : -sys.ENOENT
      if (pid < 0) {
        const status = pid === -sys.ENOENT || pid === -sys.ENOTDIR ? 127 : 126
        return resolve({ status, stdout: '', stderr: `${command[0]}: ${sys.errnoName(-pid)}` })
      }
      const out = collect(loop, ends[0] as number)
      const err = collect(loop, ends[1] as number)
      let late = false
      const timer = after(loop, timeout, () => {
        late = true
        sys.killChild(pid)
      })
      const exited = (status: number) => {
        loop.close(timer)
        resolve({ status: late ? 124 : status, stdout: out(), stderr: err() })
      }
      children.add({ pid, exited })
    })
  }
}

/** A timer of its own for the rare case of a child, so that the one alarm stays with the daemon. */
function after(loop: Loop, length: Milliseconds, ring: () => void): number {
  const { sys } = loop
  const timer = sys.timerOpen()
  sys.timerSet(timer, (sys.now() + Math.max(1, length)) as Instant)
  loop.watch(timer, sys.EPOLLIN, () => {
    if (sys.eventTake(timer) >= 0) ring()
  })
  return timer
}

/** Reads a pipe as it fills; the function returned takes the rest, closes it and gives all as text. */
function collect(loop: Loop, fd: number): () => string {
  const { sys } = loop
  const piece = new Uint8Array(PIECE)
  const pieces: Uint8Array[] = []
  let length = 0
  let open = true

  function read(): boolean {
    const size = sys.read(fd, piece.buffer, 0, PIECE)
    if (size > 0 && length < MOST_OUTPUT) {
      pieces.push(piece.slice(0, Math.min(size, MOST_OUTPUT - length)))
      length += Math.min(size, MOST_OUTPUT - length)
    }
    if (size === 0 || (size < 0 && size !== -sys.EAGAIN && size !== -sys.EINTR)) {
      open = false
      loop.close(fd)
    }
    return size > 0
  }
  loop.watch(fd, sys.EPOLLIN, read)
  return () => {
    // A grandchild may hold the pipe and go on writing: what had arrived when the child ended is the answer.
    for (let i = 0; open && i < MOST_OUTPUT / PIECE && read(); i++);
    if (open) loop.close(fd)
    return utf8Decode(joined(pieces))
  }
}

/** Longest line taken from standard input; a longer one is cut into pieces. */
const LONGEST_LINE = 64 << 10

/** Returns `readLine` of the platform. Standard input keeps its mode: others may share it. */
export function createLineReader(loop: Loop): () => Promise<string | undefined> {
  const { sys } = loop
  const piece = new Uint8Array(4096)
  const lines: string[] = []
  const askers: ((line: string | undefined) => void)[] = []
  let rest: number[] = []
  let ended = false

  function read() {
    const size = sys.read(0, piece.buffer, 0, piece.length)
    if (size === -sys.EAGAIN || size === -sys.EINTR) return
    for (let i = 0; i < size; i++) {
      const byte = piece[i] as number
      if (byte !== 10) rest.push(byte)
      if (byte === 10 || rest.length >= LONGEST_LINE) {
        lines.push(utf8Decode(Uint8Array.from(rest)))
        rest = []
      }
    }
    if (size <= 0) {
      ended = true
      if (rest.length > 0) lines.push(utf8Decode(Uint8Array.from(rest)))
      rest = []
    }
    answer()
  }
  function answer() {
    while (askers.length > 0 && (lines.length > 0 || ended)) askers.shift()?.(lines.shift())
    const wanted = askers.length > 0
    // A regular file cannot be waited for (EPERM): it is always ready.
    if (loop.watch(0, wanted ? sys.EPOLLIN : 0, read) === -sys.EPERM && wanted) read()
  }
  return () =>
    new Promise(resolve => {
      askers.push(resolve)
      answer()
    })
}
