/**
 * The suite's hand in a router that has nothing of ours inside: it logs in on the serial line, as its owner would, and
 * types a small shell program that takes scripts and reports status and output. It uses nothing but what OpenWrt's own
 * busybox has (printf, hexdump, md5sum), expects noise of the kernel on the line, and asks again for what got lost.
 */
import { createHash } from 'node:crypto'
import type { Socket } from 'node:net'
import { type Finished, sleep, until } from '../test/support/process.ts'
import type { Hand } from './hand.ts'
import { tryConnect } from './qmp.ts'

/** Lines as short as the line editor of OpenWrt's shell takes them (511 characters). */
const PROGRAM = `cd /; H=/tmp/hand; mkdir -p $H; rmdir $H/lock 2>/dev/null
piece() { printf '%b' "$2" >>$H/$1.script; }
check() { [ "$(md5sum <$H/$1.script | cut -c1-32)" = $2 ] || { rm -f $H/$1.script; return 1; }; }
work() { sh $H/$1.script >$H/$1.out 2>$H/$1.err </dev/null; echo $? >$H/$1.new; mv $H/$1.new $H/$1.status; report $1; }
start() { work $1 & }
bytes() { hexdump -v -e '1/1 "%02x"' $1; }
report() { [ -f $H/$1.status ] || return; until mkdir $H/lock 2>/dev/null; do sleep 1; done; show $1; rmdir $H/lock; }
show() { printf '\\n@@ done %s %s x' $1 $(cat $H/$1.status); bytes $H/$1.out; printf ' x'; bytes $H/$1.err; echo ' @@'; }
forget() { rm -f $H/$1.*; }
echo 1 >/proc/sys/kernel/printk
while IFS= read -rs line; do [ -n "$line" ] || { echo '@@ here'; continue; }; eval "\${line#* }"; echo "@@ took \${line%% *} $?"; done
`

/** Characters in one line, less than what a terminal takes (4095). */
const PIECE = 2000

export class Console implements Hand {
  readonly #socket: Socket
  readonly #password: string
  readonly #pending = new Map<string, (done: Finished) => void>()
  readonly #heard = new Set<(line: string) => void>()
  #parts: string[] = []
  /** What came since the last line began: a prompt, perhaps. */
  #open = ''
  #turn: Promise<unknown>
  #lines = 0
  #count = 0
  #lastByte = 0
  #closed = false

