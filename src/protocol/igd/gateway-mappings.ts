/** Port mappings: WANIPConnection:2 §2.5.14 to §2.5.21, version 1 and WANPPPConnection included. */
import type { Port } from '../../base/ip.ts'
import { oneLine } from '../../base/text.ts'
import type { Answer, Refusal } from '../../core/mapping.ts'
import { Owners } from '../../core/owners.ts'
import type { ConnectionCall } from './call.ts'
import { Listing } from './gateway-listing.ts'
import type { Out } from './gateway-out.ts'
import type { Caller, GatewayWorld } from './gateway-world.ts'
import type { AddCall, KeyCall, RangeCall } from './portmapping.ts'
import { isSenseless, portListing, portMappingKeyOf, portMappingOf, portRangeOf } from './portmapping.ts'
import { CONNECTION_REFUSALS } from './refusals.ts'

export type MappingCall =
  | AddCall
  | KeyCall
  | RangeCall
  | Extract<ConnectionCall, { action: 'GetGenericPortMappingEntry' }>

export class MappingActions {
  readonly #world: GatewayWorld
  readonly #listing: Listing
  readonly #owners = new Owners('upnp')

  constructor(world: GatewayWorld) {
    this.#world = world
    this.#listing = new Listing(world)
  }

  answer(call: MappingCall, from: Caller, out: Out): void {
    switch (call.action) {
      case 'AddPortMapping':
      case 'AddAnyPortMapping':
        this.#add(call, from, out)
        return
      case 'DeletePortMapping':
        this.#delete(call, from, out)
        return
      case 'DeletePortMappingRange':
        this.#deleteRange(call, from, out)
        return
      case 'GetGenericPortMappingEntry': {
        const read = this.#listing.at(call.args.NewPortMappingIndex, from.ip)
        if (read === undefined) out.error(call, 713)
        else out.result(call, read(call.version, this.#world.clock.now()))
        return
      }
      case 'GetSpecificPortMappingEntry':
        this.#specific(call, from, out)
        return
      case 'GetListOfPortMappings':
        this.#list(call, from, out)
        return
    }
  }

  #add(call: AddCall, from: Caller, out: Out): void {
    const wanted = portMappingOf(call)
    if (isSenseless(wanted)) {
      out.senseless(call, wanted.code)
      return
    }
    const { transport, internal, external, lifetime, enabled } = wanted
    this.#world.engine.ask(
      {
        ask: 'map',
        ...this.#by(from),
        transport,
        internal,
        external,
        exact: call.action === 'AddPortMapping',
        lifetime,
        label: oneLine(wanted.label, LONGEST_LABEL),
        remote: { ip: wanted.remote, port: 'any' },
        enabled,
      },
      answer => {
        if (!answer.ok) out.error(call, refused(call, answer.why))
        else if (call.action === 'AddPortMapping') out.result(call, {})
        else out.result(call, { NewReservedPort: answer.mapping?.external.port ?? 0 })
      },
    )
  }

  #delete(call: KeyCall & { action: 'DeletePortMapping' }, from: Caller, out: Out): void {
    const key = portMappingKeyOf(call)
    if (isSenseless(key)) {
      out.senseless(call, key.code)
      return
    }
    const { transport, external, remote } = key
    this.#world.engine.ask(
      { ask: 'revoke', ...this.#by(from), transport, which: { external, remote } },
      this.#removed(call, out, 714),
    )
  }

  /** Without authentication NewManage means nothing (§2.5.19): a client's own, whatever it says. */
  #deleteRange(call: RangeCall & { action: 'DeletePortMappingRange' }, from: Caller, out: Out): void {
    const range = portRangeOf(call)
    if (isSenseless(range)) {
      out.senseless(call, range.code)
      return
    }
    const { transport, last } = range
    if (last === 0) {
      out.error(call, 730)
      return
    }
    const first = Math.max(1, range.first) as Port
    this.#world.engine.ask(
      { ask: 'revoke', ...this.#by(from), transport, which: { range: { first, last: last as Port } } },
      this.#removed(call, out, 730),
    )
  }

  /** `absent`: what to say when there is nothing of the client's. */
  #removed(
    call: Extract<ConnectionCall, { action: 'DeletePortMapping' | 'DeletePortMappingRange' }>,
    out: Out,
    absent: 714 | 730,
  ) {
    return (answer: Answer): void => {
      if (answer.ok) out.result(call, {})
      else out.error(call, answer.why === 'absent' ? absent : refused(call, answer.why))
    }
  }

  #specific(call: KeyCall & { action: 'GetSpecificPortMappingEntry' }, from: Caller, out: Out): void {
    const key = portMappingKeyOf(call)
    if (isSenseless(key)) {
      out.senseless(call, key.code)
      return
    }
    const read = this.#listing.of(key, from.ip)
    if (read === undefined) out.error(call, 714)
    else out.result(call, read(call.version, this.#world.clock.now()))
  }

  #list(call: RangeCall & { action: 'GetListOfPortMappings' }, from: Caller, out: Out): void {
    const range = portRangeOf(call)
    if (isSenseless(range)) {
      out.senseless(call, range.code)
      return
    }
    const now = this.#world.clock.now()
    const found = this.#listing.within(range, call.args.NewNumberOfPorts, from.ip)
    if (found.length === 0) out.error(call, 730)
    else out.result(call, { NewPortListing: portListing(found.map(read => read(2, now))) })
  }

  #by({ ip, device, mac }: Caller) {
    return { owner: this.#owners.of(ip), device, mac }
  }
}

/** Bytes: what the kernel keeps with a mapping. */
const LONGEST_LABEL = 64

const refused = (call: MappingCall, why: Refusal) => CONNECTION_REFUSALS[why][call.version]
