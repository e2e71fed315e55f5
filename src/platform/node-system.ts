/** Files, child processes and standard input on Node. */
import type { Buffer } from 'node:buffer'
import { utf8Decode, utf8Encode } from '../base/text.ts'
import type { Milliseconds } from '../base/time.ts'
import { systemError } from './node-errors.ts'
import type { Finished, Platform } from './platform.ts'

type Files = Pick<Platform, 'readFile' | 'writeFile' | 'removeFile' | 'makeDirectory'>

/** As on QuickJS: what is kept of a child's output. */
const MOST_OUTPUT = 4 << 20

/** A grandchild may hold the pipes; the rest of the output gets this long after the child's end. */
const LAST_WORDS = 100

export async function files(): Promise<Files> {
  const fs = await import('node:fs')
  const absent = (error: unknown) => ['ENOENT', 'ENOTDIR'].includes((error as { code?: string }).code ?? '')
  return {
    readFile(path) {
      try {
        return new Uint8Array(fs.readFileSync(path))
      } catch (error) {
        if (absent(error)) return undefined
        throw systemError(`reading ${path}`, error)
      }
    },
    writeFile: (path, bytes) => writeFile(fs, path, bytes),
    removeFile(path) {
      try {
        fs.unlinkSync(path)
      } catch (error) {
        if (!absent(error)) throw systemError(`removing ${path}`, error)
      }
    },
    makeDirectory: path => makeDirectory(fs, path),
  }
}

type FileSystem = typeof import('node:fs')

function writeFile(fs: FileSystem, path: string, bytes: Uint8Array): void {
  const beside = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`
  try {
    const fd = fs.openSync(beside, 'wx', 0o600)
    try {
      fs.writeFileSync(fd, bytes)
      fs.fsyncSync(fd)
    } finally {
      fs.closeSync(fd)
    }
    fs.renameSync(beside, path)
  } catch (error) {
    fs.rmSync(beside, { force: true })
    throw systemError(`writing ${path}`, error)
  }
}

/** Not `recursive`: Node 20 never returns from it for a path like /proc/none/such. */
function makeDirectory(fs: FileSystem, path: string): void {
  for (let end = path.indexOf('/', 1); ; end = path.indexOf('/', end + 1)) {
    const part = end < 0 ? path : path.slice(0, end)
    try {
      fs.mkdirSync(part, { mode: 0o755 })
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw systemError(`making ${path}`, error)
    }
    if (end < 0) return
  }
}

export async function runner(): Promise<(command: readonly string[], timeout: Milliseconds) => Promise<Finished>> {
  const { spawn } = await import('node:child_process')
  const { constants } = await import('node:os')
  const failed = (command: readonly string[], code: string): Finished => {
    return { status: code === 'ENOENT' || code === 'ENOTDIR' ? 127 : 126, stdout: '', stderr: `${command[0]}: ${code}` }
  }
  return (command, timeout) =>
    new Promise(resolve => {
      const [program, ...words] = command
      if (program === undefined || program === '' || command.some(word => word.includes('\0'))) {
        return resolve(failed(command, 'ENOENT'))
      }
      const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true })
      const out = collect(child.stdout)
      const err = collect(child.stderr)
      let late = false
      const timer = setTimeout(() => {
        late = true
        if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
      }, timeout)
      child.once('error', error => {
        clearTimeout(timer)
        resolve(failed(command, (error as { code?: string }).code ?? 'EIO'))
      })
      child.once('exit', (code, signal) => {
        clearTimeout(timer)
        const status = late ? 124 : (code ?? 128 + (signal === null ? 0 : constants.signals[signal]))
        const finish = () => {
          clearTimeout(patience)
          child.stdout.destroy()
          child.stderr.destroy()
          resolve({ status, stdout: out(), stderr: err() })
        }
        const patience = setTimeout(finish, LAST_WORDS)
        child.once('close', finish)
      })
    })
}

function collect(pipe: NodeJS.ReadableStream): () => string {
  const pieces: Uint8Array[] = []
  let length = 0
  pipe.on('data', (piece: Buffer) => {
    const kept = piece.subarray(0, MOST_OUTPUT - length)
    pieces.push(kept)
    length += kept.length
  })
  return () => {
    const whole = new Uint8Array(length)
    let at = 0
    for (const piece of pieces) {
      whole.set(piece, at)
      at += piece.length
    }
    return utf8Decode(whole)
  }
}

/**
 * Writes all of a text to standard output or error before it returns: streams of Node may still hold some when the
 * process ends. Gives up when a reader of a non-blocking pipe takes nothing for a second, or has gone.
 */
export async function printer(): Promise<(fd: 1 | 2, text: string) => void> {
  const fs = await import('node:fs')
  const pause = new Int32Array(new SharedArrayBuffer(4))
  return (fd, text) => {
    let rest = utf8Encode(text)
    for (let patience = 1000; rest.length > 0 && patience > 0; ) {
      try {
        rest = rest.subarray(fs.writeSync(fd, rest))
        patience = 1000
      } catch (error) {
        if ((error as { code?: string }).code !== 'EAGAIN') return
        Atomics.wait(pause, 0, 0, 1)
        patience--
      }
    }
  }
}

/** Standard input is read only while somebody waits for a line, so that it does not keep the process running. */
export function lineReader(): () => Promise<string | undefined> {
  const lines: string[] = []
  const askers: ((line: string | undefined) => void)[] = []
  let rest: Uint8Array = new Uint8Array(0)
  let ended = false
  let listening = false

  const answer = () => {
    while (askers.length > 0 && (lines.length > 0 || ended)) askers.shift()?.(lines.shift())
    if (askers.length > 0) process.stdin.resume()
    else if (listening) process.stdin.pause()
  }
  const read = (piece: Uint8Array) => {
    let whole = new Uint8Array(rest.length + piece.length)
    whole.set(rest)
    whole.set(piece, rest.length)
    for (let end = whole.indexOf(10); end >= 0; end = whole.indexOf(10)) {
      lines.push(utf8Decode(whole.subarray(0, end)))
      whole = whole.subarray(end + 1)
    }
    rest = whole
    answer()
  }
  const finish = () => {
    if (!ended && rest.length > 0) lines.push(utf8Decode(rest))
    ended = true
    answer()
  }
  return () =>
    new Promise(resolve => {
      askers.push(resolve)
      if (!listening) {
        listening = true
        process.stdin.on('data', read).on('end', finish).on('error', finish)
      }
      answer()
    })
}
