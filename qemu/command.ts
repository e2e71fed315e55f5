/** QEMU's command line for an image: one of ours, with the agent's port, or a given one, with nothing but its console. */
import { join } from 'node:path'
import type { Image } from './image.ts'
import { MACHINES } from './machines.ts'

export interface Wiring {
  readonly memory: number
  /** Where `qmp.sock`, `ctl.sock`, `console.sock`, `serial.log` are, and the disk that is written to. */
  readonly directory: string
  /** The disk that is written to. */
  readonly disk: string
  /** The read-only disk: our root file system, or what is handed to a given image. */
  readonly rom: string
  /** Taps of the LAN and the WAN; without them the links lead nowhere. */
  readonly taps: readonly [string, string] | undefined
  readonly virtualTime: boolean
}

export function qemuCommand(image: Image, wiring: Wiring): readonly string[] {
  const { qemu, bus } = MACHINES[image.facts.machine]
  const written = disk('written', wiring.disk, bus, false)
  const rom = disk('rom', wiring.rom, bus, true)
  return [
    ...(wiring.virtualTime ? FIRST_OF_ALL : []),
    ...qemu,
    // Room for a second processor, which is never there: with room for one only, QEMU takes the processor's thread for the
    // only one, makes nothing atomic and (before 8.1) leaves memory barriers out. Its devices run in another thread. A ring
    // of buffers on which the two no longer agree is a network card that has fallen silent.
    ...['-smp', '1,maxcpus=2'],
    ...['-accel', 'tcg', '-m', String(wiring.memory), '-display', 'none', '-no-reboot', '-nodefaults'],
    ...kernel(image),
    ...consoles(image, wiring.directory),
    ...['-qmp', `unix:${join(wiring.directory, 'qmp.sock')},server=on,wait=off`],
    // Ours has its root on the first disk, a given one its whole self.
    ...(image.given === undefined ? [...rom, ...written] : [...written, ...rom]),
    ...network(bus, wiring.taps),
    ...(wiring.virtualTime ? ['-icount', 'shift=auto,sleep=off'] : []),
  ]
}

/**
 * A clock that jumps is a word between two threads at each jump. Where two other emulators have the processors, each word
 * waits for its turn: a minute became twelve. Who is not root gets no better turn, and waits.
 */
const FIRST_OF_ALL = ['nice', '-n', '-10']

/** A given disk brings its boot loader, unless a kernel was given beside it. */
function kernel({ given, facts, directory }: Image): readonly string[] {
  const { console: device, words = '' } = MACHINES[facts.machine]
  const console = `console=${device} ${words}`.trim()
  if (given === undefined) {
    const files = ['-kernel', join(directory, 'vmlinuz'), '-initrd', join(directory, 'stage1.cpio.gz')]
    return [...files, '-append', `${console} quiet panic=-1`]
  }
  if (given.kernel === undefined) return []
  const initrd = given.initrd === undefined ? [] : ['-initrd', given.initrd]
  return ['-kernel', given.kernel, ...initrd, '-append', `root=/dev/vda rootwait ${console} panic=-1`]
}

function consoles({ given, facts }: Image, directory: string): readonly string[] {
  const log = join(directory, 'serial.log')
  const serial = ['-serial', 'chardev:con', '-chardev']
  if (given !== undefined) {
    return [
      ...serial,
      `socket,id=con,path=${join(directory, 'console.sock')},server=on,wait=off,logfile=${log},logappend=on`,
    ]
  }
  const { bus, portAt } = MACHINES[facts.machine]
  return [
    ...[...serial, `file,id=con,path=${log},append=on`],
    ...['-device', `virtio-serial-${bus}${portAt === undefined ? '' : `,${portAt}`}`],
    ...['-chardev', `socket,id=ctl,path=${join(directory, 'ctl.sock')},server=on,wait=off`],
    ...['-device', 'virtserialport,chardev=ctl,name=ctl'],
  ]
}

const disk = (id: string, file: string, bus: 'pci' | 'ccw', readonly: boolean): readonly string[] => [
  ...['-drive', `if=none,id=${id},file=${file},format=raw,cache=unsafe${readonly ? ',readonly=on' : ''}`],
  ...['-device', `virtio-blk-${bus},drive=${id}`],
]

function network(bus: 'pci' | 'ccw', taps: readonly [string, string] | undefined): readonly string[] {
  const rom = bus === 'pci' ? ',romfile=' : ''
  return ['lan', 'wan'].flatMap((link, i) => [
    '-netdev',
    taps === undefined ? `hubport,id=${link},hubid=${i}` : `tap,id=${link},ifname=${taps[i]},script=no,downscript=no`,
    '-device',
    `virtio-net-${bus},netdev=${link},mac=52:54:00:00:00:0${i + 1}${rom}`,
  ])
}
