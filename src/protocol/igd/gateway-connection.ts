/** The connection itself, its link, and which one is the default: all but port mappings and pinholes. */
import type { Instant } from '../../base/time.ts'
import { between, milliseconds, secondsBetween } from '../../base/time.ts'
import type { Call, ConnectionCall, ResultOf } from './call.ts'
import { bitRate, counter32 } from './call.ts'
import type { MappingCall } from './gateway-mappings.ts'
import type { Out } from './gateway-out.ts'
import { later } from './gateway-out.ts'
import type { Caller, GatewayWorld, LinkReading } from './gateway-world.ts'

export type StateCall = Exclude<ConnectionCall, MappingCall>
export type CommonCall = Extract<Call, { service: 'WANCommonInterfaceConfig' }>
export type Layer3Call = Extract<Call, { service: 'Layer3Forwarding' }>

export type ConnectionStatus = ResultOf<Extract<StateCall, { action: 'GetStatusInfo' }>>['NewConnectionStatus']

/** What the uplink is called by the forum. */
export function connectionStatus({ uplink }: GatewayWorld['engine']): 'Unconfigured' | 'Connected' | 'Disconnected' {
  if (uplink.is === 'up') return 'Connected'
  return uplink.device === undefined ? 'Unconfigured' : 'Disconnected'
}

/** Until the kernel's notice that the link went away has come. */
const SETTLES = milliseconds(10_000)

export class ConnectionActions {
  readonly #world: GatewayWorld
  /** What a client has asked for and the system has not done yet. */
  #changing: 'up' | 'down' | undefined
  /** When a client took the uplink down. */
  #terminated: Instant | undefined

  constructor(world: GatewayWorld) {
    this.#world = world
  }

