/** An emulated router: boots, runs scripts, is saved and restored, loses its links and its power. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Background, type Finished, must, until } from '../test/support/process.ts'
import { qemuCommand } from './command.ts'
import { Console, withoutTalk } from './console.ts'
import { Agent, type Hand } from './hand.ts'
import type { Image } from './image.ts'
import { MACHINES, slowness } from './machines.ts'
import { TAKE_OVER } from './openwrt.ts'
import { Qmp } from './qmp.ts'

export interface VmOptions {
  /** Where its disk, its sockets and its log are. */
  readonly directory: string
  /** The read-only disk: our root file system, or what is handed to a given image. */
  readonly rom: string
  /** Virtual time: the clock jumps over what is idle. */
  readonly virtualTime?: boolean
  /** Taps of the LAN and the WAN; without them the links lead nowhere. */
  readonly taps?: readonly [string, string]
  readonly memory?: number
}

/** Milliseconds until an answer after power on. A given image may have its overlay to make, and its keys. */
const PATIENCE = { ours: 300_000, given: 400_000 }
/** How many times longer than named a script may take in the router, on a machine that is busy with other things. */
const BUSY = 5

export class Vm {
  readonly image: Image
  readonly #options: VmOptions
  #process: Background | undefined
  #qmp: Qmp | undefined
  #hand: Hand | undefined

  constructor(image: Image, options: VmOptions) {
    this.image = image
    this.#options = options
    mkdirSync(options.directory, { recursive: true })
  }

