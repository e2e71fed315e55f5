/** A world for the console, held in memory: one router, some mappings, a journal. */

import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import type { Instant, Seconds } from '../../src/base/time.ts'
import type { SectionValues } from '../../src/config/options.ts'
import { defaultsOf } from '../../src/config/options.ts'
import type { OldLease } from '../../src/control/leases-file.ts'
import type { PrintOptions } from '../../src/control/print.ts'
import { runLine } from '../../src/control/server.ts'
import type {
  Check,
  ControlWorld,
  InterfaceRole,
  JournalLine,
  Pinned,
  Question,
  SettingsId,
  Status,
  Traffic,
} from '../../src/control/world.ts'
import type { Entry } from '../../src/core/journal.ts'
import type { Answer, Mapping, Owner, Transport } from '../../src/core/mapping.ts'
import { ORDINARY } from '../../src/core/mapping.ts'
import type { Verdict } from '../../src/core/permission.ts'

export class MemoryWorld implements ControlWorld {
  held: Mapping[] = []
  roles: InterfaceRole[] = []
  rules: SectionValues<'permission'>[] = []
  lines: JournalLine[] = []
  state: Status = healthy
  removed: Mapping[] = []
  /** What `remove` answers instead of removing. */
  obstacle: Answer | undefined
  readonly counted = new Map<Mapping, Traffic>()
  entries: Entry[] = []
  readonly asked: { readonly question: Question; readonly external: Port }[] = []
  judgement: Verdict = { allowed: true, because: 'default policy: no permission speaks of it', rule: undefined }
  readonly pinned: { readonly mapping: Mapping; readonly comment: string }[] = []
  pinning: Pinned = { ok: true, section: 'pinned_tcp_8080' }
  found: Check[] = []

  now(): Instant {
    return 1_000_000 as Instant
  }
  status(): Status {
    return this.state
  }
  settings(section: SettingsId): Readonly<Record<string, unknown>> {
    return section === 'nat_pmp' ? { ...defaultsOf(section), enabled: true } : defaultsOf(section)
  }
  interfaces(): readonly InterfaceRole[] {
    return this.roles
  }
  permissions(): readonly SectionValues<'permission'>[] {
    return this.rules
  }
  mappings(): Iterable<Mapping> {
    return this.held
  }
  journal(): Iterable<JournalLine> {
    return this.lines
  }
  async remove(mapping: Mapping): Promise<Answer> {
    if (this.obstacle !== undefined) return this.obstacle
    this.removed.push(mapping)
    this.held = this.held.filter(each => each !== mapping)
    return { ok: true, mapping: undefined }
  }
  version(): number {
    return 7
  }
  async traffic(mappings: readonly Mapping[]): Promise<readonly (Traffic | undefined)[]> {
    return mappings.map(mapping => this.counted.get(mapping))
  }
  happened(after: number): readonly Entry[] {
    return this.entries.filter(({ number }) => number > after)
  }
  permits(question: Question, external: Port): Verdict {
    this.asked.push({ question, external })
    return this.judgement
  }
  /** What has come over from another daemon. */
  taken: OldLease[] = []
  async take(lease: OldLease): Promise<Answer> {
    await undefined
    const port = lease.ask === 'map' ? lease.external : lease.internal.port
    if (port < 1024) return { ok: false, why: 'not-allowed', because: 'ports below 1024 are refused' }
    this.taken.push(lease)
    return { ok: true, mapping: undefined }
  }

  async pin(mapping: Mapping, comment: string): Promise<Pinned> {
    this.pinned.push({ mapping, comment })
    return this.pinning
  }
  async checks(): Promise<readonly Check[]> {
    return this.found
  }
}

interface MappingSketch {
  readonly transport?: Transport
  readonly port: number
  readonly host?: string
  readonly to?: number
  readonly label?: string
  readonly via?: Owner['via']
  /** Seconds that are left of a lease of two hours. */
  readonly left?: number
  readonly mac?: string
}

/** A mapping of 192.168.88.10 by NAT-PMP unless it is said otherwise; `via: 'operator'` makes a static one. */
export function mapping(sketch: MappingSketch): Mapping {
  const {
    transport = 'tcp',
    port,
    host = '192.168.88.10',
    to = port,
    label = '',
    via = 'nat-pmp',
    left = 7199,
  } = sketch
  const owner: Owner = via === 'operator' ? { via } : { via, client: host as Ip }
  return {
    transport,
    external: { ip: '11.22.33.44' as Ip, port: port as Port },
    internal: { ip: host as Ip, port: to as Port },
    owner,
    lease:
      via === 'operator' ? 'forever' : { lifetime: 7200 as Seconds, expires: (1_000_000 + left * 1000) as Instant },
    label,
    mac: sketch.mac as Mac | undefined,
    ...ORDINARY,
  }
}

export const healthy: Status = {
  version: '0.1.0',
  engine: 'QuickJS 2025-04-26',
  uptime: 93_784 as Seconds,
  services: [
    { service: 'nat-pmp', enabled: true, listening: ['192.168.88.1:5351'], trouble: undefined },
    { service: 'upnp', enabled: false, listening: [], trouble: undefined },
  ],
  uplink: { is: 'up', device: 'ether1', address: '11.22.33.44' as Ip, told: '11.22.33.44' as Ip, reach: 'public' },
  uplink6: { is: 'up', device: 'ether1', address: undefined },
  internal: [{ device: 'br-lan', address: '192.168.88.1' as Ip }],
  closed: [],
  held: 2,
  limits: { total: 2048, perHost: 64 },
  refused: [],
  problems: [],
  kernel: { release: '6.18.5', features: [] },
  ubus: { connected: true, trouble: undefined },
  leaseFile: undefined,
}

/** What a command line shows and its exit status. */
export async function run(world: ControlWorld, line: string, options: PrintOptions) {
  const { exit, text } = await runLine(world, line, options)
  return { exit, text: [...text].join('') }
}
