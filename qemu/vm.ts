/** An emulated router: boots, runs scripts, is saved and restored, loses its links and its power. */
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { Background, type Finished, must, until } from '../test/support/process.ts'
import { Hand } from './hand.ts'
import type { Image } from './image.ts'
import { MACHINES } from './machines.ts'
import { Qmp } from './qmp.ts'

export interface VmOptions {
  /** Where its disk, its sockets and its log are. */
  readonly directory: string
  /** The root file system. */
  readonly rom: string
  /** Virtual time: the clock jumps over what is idle. */
  readonly virtualTime?: boolean
  /** Taps of the LAN and the WAN; without them the links lead nowhere. */
  readonly taps?: readonly [string, string]
  readonly memory?: number
}

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

  /** Switches it on and waits until its agent answers; seconds that took. The overlay is kept unless it is `fresh`. */
  async boot(fresh = false): Promise<number> {
    const began = process.hrtime.bigint()
    if (fresh || !existsSync(this.#disk)) await this.#newDisk()
    await this.#launch([])
    await this.answers(120_000)
    return Number(process.hrtime.bigint() - began) / 1e9
  }

  get on(): boolean {
    return this.#hand !== undefined
  }

  async answers(timeout = 30_000): Promise<void> {
    await until(
      `the router answers; it said:\n${this.serial.slice(-2000)}`,
      async () => {
        if (this.#process?.status !== undefined) throw new Error(`QEMU ended: ${this.#process.output}\n${this.serial}`)
        return (await this.sh('echo here', 3000)).stdout === 'here\n' || undefined
      },
      timeout,
      50,
    )
  }

  async sh(script: string, timeout = 30_000): Promise<Finished> {
    if (this.#hand === undefined) throw new Error('the router is off')
    return this.#hand.sh(script, timeout)
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

  /** Saves memory and disk under a name; the router goes on. */
  async save(name: string): Promise<void> {
    await this.sh('sync')
    await this.#qmp?.run('stop')
    await this.#qmp?.run('migrate', { uri: `exec:cat > '${this.#file(`${name}.ram`)}'` })
    await until('the router is saved', async () => {
      const status = await this.#status('query-migrate')
      if (status === 'failed') throw new Error('saving failed')
      return status === 'completed' || undefined
    })
    copyFileSync(this.#disk, this.#file(`${name}.disk`))
    await this.#qmp?.run('cont')
  }

  saved(name: string): boolean {
    return existsSync(this.#file(`${name}.ram`)) && statSync(this.#file(`${name}.ram`)).size > 0
  }

  /** As it was when it was saved; seconds that took. */
  async restore(name: string): Promise<number> {
    const began = process.hrtime.bigint()
    await this.off()
    copyFileSync(this.#file(`${name}.disk`), this.#disk)
    await this.#launch(['-incoming', `exec:cat '${this.#file(`${name}.ram`)}'`])
    await until('the router is back', async () => {
      const status = await this.#status('query-status')
      return status !== 'inmigrate' || undefined
    })
    await this.#qmp?.run('cont')
    await this.answers()
    return Number(process.hrtime.bigint() - began) / 1e9
  }

  /** Asks it to end properly, then switches it on again with the same disk; seconds to the agent's answer. */
  async reboot(): Promise<number> {
    await this.sh('(sleep 0.2; reboot) >/dev/null 2>&1 &', 5000)
    await until('the router went down', async () => this.#process?.status !== undefined || undefined, 60_000)
    this.#forget()
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

  /** What QEMU shows of itself on the serial line, from the last start on. */
  get serial(): string {
    try {
      return readFileSync(this.#file('serial.log'), 'utf8')
    } catch {
      return ''
    }
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
    rmSync(this.#disk, { force: true })
    // As old as the oldest kernel's ext4.
    await must(['mke2fs', '-q', '-t', 'ext4', '-O', '^metadata_csum_seed,^orphan_file', this.#disk, '64M'])
  }

  async #launch(more: readonly string[]): Promise<void> {
    for (const name of ['qmp.sock', 'ctl.sock']) rmSync(this.#file(name), { force: true })
    const { facts, directory } = this.image
    const { qemu, console, bus, portAt } = MACHINES[facts.machine]
    const disk = (id: string, file: string, readonly: boolean) => [
      '-drive',
      `if=none,id=${id},file=${file},format=raw,cache=unsafe${readonly ? ',readonly=on' : ''}`,
      '-device',
      `virtio-blk-${bus},drive=${id}`,
    ]
    this.#process = new Background([
      ...qemu,
      ...[
        '-accel',
        'tcg',
        '-m',
        String(this.#options.memory ?? facts.memory),
        '-display',
        'none',
        '-no-reboot',
        '-nodefaults',
      ],
      ...['-kernel', join(directory, 'vmlinuz'), '-initrd', join(directory, 'stage1.cpio.gz')],
      ...['-append', `console=${console} quiet panic=-1`],
      ...['-chardev', `file,id=con,path=${this.#file('serial.log')}`, '-serial', 'chardev:con'],
      ...['-qmp', `unix:${this.#file('qmp.sock')},server=on,wait=off`],
      ...[
        '-device',
        `virtio-serial-${bus}${portAt === undefined ? '' : `,${portAt}`}`,
        '-chardev',
        `socket,id=ctl,path=${this.#file('ctl.sock')},server=on,wait=off`,
      ],
      ...['-device', 'virtserialport,chardev=ctl,name=ctl'],
      ...disk('rom', this.#options.rom, true),
      ...disk('overlay', this.#disk, false),
      ...this.#network(bus),
      ...(this.#options.virtualTime ? ['-icount', 'shift=auto,sleep=off'] : []),
      ...more,
    ])
    this.#qmp = await Qmp.connect(this.#file('qmp.sock')).catch(error => {
      throw new Error(`${error}\n${this.#process?.output}`)
    })
    this.#hand = await Hand.connect(this.#file('ctl.sock'))
  }

  #network(bus: 'pci' | 'ccw'): readonly string[] {
    const rom = bus === 'pci' ? ',romfile=' : ''
    return ['lan', 'wan'].flatMap((link, i) => [
      '-netdev',
      this.#options.taps === undefined
        ? `hubport,id=${link},hubid=${i}`
        : `tap,id=${link},ifname=${this.#options.taps[i]},script=no,downscript=no`,
      '-device',
      `virtio-net-${bus},netdev=${link},mac=52:54:00:00:00:0${i + 1}${rom}`,
    ])
  }

  #forget(): void {
    this.#hand?.close()
    this.#qmp?.close()
    this.#hand = undefined
    this.#qmp = undefined
    this.#process = undefined
  }
}
