/**
 * Flows of mappings that ended while no daemon ran. The kernel lets nobody new in then, but a flow that runs goes on
 * for as long as it talks, and says to nobody that it was ours. The lease file does: what it had in this boot and what
 * leads nowhere now has no flows any more.
 */
import type { Ip } from '../base/ip.ts'
import type { Engine } from '../core/engine.ts'
import type { LeaseRecord } from '../core/leases.ts'
import { sameEndpoint, sameRemote } from '../core/mapping.ts'
import type { Surroundings } from '../core/surroundings.ts'
import type { Way } from '../kernel/conntrack.ts'

export interface OrphansParts {
  readonly engine: Pick<Engine, 'mappings' | 'uplink'>
  readonly surroundings: Pick<Surroundings, 'taken'>
  readonly endFlows: (ways: readonly Way[]) => void
}

export class Orphans {
  readonly #parts: OrphansParts
  #records: readonly LeaseRecord[] = []

  constructor(parts: OrphansParts) {
    this.#parts = parts
  }

  /** Mappings of this boot that the kernel has no more, and that do not come back either. */
  add(records: readonly LeaseRecord[]): void {
    this.#records = records
  }

  /**
   * As soon as the external address is known, which a flow carries; call it when uplink and configuration may have come.
   * Under another address than before there is none.
   */
  end(): void {
    const { engine, endFlows } = this.#parts
    const { uplink } = engine
    if (uplink.is === 'down' || this.#records.length === 0) return
    const ways = this.#records.filter(record => !this.#isOpen(record)).map(record => wayOf(record, uplink.address))
    this.#records = []
    endFlows(ways)
  }

  /** The same way leads there again: a mapping does, or a redirect of the owner's firewall. */
  #isOpen({ transport, external, internal, remote, pinhole }: LeaseRecord): boolean {
    const { engine, surroundings } = this.#parts
    if (pinhole !== undefined) {
      return engine.mappings.allOf(transport, internal).some(each => sameRemote(each.remote, remote))
    }
    const present = engine.mappings.at(transport, external)
    if (present !== undefined && sameEndpoint(present.internal, internal)) return true
    return surroundings.taken(transport, external) === 'redirect'
  }
}

const wayOf = ({ transport, external, internal, remote, pinhole }: LeaseRecord, address: Ip): Way => ({
  transport,
  external: { ip: address, port: external },
  internal,
  remote,
  pinhole,
})
