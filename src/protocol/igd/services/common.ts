/** WANCommonInterfaceConfig:1: the link under the connection, and its counters. */
import type { ServiceTable } from '../service.ts'

const NONE = {} as const

export const COMMON1 = {
  name: 'WANCommonInterfaceConfig',
  version: 1,
  id: 'urn:upnp-org:serviceId:WANCommonIFC1',
  variables: {
    WANAccessType: { type: 'string', values: ['DSL', 'POTS', 'Cable', 'Ethernet'] },
    Layer1UpstreamMaxBitRate: { type: 'ui4' },
    Layer1DownstreamMaxBitRate: { type: 'ui4' },
    PhysicalLinkStatus: { type: 'string', values: ['Up', 'Down', 'Initializing', 'Unavailable'], evented: true },
    EnabledForInternet: { type: 'boolean', evented: true },
    // 32 bits that wrap; clients count on it (counter32() in call.ts).
    TotalBytesSent: { type: 'ui4' },
    TotalBytesReceived: { type: 'ui4' },
    TotalPacketsSent: { type: 'ui4' },
    TotalPacketsReceived: { type: 'ui4' },
  },
  actions: {
    GetCommonLinkProperties: {
      in: NONE,
      out: {
        NewWANAccessType: 'WANAccessType',
        NewLayer1UpstreamMaxBitRate: 'Layer1UpstreamMaxBitRate',
        NewLayer1DownstreamMaxBitRate: 'Layer1DownstreamMaxBitRate',
        NewPhysicalLinkStatus: 'PhysicalLinkStatus',
      },
    },
    GetTotalBytesSent: { in: NONE, out: { NewTotalBytesSent: 'TotalBytesSent' } },
    GetTotalBytesReceived: { in: NONE, out: { NewTotalBytesReceived: 'TotalBytesReceived' } },
    GetTotalPacketsSent: { in: NONE, out: { NewTotalPacketsSent: 'TotalPacketsSent' } },
    GetTotalPacketsReceived: { in: NONE, out: { NewTotalPacketsReceived: 'TotalPacketsReceived' } },
    SetEnabledForInternet: { in: { NewEnabledForInternet: 'EnabledForInternet' }, out: NONE },
    GetEnabledForInternet: { in: NONE, out: { NewEnabledForInternet: 'EnabledForInternet' } },
  },
} as const satisfies ServiceTable
