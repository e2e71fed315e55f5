/** What a pinhole's arguments mean (WANIPv6FirewallControl:1 §2.3, §2.5): as `portmapping.ts`, for IPv6. */
import type { Endpoint, Ip, Port } from '../../base/ip.ts'
import { isIpv4, parseIp, port } from '../../base/ip.ts'
import type { Seconds } from '../../base/time.ts'
import { seconds } from '../../base/time.ts'
import type { PinholeCall } from './call.ts'
import type { Senseless } from './portmapping.ts'
import { senseless } from './portmapping.ts'

export type FlowCall = Extract<PinholeCall, { action: 'AddPinhole' | 'GetOutboundPinholeTimeout' }>

/** IANA's numbers: TCP, UDP, UDP-Lite. */
export type PinholeProtocol = 6 | 17 | 136

export interface Flow {
  readonly protocol: PinholeProtocol
  readonly remote: { readonly ip: Ip | 'any'; readonly port: Port | 'any' }
  readonly internal: Endpoint
}

/** The five arguments by which a pinhole is known; another lease for the same five extends it (§2.5.3). */
export function flowOf(call: FlowCall): Flow | Senseless<402 | 705 | 706 | 707 | 708> {
  const { args } = call
  const protocol = PROTOCOLS.find(each => each === args.Protocol)
  if (protocol === undefined) return senseless(args.Protocol === ANY_PROTOCOL ? 707 : 705)
  const internalPort = port(args.InternalPort)
  if (internalPort === undefined) return senseless(706)
  if (args.InternalClient === '' && call.action === 'AddPinhole') return senseless(708)
  const internal = ipv6(args.InternalClient)
  const remote = args.RemoteHost === '' || args.RemoteHost === '*' ? 'any' : ipv6(args.RemoteHost)
  if (internal === undefined || remote === undefined) return senseless(402)
  return {
    protocol,
    remote: { ip: remote === '::' ? 'any' : remote, port: port(args.RemotePort) ?? 'any' },
    internal: { ip: internal, port: internalPort },
  }
}

/** 1..86400, which the table has seen to. */
export const pinholeLifetime = (call: Extract<PinholeCall, { action: 'AddPinhole' | 'UpdatePinhole' }>): Seconds =>
  seconds(call.action === 'AddPinhole' ? call.args.LeaseTime : call.args.NewLeaseTime)

const PROTOCOLS: readonly PinholeProtocol[] = [6, 17, 136]
const ANY_PROTOCOL = 65_535

function ipv6(text: string): Ip | undefined {
  const ip = parseIp(text)
  return ip === undefined || isIpv4(ip) ? undefined : ip
}