  /**
   * Switches it on and waits until its agent answers; seconds that took. The overlay is kept unless it is `fresh`. An
   * emulated machine that hangs or dies while it boots is switched on again, twice at most, and that is said.
   */
  async boot(fresh = false): Promise<number> {
    const began = process.hrtime.bigint()
    for (let attempt = 1; ; attempt++) {
      if (fresh || !existsSync(this.#disk)) await this.#newDisk()
      try {
        await this.#launch([])
        await this.answers(this.image.given === undefined ? PATIENCE.ours : PATIENCE.given)
        return Number(process.hrtime.bigint() - began) / 1e9
      } catch (error) {
        const state = this.#process?.status === undefined ? await this.registers().catch(String) : ''
        await this.off()
        if (attempt === 3) throw error
        console.log(`${this.image.name} did not boot and is switched on again: ${error}\n${state}`)
      }
    }
  }

  get on(): boolean {
    return this.#hand !== undefined
  }

  async answers(timeout = 120_000): Promise<void> {
    // Asked more and more seldom: a slow router has every question to answer in the end.
    let patience = 500
    await until(
      `the router answers; it said:\n${this.serial.slice(-2000)}`,
      async () => {
        if (this.#process?.status !== undefined) throw new Error(`QEMU ended: ${this.#process.output}\n${this.serial}`)
        patience = Math.min(patience * 2, 8000)
        return (await this.sh('echo here', patience)).stdout === 'here\n' || undefined
      },
      timeout,
      50,
    )
  }

  async sh(script: string, timeout = 30_000): Promise<Finished> {
    if (this.#hand === undefined) throw new Error('the router is off')
    return this.#hand.sh(script, timeout * BUSY * slowness(this.image.facts))
  }

  async must(script: string, timeout?: number): Promise<string> {
    const { status, stdout, stderr } = await this.sh(script, timeout)
    if (status !== 0) throw new Error(`in the router: ${script}: exit ${status}\n${stdout}${stderr}`)
    return stdout
  }

  /** Plugs the cable of `lan` or `wan` in or out. */
  async plug(link: 'lan' | 'wan', up: boolean): Promise<void> {
    await this.#qmp?.run('set_link', { name: link, up })
  }

  /** Saves memory and disk under a name; the router goes on. Of a machine that cannot be restored, the disk alone. */
  async save(name: string): Promise<void> {
    await this.sh('sync')
    await this.#qmp?.run('stop')
    if (this.#restorable) await this.#saveMemory(name)
    copyFileSync(this.#disk, this.#file(`${name}.disk`))
    await this.#qmp?.run('cont')
  }

  saved(name: string): boolean {
    return existsSync(this.#file(`${name}.disk`))
  }

  /** As it was when it was saved, or switched on with the disk that it had then; seconds that took. */
  async restore(name: string): Promise<number> {
    const began = process.hrtime.bigint()
    await this.off()
    copyFileSync(this.#file(`${name}.disk`), this.#disk)
    if (!this.#restorable) return this.boot()
    await this.#launch(['-incoming', `exec:cat '${this.#file(`${name}.ram`)}'`])
    await until(
      'the router is back',
      async () => {
        const status = await this.#status('query-status')
        return status !== 'inmigrate' || undefined
      },
      120_000,
    )
    await this.#qmp?.run('cont')
    await this.answers()
    return Number(process.hrtime.bigint() - began) / 1e9
  }

  /** Asks it to end properly, then switches it on again with the same disk; seconds to the agent's answer. */
  async reboot(): Promise<number> {
    await this.#down('reboot')
    return this.boot()
  }

  /** Factory reset: an empty overlay. */
  async reset(): Promise<void> {
    await this.off()
    await this.boot(true)
  }

  /** Power off, at once. */
  async off(): Promise<void> {
    await this.#process?.stop(3000)
    this.#forget()
  }

  /** The processor as the emulator sees it, twice: what there is to know of a router that no longer answers. */
  async registers(): Promise<string> {
    const look = async () => String(await this.#qmp?.run('human-monitor-command', { 'command-line': 'info registers' }))
    const first = await look()
    await new Promise(resolve => setTimeout(resolve, 2000))
    return `=== the router does not answer; registers\n${first}\n=== and two seconds later\n${await look()}`
  }

  /** What the router said on the serial line since its disk was new: its boot too, when it was saved and restored since. */
  get serial(): string {
    try {
      return withoutTalk(readFileSync(this.#file('serial.log'), 'utf8'))
    } catch {
      return ''
    }
  }

  async #saveMemory(name: string): Promise<void> {
    await this.#qmp?.run('migrate', { uri: `exec:cat > '${this.#file(`${name}.ram`)}'` })
    await until(
      'the router is saved',
      async () => {
        const status = await this.#status('query-migrate')
        if (status === 'failed') throw new Error('saving failed')
        return status === 'completed' || undefined
      },
      120_000,
    )
  }

  get #restorable(): boolean {
    return MACHINES[this.image.facts.machine].cannotRestore !== true
  }

  async #down(how: 'reboot' | 'poweroff'): Promise<void> {
    await this.sh(`(sleep 1; ${how}) >/dev/null 2>&1 &`, 5000)
    await until('the router went down', async () => this.#process?.status !== undefined || undefined, 90_000)
    this.#forget()
  }

  get #disk(): string {
    return this.#file('overlay.img')
  }

  async #status(query: string): Promise<string | undefined> {
    return ((await this.#qmp?.run(query)) as { status?: string } | undefined)?.status
  }

  #file(name: string): string {
    return join(this.#options.directory, name)
  }

  async #newDisk(): Promise<void> {
    for (const file of [this.#disk, this.#file('serial.log')]) rmSync(file, { force: true })
    if (this.image.given !== undefined) return this.#given(this.image.given.disk)
    // As old as the oldest kernel's ext4.
    await must(['mke2fs', '-q', '-t', 'ext4', '-O', '^metadata_csum_seed,^orphan_file', this.#disk, '64M'])
  }

  /** A given image as the suite wants to find it: with the addresses of our lab. Made once, by the image itself. */
  async #given(disk: string): Promise<void> {
    const prepared = join(this.image.directory, 'prepared.img')
    if (!existsSync(prepared)) {
      copyFileSync(disk, this.#disk)
      await this.#launch([])
      await this.answers(PATIENCE.given)
      await this.must(TAKE_OVER, PATIENCE.given)
      await this.#down('poweroff')
      copyFileSync(this.#disk, prepared)
    }
    copyFileSync(prepared, this.#disk)
  }

  async #launch(more: readonly string[]): Promise<void> {
    for (const name of ['qmp.sock', 'ctl.sock', 'console.sock']) rmSync(this.#file(name), { force: true })
    const { memory, directory, rom, taps, virtualTime } = this.#options
    const wiring = { memory: memory ?? this.image.facts.memory, directory, disk: this.#disk, rom, taps }
    this.#process = new Background([
      ...qemuCommand(this.image, { ...wiring, virtualTime: virtualTime ?? false }),
      ...more,
    ])
    this.#qmp = await Qmp.connect(this.#file('qmp.sock')).catch(error => {
      throw new Error(`${error}\n${this.#process?.output}`)
    })
    this.#hand = await (this.image.given === undefined
      ? Agent.connect(this.#file('ctl.sock'))
      : Console.connect(this.#file('console.sock'), this.image.given.password))
  }

  #forget(): void {
    this.#hand?.close()
    this.#qmp?.close()
    this.#hand = undefined
    this.#qmp = undefined
    this.#process = undefined
  }
}
