/**
 * The codes of UPnP errors with their texts. Those above 700 mean something else in each service, so there is a table
 * for each: WANIPConnection:2 §2.5.23, WANIPv6FirewallControl:1 §2.5, Layer3Forwarding:1; below that UDA 1.1 §3.2.2.
 */

const COMMON_ERRORS = {
  401: 'Invalid Action',
  402: 'Invalid Args',
  501: 'Action Failed',
  600: 'Argument Value Invalid',
  601: 'Argument Value Out of Range',
  602: 'Optional Action Not Implemented',
  603: 'Out of Memory',
  604: 'Human Intervention Required',
  605: 'String Argument Too Long',
  606: 'Action not authorized',
} as const

const CONNECTION_ERRORS = {
  703: 'InactiveConnectionStateRequired',
  704: 'ConnectionSetupFailed',
  705: 'ConnectionSetupInProgress',
  706: 'ConnectionNotConfigured',
  707: 'DisconnectInProgress',
  708: 'InvalidLayer2Address',
  709: 'InternetAccessDisabled',
  710: 'InvalidConnectionType',
  711: 'ConnectionAlreadyTerminated',
  713: 'SpecifiedArrayIndexInvalid',
  714: 'NoSuchEntryInArray',
  715: 'WildCardNotPermittedInSrcIP',
  716: 'WildCardNotPermittedInExtPort',
  718: 'ConflictInMappingEntry',
} as const

/** §2.5.16: version 2 must not send them. 724 and 725 are not here at all: any ports, any lease. */
const CONNECTION1_ERRORS = {
  ...CONNECTION_ERRORS,
  726: 'RemoteHostOnlySupportsWildcard',
  727: 'ExternalPortOnlySupportsWildcard',
} as const

const CONNECTION2_ERRORS = {
  ...CONNECTION_ERRORS,
  728: 'NoPortMapsAvailable',
  729: 'ConflictWithOtherMechanisms',
  730: 'PortMappingNotFound',
  731: 'ReadOnly',
  732: 'WildCardNotPermittedInIntPort',
  733: 'InconsistentParameters',
} as const

const LAYER3_ERRORS = {
  720: 'InvalidDeviceUUID',
  721: 'InvalidServiceID',
  723: 'InvalidConnServiceSelection',
} as const

const PINHOLE_ERRORS = {
  701: 'PinholeSpaceExhausted',
  702: 'FirewallDisabled',
  703: 'InboundPinholeNotAllowed',
  704: 'NoSuchEntry',
  705: 'ProtocolNotSupported',
  706: 'InternalPortWildcardingNotAllowed',
  707: 'ProtocolWildcardingNotAllowed',
  708: 'WildCardNotPermittedInSrcIP',
  709: 'NoTrafficReceived',
} as const

export type CommonError = keyof typeof COMMON_ERRORS

export interface ErrorsOf {
  readonly WANIPConnection: {
    readonly 1: CommonError | keyof typeof CONNECTION1_ERRORS
    readonly 2: CommonError | keyof typeof CONNECTION2_ERRORS
  }
  readonly WANPPPConnection: { readonly 1: CommonError | keyof typeof CONNECTION1_ERRORS }
  readonly WANCommonInterfaceConfig: { readonly 1: CommonError }
  readonly Layer3Forwarding: { readonly 1: CommonError | keyof typeof LAYER3_ERRORS }
  readonly WANIPv6FirewallControl: { readonly 1: CommonError | keyof typeof PINHOLE_ERRORS }
}

/** Texts by service type without its prefix, `WANIPConnection:2`. */
const TEXTS: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  'WANIPConnection:1': CONNECTION1_ERRORS,
  'WANIPConnection:2': CONNECTION2_ERRORS,
  'WANPPPConnection:1': CONNECTION1_ERRORS,
  'Layer3Forwarding:1': LAYER3_ERRORS,
  'WANIPv6FirewallControl:1': PINHOLE_ERRORS,
}

/** The text of a code in a service, `undefined` when that service may not send it. */
export function errorText(service: string, version: number, code: number): string | undefined {
  const common: Readonly<Record<number, string>> = COMMON_ERRORS
  return common[code] ?? TEXTS[`${service}:${version}`]?.[code]
}
