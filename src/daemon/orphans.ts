/**
 * Flows of mappings that ended while no daemon ran. The kernel lets nobody new in then, but a flow that runs goes on
 * for as long as it talks, and says to nobody that it was ours. The lease file does: what it had in this boot and what
 * leads nowhere now has no flows any more.
 */
import type { Ip } from '../base/ip.ts'
import type { Engine } from '../core/engine.ts'
import type { LeaseRecord } from '../core/leases.ts'
import { hasPinhole } from '../core/leases.ts'
import { sameEndpoint } from '../core/mapping.ts'
import type { Surroundings } from '../core/surroundings.ts'
import type { Way } from '../kernel/conntrack.ts'

export interface OrphansParts {
  readonly engine: Pick<Engine, 'mappings'>
  readonly surroundings: Pick<Surroundings, 'hasRedirect'>
  readonly endFlows: (ways: readonly Way[]) => void
}

export class Orphans {
  readonly #parts: OrphansParts
  #waiting: (readonly [record: LeaseRecord, way: Way])[] = []
  #hasBegun = false

  constructor(parts: OrphansParts) {
    this.#parts = parts
  }

  /** Mappings that are no more. `address`: what they were reached under; without it only pinholes can be found. */
  add(records: readonly LeaseRecord[], address: Ip | undefined): void {
    for (const record of records) {
      const way = wayOf(record, address)
      if (way !== undefined) this.#waiting.push([record, way])
    }
    if (this.#hasBegun) this.#end()
  }

  /** What the owner has configured is in force: it may lead the same way. */
  begin(): void {
    if (this.#hasBegun) return
    this.#hasBegun = true
    this.#end()
  }

  #end(): void {
    const waiting = this.#waiting
    this.#waiting = []
    const ways = waiting.filter(([record]) => !this.#isOpen(record)).map(([, way]) => way)
    if (ways.length > 0) this.#parts.endFlows(ways)
  }

  /** The same way leads there again: a mapping does, or a redirect of the owner's firewall. */
  #isOpen(record: LeaseRecord): boolean {
    const { engine, surroundings } = this.#parts
    if (record.pinhole !== undefined) return hasPinhole(engine.mappings, record)
    const { transport, external, internal } = record
    const present = engine.mappings.at(transport, external)
    if (present !== undefined && sameEndpoint(present.internal, internal)) return true
    return surroundings.hasRedirect(transport, external)
  }
}

function wayOf({ transport, external, internal, remote, pinhole }: LeaseRecord, address: Ip | undefined) {
  const ip = pinhole === undefined ? address : internal.ip
  return ip === undefined ? undefined : { transport, external: { ip, port: external }, internal, remote, pinhole }
}
