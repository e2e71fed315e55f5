/**
 * The gateway: what a control call is answered with (UPnP Device Architecture 1.1 §3). It knows the standard and no
 * socket: the caller hands over what came to a control URL and sends the answer back.
 */
import { holderOf } from '../../core/holder.ts'
import { unmapped } from '../../wire/gena.ts'
import { SOAP_TYPE } from '../../wire/soap.ts'
import type { Call, ControlRequest, ErrorOf, ResultOf } from './call.ts'
import { encodeError, encodeResult, readCall } from './call.ts'
import type { CommonCall, Layer3Call, StateCall } from './gateway-connection.ts'
import { answerCommon, answerLayer3, ConnectionActions } from './gateway-connection.ts'
import type { MappingCall } from './gateway-mappings.ts'
import { MappingActions } from './gateway-mappings.ts'
import type { Out } from './gateway-out.ts'
import { PinholeActions } from './gateway-pinholes.ts'
import type { Caller, GatewayWorld } from './gateway-world.ts'

export interface ControlAnswer {
  /** 503: more requests of this host than `requests_per_second`. */
  readonly status: 200 | 400 | 404 | 415 | 500 | 503
  /** Content type of the body: SOAP, or one line of plain text. */
  readonly type: string
  readonly body: string
  /** Nothing more is read from this connection. */
  readonly close: boolean
}

export class Gateway {
  readonly #world: GatewayWorld
  readonly #mappings: MappingActions
  readonly #connection: ConnectionActions
  readonly #pinholes: PinholeActions

  constructor(world: GatewayWorld) {
    this.#world = world
    this.#mappings = new MappingActions(world)
    this.#connection = new ConnectionActions(world)
    this.#pinholes = new PinholeActions(world)
  }

  /**
   * `reply` is called once, now or later; never throws. Who may reach a control URL at all, and what Host, Origin and
   * the like say, was decided before.
   */
  control(request: ControlRequest, from: Caller, reply: (answer: ControlAnswer) => void): void {
    const { clock, engine, noise, rate } = this.#world
    const caller = { ...from, ip: unmapped(from.ip) }
    const now = clock.now()
    // Not a UPnP error: a client would take any of them for the last word about its mapping.
    if (!rate.allows(holderOf(caller.mac, caller.ip), engine.policy.limits.requestsPerSecond, now)) {
      noise.count('too-many', caller.ip, now)
      reply(plain(503, 'too many requests'))
      return
    }
    const reading = readCall(request)
    switch (reading.is) {
      case 'status':
        noise.count('senseless', caller.ip, now)
        reply(plain(reading.status, reading.because))
        return
      case 'fault':
        // Clients try actions that not every gateway has.
        if (reading.code !== 401) noise.count('senseless', caller.ip, now)
        reply({ status: 500, type: SOAP_TYPE, body: reading.body, close: reading.close })
        return
      case 'call':
        this.#answer(reading.call, caller, new Once(reply, () => noise.count('senseless', caller.ip, now)))
        return
    }
  }

  #answer(call: Call, from: Caller, out: Out): void {
    try {
      switch (call.service) {
        case 'WANIPConnection':
        case 'WANPPPConnection':
          if (isOfMappings(call)) this.#mappings.answer(call, from, out)
          else this.#connection.answer(call, from, out)
          return
        case 'WANIPv6FirewallControl':
          this.#pinholes.answer(call, from, out)
          return
        case 'WANCommonInterfaceConfig':
          answerCommon(call, from, this.#world, out)
          return
        case 'Layer3Forwarding':
          answerLayer3(call, this.#world, out)
          return
      }
    } catch {
      out.error(call, 501)
    }
  }
}

/** The first answer counts: a fault after it has nobody to hear of it. */
class Once implements Out {
  #reply: ((answer: ControlAnswer) => void) | undefined
  readonly #heardNonsense: () => void

  constructor(reply: (answer: ControlAnswer) => void, heardNonsense: () => void) {
    this.#reply = reply
    this.#heardNonsense = heardNonsense
  }

  result<C extends Call>(call: C, values: ResultOf<C>): void {
    this.#say(200, encodeResult(call, values))
  }

  error<C extends Call>(call: C, code: ErrorOf<C>): void {
    this.#say(500, encodeError(call, code))
  }

  senseless<C extends Call>(call: C, code: ErrorOf<C>): void {
    this.#heardNonsense()
    this.error(call, code)
  }

  #say(status: 200 | 500, body: string): void {
    const reply = this.#reply
    this.#reply = undefined
    reply?.({ status, type: SOAP_TYPE, body, close: false })
  }
}

type OfConnection = Exclude<Call, { service: 'WANIPv6FirewallControl' } | CommonCall | Layer3Call>

const MAPPING_ACTIONS: ReadonlySet<string> = new Set<MappingCall['action']>([
  'AddPortMapping',
  'AddAnyPortMapping',
  'DeletePortMapping',
  'DeletePortMappingRange',
  'GetGenericPortMappingEntry',
  'GetSpecificPortMappingEntry',
  'GetListOfPortMappings',
])

const isOfMappings = (call: MappingCall | StateCall | OfConnection): call is MappingCall =>
  MAPPING_ACTIONS.has(call.action)

const plain = (status: 400 | 404 | 415 | 503, line: string): ControlAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${line}\n`,
  close: true,
})
