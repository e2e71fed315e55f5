/** The processors that routers are emulated with, and what each needs of QEMU, Debian and us. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test/support/root.ts'

export type Machine = 'x86_64' | 'aarch64' | 'armhf' | 'mipsel' | 's390x'

export interface MachineFacts {
  readonly qemu: readonly string[]
  readonly console: string
  /** More words for the kernel. */
  readonly words?: string
  /** Bus of the virtio devices. */
  readonly bus: 'pci' | 'ccw'
  /** Where the agent's port is plugged in, if that matters. */
  readonly portAt?: string
  /** A saved machine stops some seconds after it was restored (QEMU 7.2): it is booted with the saved disk each time. */
  readonly cannotRestore?: true
  /** Debian's name of the processor. */
  readonly debian: string
  /** Architecture of the package that goes in. */
  readonly package: string
}

export const MACHINES: Readonly<Record<Machine, MachineFacts>> = {
  x86_64: {
    // Without cmpxchg16b: before 8.0, QEMU leaves address bits in EFLAGS behind it. Linux 6.12 can be interrupted right there,
    // and comes back from the interrupt with flags that no processor allows.
    qemu: ['qemu-system-x86_64', '-M', 'pc', '-cpu', 'qemu64,-cx16'],
    console: 'ttyS0',
    // On a busy machine the emulated timer comes too late for the kernel, which tries it at boot and gives up.
    words: 'no_timer_check',
    bus: 'pci',
    debian: 'amd64',
    package: 'x86_64',
  },
  aarch64: {
    qemu: ['qemu-system-aarch64', '-M', 'virt', '-cpu', 'cortex-a53'],
    console: 'ttyAMA0',
    bus: 'pci',
    debian: 'arm64',
    package: 'aarch64_cortex-a53',
  },
  armhf: {
    qemu: ['qemu-system-arm', '-M', 'virt,highmem=off', '-cpu', 'cortex-a15'],
    console: 'ttyAMA0',
    bus: 'pci',
    debian: 'armhf',
    package: 'arm_cortex-a7_neon-vfpv4',
  },
  mipsel: {
    qemu: ['qemu-system-mipsel', '-M', 'malta', '-cpu', '24Kf'],
    console: 'ttyS0',
    bus: 'pci',
    // Malta's kernel gives interrupts to four slots (0x12 to 0x15) and to that of the board's own network card.
    portAt: 'addr=0x0b',
    debian: 'mipsel',
    package: 'mipsel_emulated',
  },
  s390x: {
    // With vector instructions QEMU 7.2 computes wrong IP checksums.
    qemu: ['qemu-system-s390x', '-M', 's390-ccw-virtio', '-cpu', 'max,vx=off'],
    console: 'ttysclp0',
    bus: 'ccw',
    cannotRestore: true,
    debian: 's390x',
    package: 's390x_emulated',
  },
}

export interface ImageFacts {
  readonly machine: Machine
  /** Debian's release: its kernel, its nft, its miniupnpd. */
  readonly release: string
  /** The metapackage that stands for the kernel. */
  readonly kernel: string
  /** Megabytes. */
  readonly memory: number
  /** Release that busybox is taken from, where the image's own is too old for the agent. */
  readonly busybox?: string
  /** Portico runs on Node in place of its own engine: the Node that runs the suite goes into the image. */
  readonly engine?: 'node'
}

export const IMAGES = JSON.parse(readFileSync(join(root, 'qemu/images.json'), 'utf8')) as Readonly<
  Record<string, ImageFacts>
>

export function imageFacts(name: string): ImageFacts {
  const facts = IMAGES[name]
  if (facts === undefined) throw new Error(`there is no image '${name}'; there are: ${Object.keys(IMAGES).join(' ')}`)
  return facts
}

/** How much longer than with our own engine things may take: each call of the console starts Node, in an emulator. */
export const slowness = ({ engine }: ImageFacts): number => (engine === 'node' ? 3 : 1)