  private constructor(socket: Socket, password: string) {
    this.#socket = socket
    this.#password = password
    socket.setEncoding('latin1').on('data', (text: string) => this.#listen(text))
    socket.on('error', () => {})
    socket.on('close', () => this.#end())
    this.#turn = this.#logIn()
  }

  static async connect(path: string, password = ''): Promise<Console> {
    return new Console(await until(`a socket at ${path}`, () => tryConnect(path), 10_000, 20), password)
  }

  /** Runs a shell script in the router; 124 when the time (ms) is up. */
  sh(script: string, timeout: number): Promise<Finished> {
    const id = `${process.pid}-${++this.#count}`
    return new Promise(resolve => {
      const settle = (done: Finished) => {
        clearTimeout(alarm)
        if (this.#pending.delete(id)) void this.#queue(() => this.#type(`forget ${id}`))
        resolve(done)
      }
      const alarm = setTimeout(() => settle({ status: 124, stdout: '', stderr: `no answer in ${timeout} ms` }), timeout)
      this.#pending.set(id, settle)
      void this.#queue(() => this.#send(id, script))
    })
  }

  close(): void {
    this.#socket.destroy()
  }

  #end(): void {
    this.#closed = true
    for (const settle of [...this.#pending.values()]) settle({ status: 255, stdout: '', stderr: 'the router is gone' })
    this.#pending.clear()
  }

  /** One at a time on the line: the router reads nothing while it is busy with the line before. */
  #queue(work: () => Promise<unknown>): Promise<unknown> {
    this.#turn = this.#turn.then(() => (this.#closed ? undefined : work()))
    return this.#turn
  }

  async #send(id: string, script: string): Promise<void> {
    const bytes = Buffer.from(script)
    do {
      for (const piece of pieces(bytes)) {
        if (!this.#pending.has(id)) return
        await this.#type(`piece ${id} '${piece}'`)
      }
    } while ((await this.#type(`check ${id} ${md5(bytes)}`)) !== 0 && !this.#closed)
    await this.#type(`start ${id}`)
    void this.#ask(id)
  }

  /** A report that was spoilt by something else on the line comes once more. */
  async #ask(id: string): Promise<void> {
    while (this.#pending.has(id) && !this.#closed) {
      await sleep(3000)
      if (this.#pending.has(id) && Date.now() - this.#lastByte > 2000)
        await this.#queue(() => this.#type(`report ${id}`))
    }
  }

  /** A command at the program's ear, until it says that it took it; its status, undefined when it said nothing. */
  async #type(command: string): Promise<number | undefined> {
    const number = ++this.#lines
    const taken = this.#next(new RegExp(`@@ took ${number} (\\d+)$`), 60_000)
    this.#socket.write(`${number} ${command}\n`)
    const status = (await taken)?.[1]
    return status === undefined ? undefined : Number(status)
  }

  /** The next line that matches; undefined when the time (ms) is up. */
  #next(wanted: RegExp, timeout: number): Promise<RegExpExecArray | undefined> {
    return new Promise(resolve => {
      const finish = (found: RegExpExecArray | undefined) => {
        clearTimeout(alarm)
        this.#heard.delete(look)
        resolve(found)
      }
      const look = (line: string) => {
        const found = wanted.exec(line)
        if (found) finish(found)
      }
      const alarm = setTimeout(() => finish(undefined), timeout)
      this.#heard.add(look)
    })
  }

  /** From whatever the line shows to our program: Enter, a name, a password, the program line by line. */
  async #logIn(): Promise<void> {
    while (!this.#closed) {
      const here = this.#next(/^@@ here$/, 2000)
      this.#socket.write('\n')
      if (await here) return
      if (/login: $/.test(this.#open)) this.#socket.write('root\n')
      else if (/[Pp]assword: $/.test(this.#open)) this.#socket.write(`${this.#password}\n`)
      else if (PROMPT.test(this.#open)) await this.#install()
    }
  }

  async #install(): Promise<void> {
    for (const line of `: >/tmp/hand.sh\n${PROGRAM}`.trim().split('\n')) {
      this.#open = ''
      this.#socket.write(line.startsWith(':') ? `${line}\n` : `echo ${quoted(line)} >>/tmp/hand.sh\n`)
      for (let waits = 0; !PROMPT.test(this.#open) && waits < 200 && !this.#closed; waits++) await sleep(20)
    }
    this.#socket.write('exec sh /tmp/hand.sh\n')
    await sleep(300)
  }

  #listen(text: string): void {
    this.#lastByte = Date.now()
    const [first = '', ...rest] = text.split('\n')
    this.#parts.push(first)
    for (const next of rest) {
      this.#take(this.#parts.join('').replaceAll('\r', ''))
      this.#parts = [next]
    }
    this.#open = this.#parts.slice(-50).join('').slice(-200).replace(ESCAPES, '')
  }

  #take(line: string): void {
    for (const look of [...this.#heard]) look(line)
    const [, id = '', status, stdout = '', stderr = ''] = REPORT.exec(line) ?? []
    this.#pending.get(id)?.({ status: Number(status), stdout: decoded(stdout), stderr: decoded(stderr) })
  }
}

const PROMPT = /[#$] $/
const REPORT = /@@ done (\S+) (\d+) x([0-9a-f]*) x([0-9a-f]*) @@/
// biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's escape sequences begin with one.
const ESCAPES = /\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07)/g

/** The serial line without our own talk: what is left is the router's. */
export const withoutTalk = (serial: string): string =>
  serial
    .split('\n')
    .filter(line => !line.includes('@@ '))
    .join('\n')

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** For printf's %b, within single quotes, on a terminal: nothing but plain characters. */
function pieces(bytes: Uint8Array): readonly string[] {
  const made = ['']
  for (const byte of bytes) {
    const text = PLAIN.test(String.fromCharCode(byte))
      ? String.fromCharCode(byte)
      : `\\0${byte.toString(8).padStart(3, '0')}`
    const last = made[made.length - 1] ?? ''
    if (last.length + text.length > PIECE) made.push(text)
    else made[made.length - 1] = last + text
  }
  return made
}

const PLAIN = /[A-Za-z0-9 _.,:;/=+"|<>()[\]{}@#$^&*?!~%-]/

const md5 = (bytes: Uint8Array): string => createHash('md5').update(bytes).digest('hex')
const decoded = (hex: string): string => Buffer.from(hex, 'hex').toString('utf8')
