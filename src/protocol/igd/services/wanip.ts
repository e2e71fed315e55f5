/**
 * WANIPConnection:1 and :2, and WANPPPConnection:1, under which old clients look for the same thing. The facts are those
 * of WANIPConnection:2 §2 (UPnP Forum, 10 September 2010). Optional variables and actions about idle connections are
 * absent: what is listed works.
 */
import type { ServiceTable } from '../service.ts'

/** The arguments of a port mapping, in the order of §2.5.14 to §2.5.17. */
const KEY = {
  NewRemoteHost: 'RemoteHost',
  NewExternalPort: 'ExternalPort',
  NewProtocol: 'PortMappingProtocol',
} as const

const REST = {
  NewInternalPort: 'InternalPort',
  NewInternalClient: 'InternalClient',
  NewEnabled: 'PortMappingEnabled',
  NewPortMappingDescription: 'PortMappingDescription',
  NewLeaseDuration: 'PortMappingLeaseDuration',
} as const

const MAPPING = { ...KEY, ...REST } as const

const NONE = {} as const

/** §2.3, without the type of the connection, which PPP has its own list for. */
const VARIABLES = {
  PossibleConnectionTypes: { type: 'string', evented: true },
  ConnectionStatus: {
    type: 'string',
    values: ['Unconfigured', 'Connecting', 'Connected', 'PendingDisconnect', 'Disconnecting', 'Disconnected'],
    evented: true,
  },
  Uptime: { type: 'ui4' },
  LastConnectionError: {
    type: 'string',
    values: [
      'ERROR_NONE',
      'ERROR_COMMAND_ABORTED',
      'ERROR_NOT_ENABLED_FOR_INTERNET',
      'ERROR_ISP_DISCONNECT',
      'ERROR_USER_DISCONNECT',
      'ERROR_IDLE_DISCONNECT',
      'ERROR_FORCED_DISCONNECT',
      'ERROR_NO_CARRIER',
      'ERROR_IP_CONFIGURATION',
      'ERROR_UNKNOWN',
    ],
  },
  RSIPAvailable: { type: 'boolean', initial: '0' },
  NATEnabled: { type: 'boolean', initial: '1' },
  ExternalIPAddress: { type: 'string', evented: true },
  PortMappingNumberOfEntries: { type: 'ui2', evented: true },
  PortMappingEnabled: { type: 'boolean' },
  PortMappingLeaseDuration: { type: 'ui4' },
  RemoteHost: { type: 'string', trimmed: true },
  ExternalPort: { type: 'ui2' },
  InternalPort: { type: 'ui2' },
  PortMappingProtocol: { type: 'string', values: ['TCP', 'UDP'], anyCase: true },
  InternalClient: { type: 'string', trimmed: true },
  PortMappingDescription: { type: 'string', longest: 1024 },
} as const

const CONNECTION_TYPE = {
  type: 'string',
  values: ['Unconfigured', 'IP_Routed', 'IP_Bridged'],
  initial: 'IP_Routed',
} as const

/** §2.5: what version 1 requires. */
const ACTIONS = {
  SetConnectionType: { in: { NewConnectionType: 'ConnectionType' }, out: NONE },
  GetConnectionTypeInfo: {
    in: NONE,
    out: { NewConnectionType: 'ConnectionType', NewPossibleConnectionTypes: 'PossibleConnectionTypes' },
  },
  RequestConnection: { in: NONE, out: NONE },
  ForceTermination: { in: NONE, out: NONE },
  GetStatusInfo: {
    in: NONE,
    out: {
      NewConnectionStatus: 'ConnectionStatus',
      NewLastConnectionError: 'LastConnectionError',
      NewUptime: 'Uptime',
    },
  },
  GetNATRSIPStatus: { in: NONE, out: { NewRSIPAvailable: 'RSIPAvailable', NewNATEnabled: 'NATEnabled' } },
  GetGenericPortMappingEntry: { in: { NewPortMappingIndex: 'PortMappingNumberOfEntries' }, out: MAPPING },
  GetSpecificPortMappingEntry: { in: KEY, out: REST },
  AddPortMapping: { in: MAPPING, out: NONE },
  DeletePortMapping: { in: KEY, out: NONE },
  GetExternalIPAddress: { in: NONE, out: { NewExternalIPAddress: 'ExternalIPAddress' } },
} as const

const RANGE = {
  NewStartPort: 'ExternalPort',
  NewEndPort: 'ExternalPort',
  NewProtocol: 'PortMappingProtocol',
  NewManage: 'A_ARG_TYPE_Manage',
} as const

export const WANIP1 = {
  name: 'WANIPConnection',
  version: 1,
  id: 'urn:upnp-org:serviceId:WANIPConn1',
  variables: { ConnectionType: CONNECTION_TYPE, ...VARIABLES },
  actions: ACTIONS,
} as const satisfies ServiceTable

export const WANIP2 = {
  name: 'WANIPConnection',
  version: 2,
  id: 'urn:upnp-org:serviceId:WANIPConn1',
  variables: {
    ConnectionType: CONNECTION_TYPE,
    ...VARIABLES,
    // §2.3.16: at most a week. More is granted as a week, as miniupnpd does, rather than refused.
    PortMappingLeaseDuration: { type: 'ui4', range: { min: 0, max: 604_800 }, clamps: true, initial: '3600' },
    // §2.3.23: in one event with PortMappingNumberOfEntries.
    SystemUpdateID: { type: 'ui4', evented: true },
    A_ARG_TYPE_Manage: { type: 'boolean' },
    A_ARG_TYPE_PortListing: { type: 'string', document: true },
  },
  actions: {
    ...ACTIONS,
    // miniupnpd's description calls the result NewExternalPort; its answers, and §2.5.17, say NewReservedPort.
    AddAnyPortMapping: { in: MAPPING, out: { NewReservedPort: 'ExternalPort' } },
    DeletePortMappingRange: { in: RANGE, out: NONE },
    GetListOfPortMappings: {
      in: { ...RANGE, NewNumberOfPorts: 'PortMappingNumberOfEntries' },
      out: { NewPortListing: 'A_ARG_TYPE_PortListing' },
    },
  },
} as const satisfies ServiceTable

export const WANPPP1 = {
  name: 'WANPPPConnection',
  version: 1,
  id: 'urn:upnp-org:serviceId:WANPPPConn1',
  variables: {
    ConnectionType: {
      type: 'string',
      values: ['Unconfigured', 'IP_Routed', 'DHCP_Spoofed', 'PPPoE_Bridged', 'PPTP_Relay', 'L2TP_Relay', 'PPPoE_Relay'],
      initial: 'IP_Routed',
    },
    ...VARIABLES,
    UpstreamMaxBitRate: { type: 'ui4' },
    DownstreamMaxBitRate: { type: 'ui4' },
  },
  actions: {
    ...ACTIONS,
    GetLinkLayerMaxBitRates: {
      in: NONE,
      out: { NewUpstreamMaxBitRate: 'UpstreamMaxBitRate', NewDownstreamMaxBitRate: 'DownstreamMaxBitRate' },
    },
  },
} as const satisfies ServiceTable
