/**
 * What the daemon offers to the people who look at it. The control floor reads this and nothing else, and changes the
 * world in two ways only: `remove` and `pin`.
 */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import type { Severity } from '../base/log.ts'
import type { Instant, Seconds } from '../base/time.ts'
import type { SectionValues } from '../config/options.ts'
import type { Problem } from '../config/problems.ts'
import type { Entry } from '../core/journal.ts'
import type { Answer, Mapping, Refusal, Service, Transport } from '../core/mapping.ts'
import type { Verdict } from '../core/permission.ts'
import type { Ipv6Uplink, Uplink } from '../core/uplink.ts'
import type { OldLease } from './leases-file.ts'

export interface ControlWorld {
  now(): Instant
  status(): Status
  /** Values of a settings section by option name, as the loader made them (`SectionValues`), defaults filled in. */
  settings(section: SettingsId): Readonly<Record<string, unknown>>
  /** Roles in force, then those that are configured but disabled or invalid. */
  interfaces(): readonly InterfaceRole[]
  /** Permission rules in file order, the disabled ones too. */
  permissions(): readonly SectionValues<'permission'>[]
  /** In any order; the console sorts. */
  mappings(): Iterable<Mapping>
  /** Oldest first. */
  journal(): Iterable<JournalLine>
  /**
   * As the router's owner, whoever holds it. `mapping` is as it was listed; it may have been renewed since. `ok` too
   * when it has ended meanwhile. Resolves when the kernel has confirmed; never rejects.
   */
  remove(mapping: Mapping): Promise<Answer>
  /** Goes up with each change of the mappings that translate. */
  version(): number
  /** One for each mapping, in the same order; `undefined` where nothing counts. Never rejects. */
  traffic(mappings: readonly Mapping[]): Promise<readonly (Traffic | undefined)[]>
  /** The journal's entries behind number `after`, oldest first. */
  happened(after: number): readonly Entry[]
  /** What decides whether this may be mapped, were it asked for now. */
  permits(question: Question, external: Port): Verdict
  /** Makes a client's mapping one of the owner's configuration. Never rejects. */
  pin(mapping: Mapping, comment: string): Promise<Pinned>
  /** Asks for another daemon's mapping in its client's name, with all rules and limits. Never rejects. */
  take(lease: OldLease): Promise<Answer>
  /** What must be in order for the service to work, in the order in which to mend it. Never rejects. */
  checks(): Promise<readonly Check[]>
}

/** Of all flows of one mapping, both directions, since it was made. */
export interface Traffic {
  readonly packets: number
  readonly bytes: number
  /** Of these, what the internal host sent. */
  readonly bytesOut: number
}

export interface Question {
  readonly service: Service
  readonly transport: Transport
  readonly internal: Endpoint
  readonly mac: Mac | undefined
  /** The internal device that it comes in by; the one that leads to the host when it is not said. */
  readonly device: string | undefined
}

export type Pinned =
  /** Name of its new section. */
  | { readonly ok: true; readonly section: string }
  | {
      readonly ok: false
      readonly why: 'static' | 'pinhole' | 'remote' | 'broken' | 'write'
      /** A sentence for people. */
      readonly because: string
    }

/** Works; works, but not as well as it could; does not work. */
export type CheckState = 'green' | 'amber' | 'red'

export interface Check {
  readonly name: string
  readonly state: CheckState
  /** What was found. */
  readonly what: string
  /** What to do; absent when it is green. */
  readonly mend?: string
}

/** The named sections of `/etc/config/portico` (`config/options.ts`). */
export type SettingsId = 'nat_pmp' | 'upnp' | 'limits' | 'system'

export interface InterfaceRole {
  /** As configured: a UCI network name or a device. */
  readonly interface: string
  /** The device it stands for, while there is one. */
  readonly device: string | undefined
  readonly type: 'internal' | 'external'
  readonly services: readonly Service[]
  readonly forcedIp: Ip | undefined
  readonly disabled: boolean
  /** Found in the system's own configuration, not in ours. */
  readonly dynamic: boolean
  /** Why the role is not in force although it is configured; a sentence for people. */
  readonly invalid: string | undefined
  /** Of an internal one: the client that has cut it off from the world. */
  readonly closedBy: Ip | undefined
}

export interface JournalLine {
  /** Milliseconds since 1970. */
  readonly time: number
  readonly severity: Severity
  /** `nat-pmp`, `upnp`, `uplink`, `config` ...; the severity is added when it is shown, as RouterOS does. */
  readonly topics: readonly string[]
  readonly message: string
}

export interface Status {
  readonly version: string
  /** `QuickJS 2025-04-26`, `Node 20.20.2`. */
  readonly engine: string
  readonly uptime: Seconds
  readonly services: readonly ServiceStatus[]
  readonly uplink: Uplink
  /** By which pinholes are reached. */
  readonly uplink6: Ipv6Uplink
  /** Internal interfaces in force. */
  readonly internal: readonly { readonly device: string; readonly address: Ip }[]
  /** Internal devices that a client has cut off from the world, and who it was. */
  readonly closed: readonly ClosedNetwork[]
  readonly held: number
  readonly limits: { readonly total: number; readonly perHost: number }
  /** Refused requests in the time that the journal reaches back, most frequent first. */
  readonly refused: readonly RefusedLately[]
  readonly problems: readonly Problem[]
  readonly kernel: KernelStatus
  /** The connection to ubusd; `trouble` says why there is none, or what it refuses. */
  readonly ubus: { readonly connected: boolean; readonly trouble: string | undefined }
  /** Where leases are kept over a reboot; `undefined`: nowhere. */
  readonly leaseFile: LeaseFileStatus | undefined
}

export interface ClosedNetwork {
  readonly device: string
  readonly by: Ip
}

export interface LeaseFileStatus {
  readonly path: string
  /** Minutes between two writings while it runs; 0: only when it ends. */
  readonly interval: number
  /** When it was written last, in seconds from now; `undefined`: not by this process. */
  readonly age: Seconds | undefined
  readonly trouble: string | undefined
}

export interface ServiceStatus {
  readonly service: Service
  readonly enabled: boolean
  /** Addresses and ports it answers on, `192.168.1.1:5351`. */
  readonly listening: readonly string[]
  /** What keeps an enabled service from serving. */
  readonly trouble: string | undefined
}

export interface RefusedLately {
  readonly why: Refusal
  readonly count: number
  /** The last of them: `192.168.1.7 asked for tcp 22: permission 3 (no ssh)`. */
  readonly last: string
}

export interface KernelStatus {
  /** `6.18.5`, where known. */
  readonly release: string | undefined
  /** What differs between kernels; `meaning` says, as half a sentence, what a kernel that has it does better. */
  readonly features: readonly { readonly name: string; readonly present: boolean; readonly meaning: string }[]
}
