/** WANIPv6FirewallControl:1 §2.5: who the caller is proves its IPv6 address, so it must call over IPv6. */
import type { Ip } from '../../base/ip.ts'
import { isIpv4 } from '../../base/ip.ts'
import { seconds } from '../../base/time.ts'
import type { Mapping, Refusal } from '../../core/mapping.ts'
import { Owners } from '../../core/owners.ts'
import type { ErrorOf, PinholeCall } from './call.ts'
import { counter32 } from './call.ts'
import type { Out } from './gateway-out.ts'
import { later } from './gateway-out.ts'
import type { Caller, GatewayWorld, Traffic } from './gateway-world.ts'
import type { FlowCall } from './pinhole.ts'
import { flowOf, pinholeLifetime } from './pinhole.ts'
import { isSenseless } from './portmapping.ts'

type Code = ErrorOf<PinholeCall>

/** What a refusal of the core is called here. */
const PINHOLE_REFUSALS: Readonly<Record<Refusal, Code>> = {
  'not-allowed': 606,
  'forwarding-off': 703,
  'bad-host': 606,
  'not-owner': 606,
  quota: 701,
  'no-port': 701,
  conflict: 606,
  reserved: 606,
  absent: 704,
  'no-uplink': 501,
  busy: 501,
  kernel: 501,
}

export class PinholeActions {
  readonly #world: GatewayWorld
  readonly #owners = new Owners('upnp')

  constructor(world: GatewayWorld) {
    this.#world = world
  }

  /** A client that is also at the address in question speaks for that one. */
  answer(call: PinholeCall, from: Caller, out: Out): void {
    const host = this.#hostOf(call)
    if (host === undefined || host === from.ip || isIpv4(host) || isIpv4(from.ip)) this.#answer(call, from, out)
    else {
      later(this.#world.isAlsoAt(from, host), call, out, isSame =>
        this.#answer(call, isSame ? { ...from, ip: host } : from, out),
      )
    }
  }

  /** Where the pinhole leads, or would lead. */
  #hostOf(call: PinholeCall): Ip | undefined {
    switch (call.action) {
      case 'GetFirewallStatus':
      case 'GetOutboundPinholeTimeout':
        return undefined
      case 'AddPinhole': {
        const flow = this.#flow(call)
        return typeof flow === 'number' ? undefined : flow.internal.ip
      }
      default: {
        const { mappings, returning } = this.#world.engine
        const { UniqueID } = call.args
        return mappings.pinhole(UniqueID)?.internal.ip ?? returning.hostOfPinhole(UniqueID)
      }
    }
  }

  #answer(call: PinholeCall, from: Caller, out: Out): void {
    switch (call.action) {
      case 'GetFirewallStatus':
        out.result(call, {
          FirewallEnabled: this.#world.isFirewallEnabled(),
          InboundPinholeAllowed: arePinholesAllowed(this.#world),
        })
        return
      case 'GetOutboundPinholeTimeout':
        this.#outboundTimeout(call, out)
        return
      case 'AddPinhole':
        this.#add(call, from, out)
        return
      case 'UpdatePinhole':
      case 'DeletePinhole':
        this.#change(call, from, out)
        return
      case 'GetPinholePackets':
        this.#traffic(call, from, out, (_pinhole, { packets }) =>
          out.result(call, { PinholePackets: counter32(packets) }),
        )
        return
      case 'CheckPinholeWorking':
        this.#traffic(call, from, out, (pinhole, { packets }) => {
          if (Number(packets) === 0) out.error(call, 709)
          else out.result(call, { IsWorking: pinhole.state === 'on' })
        })
        return
    }
  }

  #add(call: PinholeCall & { action: 'AddPinhole' }, from: Caller, out: Out): void {
    const flow = this.#flow(call)
    if (typeof flow === 'number') {
      out.senseless(call, flow)
      return
    }
    const closed = this.#closed()
    if (closed !== undefined || isIpv4(from.ip)) {
      out.error(call, closed ?? 606)
      return
    }
    const { transport, remote, internal } = flow
    this.#world.engine.ask(
      { ask: 'pinhole', ...this.#by(from), transport, internal, remote, lifetime: pinholeLifetime(call), label: '' },
      answer => {
        const id = answer.ok ? answer.mapping?.pinhole : undefined
        if (id !== undefined) out.result(call, { UniqueID: id })
        else out.error(call, answer.ok ? 501 : PINHOLE_REFUSALS[answer.why])
      },
    )
  }

  #change(call: PinholeCall & { action: 'UpdatePinhole' | 'DeletePinhole' }, from: Caller, out: Out): void {
    const closed = this.#closed()
    if (closed !== undefined) {
      out.error(call, closed)
      return
    }
    const isUpdate = call.action === 'UpdatePinhole'
    const lifetime = isUpdate ? pinholeLifetime(call) : seconds(0)
    this.#world.engine.ask(
      { ask: isUpdate ? 'extend' : 'close', ...this.#by(from), pinhole: call.args.UniqueID, lifetime },
      answer => {
        if (answer.ok) out.result(call, {})
        else out.error(call, PINHOLE_REFUSALS[answer.why])
      },
    )
  }

  /** The kernel's own timeouts: what it keeps open after a host's last packet, for whoever it spoke to. */
  #outboundTimeout(call: PinholeCall & { action: 'GetOutboundPinholeTimeout' }, out: Out): void {
    const flow = this.#flow(call)
    if (typeof flow === 'number') out.senseless(call, flow)
    else if (!this.#world.isFirewallEnabled()) out.error(call, 702)
    else out.result(call, { OutboundPinholeTimeout: this.#world.outboundTimeout(flow.transport) })
  }

  #traffic(
    call: PinholeCall & { action: 'GetPinholePackets' | 'CheckPinholeWorking' },
    from: Caller,
    out: Out,
    then: (pinhole: Mapping, traffic: Traffic) => void,
  ): void {
    const closed = this.#closed()
    const pinhole = this.#world.engine.mappings.pinhole(call.args.UniqueID)
    if (closed !== undefined) out.error(call, closed)
    else if (pinhole === undefined) out.error(call, 704)
    else if (!isOf(pinhole, from.ip)) out.error(call, 606)
    else {
      later(this.#world.traffic(pinhole), call, out, traffic => {
        if (traffic === undefined) out.error(call, 501)
        else then(pinhole, traffic)
      })
    }
  }

  /** UDP-Lite is a protocol of the standard that the core has no word for: not supported. */
  #flow(call: FlowCall) {
    const flow = flowOf(call)
    if (isSenseless(flow)) return flow.code
    const { protocol, remote, internal } = flow
    return protocol === 136
      ? 705
      : { transport: protocol === 6 ? ('tcp' as const) : ('udp' as const), remote, internal }
  }

  #closed(): 702 | 703 | undefined {
    if (!this.#world.isFirewallEnabled()) return 702
    return arePinholesAllowed(this.#world) ? undefined : 703
  }

  #by({ ip, device, mac }: Caller) {
    return { owner: this.#owners.of(ip), device, mac }
  }
}

/** `nat_traversal`, and the service itself. */
export const arePinholesAllowed = ({ engine }: Pick<GatewayWorld, 'engine'>): boolean => engine.policy.forwarding.upnp

const isOf = ({ internal, owner }: Mapping, client: Ip): boolean =>
  internal.ip === client || (owner.via !== 'operator' && owner.client === client)
