/**
 * WANIPv6FirewallControl:1. Argument names have no `New` in front, but one; a protocol is IANA's number, 65535 for any.
 */
import type { ServiceTable } from '../service.ts'

const FLOW = {
  RemoteHost: 'A_ARG_TYPE_IPv6Address',
  RemotePort: 'A_ARG_TYPE_Port',
  InternalClient: 'A_ARG_TYPE_IPv6Address',
  InternalPort: 'A_ARG_TYPE_Port',
  Protocol: 'A_ARG_TYPE_Protocol',
} as const

const ID = { UniqueID: 'A_ARG_TYPE_UniqueID' } as const
const NONE = {} as const

export const PINHOLE = {
  name: 'WANIPv6FirewallControl',
  version: 1,
  id: 'urn:upnp-org:serviceId:WANIPv6Firewall1',
  variables: {
    FirewallEnabled: { type: 'boolean', evented: true },
    InboundPinholeAllowed: { type: 'boolean', evented: true },
    A_ARG_TYPE_OutboundPinholeTimeout: { type: 'ui4' },
    A_ARG_TYPE_IPv6Address: { type: 'string', trimmed: true },
    A_ARG_TYPE_Port: { type: 'ui2' },
    // `upnpc -G` writes `tcp`.
    A_ARG_TYPE_Protocol: { type: 'ui2', words: { tcp: 6, udp: 17 } },
    A_ARG_TYPE_LeaseTime: { type: 'ui4', range: { min: 1, max: 86_400 } },
    A_ARG_TYPE_UniqueID: { type: 'ui2' },
    A_ARG_TYPE_PinholePackets: { type: 'ui4' },
    A_ARG_TYPE_Boolean: { type: 'boolean' },
  },
  actions: {
    GetFirewallStatus: {
      in: NONE,
      out: { FirewallEnabled: 'FirewallEnabled', InboundPinholeAllowed: 'InboundPinholeAllowed' },
    },
    GetOutboundPinholeTimeout: { in: FLOW, out: { OutboundPinholeTimeout: 'A_ARG_TYPE_OutboundPinholeTimeout' } },
    AddPinhole: { in: { ...FLOW, LeaseTime: 'A_ARG_TYPE_LeaseTime' }, out: ID },
    UpdatePinhole: { in: { ...ID, NewLeaseTime: 'A_ARG_TYPE_LeaseTime' }, out: NONE },
    DeletePinhole: { in: ID, out: NONE },
    GetPinholePackets: { in: ID, out: { PinholePackets: 'A_ARG_TYPE_PinholePackets' } },
    CheckPinholeWorking: { in: ID, out: { IsWorking: 'A_ARG_TYPE_Boolean' } },
  },
} as const satisfies ServiceTable