  answer(call: StateCall, from: Caller, out: Out): void {
    switch (call.action) {
      case 'SetConnectionType':
        this.#setType(call, out)
        return
      case 'GetConnectionTypeInfo':
        out.result(call, { NewConnectionType: 'IP_Routed', NewPossibleConnectionTypes: 'IP_Routed' })
        return
      case 'RequestConnection':
        this.#request(call, from, out)
        return
      case 'ForceTermination':
        this.#terminate(call, out)
        return
      case 'GetStatusInfo':
        out.result(call, this.#statusInfo())
        return
      case 'GetNATRSIPStatus':
        out.result(call, { NewRSIPAvailable: false, NewNATEnabled: true })
        return
      case 'GetExternalIPAddress':
        out.result(call, { NewExternalIPAddress: externalAddress(this.#world.engine) })
        return
      case 'GetLinkLayerMaxBitRates':
        later(this.#world.link(), call, out, link => {
          const { upstream, downstream } = ratesOf(link)
          out.result(call, { NewUpstreamMaxBitRate: upstream, NewDownstreamMaxBitRate: downstream })
        })
        return
    }
  }

  /** §2.5.1: the type follows from the router's configuration. */
  #setType(call: Extract<StateCall, { action: 'SetConnectionType' }>, out: Out): void {
    if (call.version === 2) out.error(call, 731)
    else out.error(call, this.#status() === 'Connected' ? 703 : 501)
  }

  /** §2.5.3, in the order of its states. */
  #request(call: Extract<StateCall, { action: 'RequestConnection' }>, from: Caller, out: Out): void {
    const status = this.#status()
    if (!isEnabled(this.#world, from.device)) out.error(call, 709)
    else if (!this.#world.options().allowDisableExternalInterface) out.error(call, 606)
    else if (status === 'Unconfigured') out.error(call, 706)
    else if (status === 'Connecting') out.error(call, 705)
    else if (status === 'Disconnecting') out.error(call, 707)
    else if (status === 'Connected') out.result(call, {})
    else {
      this.#change('up', call, out, done => {
        this.#terminated = undefined
        if (done) out.result(call, {})
        else out.error(call, 704)
      })
    }
  }

  /** §2.5.5 */
  #terminate(call: Extract<StateCall, { action: 'ForceTermination' }>, out: Out): void {
    const status = this.#status()
    if (!this.#world.options().allowDisableExternalInterface) out.error(call, 606)
    else if (status === 'Unconfigured') out.error(call, 706)
    else if (status === 'Disconnecting') out.error(call, 707)
    else if (status === 'Disconnected') out.error(call, 711)
    else {
      this.#change('down', call, out, done => {
        if (done) this.#terminated = this.#world.clock.now()
        if (done) out.result(call, {})
        else out.error(call, 501)
      })
    }
  }

  #change(to: 'up' | 'down', call: StateCall, out: Out, then: (done: boolean) => void): void {
    this.#changing = to
    const ended = this.#world.setUplink(to === 'up').then(
      outcome => outcome === 'done',
      () => false,
    )
    later(ended, call, out, done => {
      this.#changing = undefined
      then(done)
    })
  }

  #statusInfo(): ResultOf<Extract<StateCall, { action: 'GetStatusInfo' }>> {
    const status = this.#status()
    const since = this.#world.connectedSince()
    const isConnected = status === 'Connected'
    return {
      NewConnectionStatus: status,
      NewLastConnectionError: isConnected
        ? 'ERROR_NONE'
        : this.#terminated === undefined
          ? 'ERROR_UNKNOWN'
          : 'ERROR_FORCED_DISCONNECT',
      NewUptime: isConnected && since !== undefined ? secondsBetween(since, this.#world.clock.now()) : 0,
    }
  }

  #status(): ConnectionStatus {
    if (this.#changing !== undefined) return this.#changing === 'up' ? 'Connecting' : 'Disconnecting'
    const status = connectionStatus(this.#world.engine)
    if (status !== 'Connected' || this.#terminated === undefined) return status
    const since = this.#world.connectedSince()
    const isFresh = between(this.#terminated, this.#world.clock.now()) < SETTLES
    if (isFresh && (since === undefined || since <= this.#terminated)) return 'Disconnected'
    this.#terminated = undefined
    return status
  }
}

/** §2.3.13: empty while there is none. */
export const externalAddress = ({ uplink }: GatewayWorld['engine']): string => (uplink.is === 'up' ? uplink.told : '')

/** Whether the hosts behind an internal device may reach the world: EnabledForInternet, of each network for itself. */
export const isEnabled = (world: Pick<GatewayWorld, 'closed'>, device: string): boolean => !world.closed().has(device)

export function answerCommon(call: CommonCall, from: Caller, world: GatewayWorld, out: Out): void {
  switch (call.action) {
    case 'SetEnabledForInternet':
      setEnabled(call, from, world, out)
      return
    case 'GetEnabledForInternet':
      out.result(call, { NewEnabledForInternet: isEnabled(world, from.device) })
      return
    default:
      answerLink(call, world, out)
  }
}

type EnableCall = Extract<CommonCall, { action: 'SetEnabledForInternet' }>
type LinkCall = Exclude<CommonCall, { action: 'SetEnabledForInternet' | 'GetEnabledForInternet' }>

/** Of the caller's own network, and of no other. */
function setEnabled(call: EnableCall, from: Caller, world: GatewayWorld, out: Out): void {
  if (!world.options().allowDisableInternalInterface) {
    out.error(call, 606)
    return
  }
  later(world.setEnabled(from, call.args.NewEnabledForInternet), call, out, outcome => {
    if (outcome === 'done') out.result(call, {})
    else out.error(call, 501)
  })
}

function answerLink(call: LinkCall, world: GatewayWorld, out: Out): void {
  later(world.link(), call, out, link => {
    switch (call.action) {
      case 'GetCommonLinkProperties': {
        const { upstream, downstream } = ratesOf(link)
        out.result(call, {
          NewWANAccessType: 'Ethernet',
          NewLayer1UpstreamMaxBitRate: upstream,
          NewLayer1DownstreamMaxBitRate: downstream,
          NewPhysicalLinkStatus: link.isUp ? 'Up' : 'Down',
        })
        return
      }
      case 'GetTotalBytesSent':
        out.result(call, { NewTotalBytesSent: counter32(link.sent.bytes) })
        return
      case 'GetTotalBytesReceived':
        out.result(call, { NewTotalBytesReceived: counter32(link.received.bytes) })
        return
      case 'GetTotalPacketsSent':
        out.result(call, { NewTotalPacketsSent: counter32(link.sent.packets) })
        return
      case 'GetTotalPacketsReceived':
        out.result(call, { NewTotalPacketsReceived: counter32(link.received.packets) })
        return
    }
  })
}

/** There is one connection, so it can be chosen and no other; in either version of its device. */
export function answerLayer3(call: Layer3Call, world: GatewayWorld, out: Out): void {
  const current = world.defaultConnection()
  if (call.action === 'GetDefaultConnectionService') {
    out.result(call, { NewDefaultConnectionService: current })
    return
  }
  const [device, service] = call.args.NewDefaultConnectionService.split(',')
  const [ourDevice, ourService] = current.split(',')
  if (device?.replace(VERSION, '') !== ourDevice?.replace(VERSION, '')) out.error(call, 720)
  else if (service !== ourService) out.error(call, 721)
  else out.result(call, {})
}

const VERSION = /:[12]$/

/** What a link that does not say is taken for: clients read 0 as "no link". */
const UNKNOWN_RATE = 1_000_000_000

const ratesOf = ({ upstream, downstream }: LinkReading) => ({
  upstream: bitRate(upstream ?? UNKNOWN_RATE),
  downstream: bitRate(downstream ?? UNKNOWN_RATE),
})
