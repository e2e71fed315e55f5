/** Programs of the tests: run to the end, or in the background with their output kept. Ended by pid, never by name. */
import { type ChildProcess, spawn } from 'node:child_process'

export interface Finished {
  /** Exit status; 128 + number for a signal, 124 when the time was up, 127 when there is no such program. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** Name of a network namespace; the machine's own if absent. */
  readonly netns?: string | undefined
  readonly input?: string
  /** Milliseconds; 20 s if absent. */
  readonly timeout?: number
  readonly environment?: Readonly<Record<string, string>>
  readonly directory?: string
}

const SIGNAL_NUMBER: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGABRT: 6,
  SIGKILL: 9,
  SIGSEGV: 11,
  SIGTERM: 15,
}

const running = new Set<ChildProcess>()

/** The command as it runs inside the namespace; nsenter becomes the program, so the child's pid is the program's. */
export const inNamespace = (netns: string | undefined, command: readonly string[]): readonly string[] =>
  netns === undefined ? command : ['nsenter', `--net=/run/netns/${netns}`, '--', ...command]

export function run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const child = launch(command, options)
  const output = { stdout: '', stderr: '' }
  child.stdout?.setEncoding('utf8').on('data', text => (output.stdout += text))
  child.stderr?.setEncoding('utf8').on('data', text => (output.stderr += text))
  child.stdin?.on('error', () => {}).end(options.input ?? '')
  return new Promise(resolve => {
    let late = false
    const alarm = setTimeout(() => {
      late = true
      child.kill('SIGKILL')
    }, options.timeout ?? 20_000)
    child.on('error', error => resolve({ status: 127, stdout: '', stderr: String(error) }))
    child.on('close', (code, signal) => {
      clearTimeout(alarm)
      resolve({ ...output, status: late ? 124 : statusOf(code, signal) })
    })
  })
}

/** Like `run`, for a command that must succeed; returns its standard output. */
export async function must(command: readonly string[], options: RunOptions = {}): Promise<string> {
  const { status, stdout, stderr } = await run(command, options)
  if (status !== 0) throw new Error(`${command.join(' ')}: exit ${status}\n${stdout}${stderr}`)
  return stdout
}

/** A program in the background. */
export class Background {
  readonly pid: number
  /** Standard output and standard error, as they came. */
  output = ''
  readonly ended: Promise<number>
  status: number | undefined
  readonly #child: ChildProcess
  readonly #waiting = new Set<() => void>()

  /** `listen` gets the standard output as it comes, in place of `output`. */
  constructor(command: readonly string[], options: RunOptions = {}, listen?: (text: string) => void) {
    this.#child = launch(command, options)
    this.pid = this.#child.pid ?? -1
    const note = (text: string) => {
      this.output += text
      for (const look of [...this.#waiting]) look()
    }
    this.#child.stdout?.setEncoding('utf8').on('data', listen ?? note)
    this.#child.stderr?.setEncoding('utf8').on('data', note)
    this.#child.stdin?.on('error', () => {})
    this.ended = new Promise(resolve => {
      this.#child.on('error', error => note(String(error)))
      this.#child.on('close', (code, signal) => {
        this.status = statusOf(code, signal)
        for (const look of [...this.#waiting]) look()
        resolve(this.status)
      })
    })
  }

  write(text: string): void {
    this.#child.stdin?.write(text)
  }

  /** Waits until the output, from `start` on, contains the text; rejects with the output when the time (ms) is up. */
  waitFor(wanted: string | RegExp, timeout = 10_000, start = 0): Promise<RegExpExecArray> {
    const pattern = typeof wanted === 'string' ? new RegExp(escaped(wanted)) : wanted
    return new Promise((resolve, reject) => {
      const done = (settle: () => void) => {
        clearTimeout(alarm)
        this.#waiting.delete(look)
        settle()
      }
      const complain = (why: string) =>
        reject(new Error(`${why} while waiting for ${pattern}; output:\n${this.output.slice(start) || '(none)'}`))
      const look = () => {
        const found = pattern.exec(this.output.slice(start))
        if (found) done(() => resolve(found))
        else if (this.status !== undefined) done(() => complain(`ended with ${this.status}`))
      }
      const alarm = setTimeout(() => done(() => complain('time up')), timeout)
      this.#waiting.add(look)
      look()
    })
  }

  signal(name: NodeJS.Signals): void {
    if (this.status === undefined) this.#child.kill(name)
  }

  /** Asks it to end, insists after `patience` ms; its status. */
  async stop(patience = 5_000): Promise<number> {
    this.signal('SIGTERM')
    const alarm = setTimeout(() => this.signal('SIGKILL'), patience)
    const status = await this.ended
    clearTimeout(alarm)
    return status
  }

  async kill(): Promise<number> {
    this.signal('SIGKILL')
    return this.ended
  }
}

export const sleep = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

/** CLOCK_MONOTONIC in seconds: the clock of the agents and of `process.hrtime`. */
export const monotonic = (): number => Number(process.hrtime.bigint()) / 1e9

/** Repeats `look` until it returns something other than undefined; rejects with `what` when the time (ms) is up. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeout = 10_000,
  pause = 25,
): Promise<T> {
  const end = monotonic() + timeout / 1000
  for (;;) {
    const found = await look()
    if (found !== undefined) return found
    if (monotonic() > end) throw new Error(`not within ${timeout} ms: ${what}`)
    await sleep(pause)
  }
}

function launch(command: readonly string[], options: RunOptions): ChildProcess {
  const [program, ...args] = inNamespace(options.netns, command)
  const child = spawn(program as string, args, {
    env: { ...process.env, LC_ALL: 'C', ...options.environment },
    ...(options.directory === undefined ? {} : { cwd: options.directory }),
  })
  running.add(child)
  child.on('close', () => running.delete(child))
  return child
}

function statusOf(code: number | null, signal: NodeJS.Signals | null): number {
  return code ?? 128 + (SIGNAL_NUMBER[signal ?? ''] ?? 0)
}

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
