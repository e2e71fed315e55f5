/** A gateway on a whole router without sockets: calls go in as the bytes of SOAP, answers come out as they would leave. */

import type { Ip, Mac, Port } from '../../src/base/ip.ts'
import { isIpv4 } from '../../src/base/ip.ts'
import { utf8Encode } from '../../src/base/text.ts'
import { type Instant, seconds } from '../../src/base/time.ts'
import type { Policy } from '../../src/core/policy.ts'
import { Rate } from '../../src/core/rate.ts'
import type { ListedRedirect } from '../../src/core/surroundings.ts'
import type { ControlRequest } from '../../src/protocol/igd/call.ts'
import { defaultConnection, uuidsOf } from '../../src/protocol/igd/description.ts'
import type { ControlAnswer } from '../../src/protocol/igd/gateway.ts'
import { Gateway } from '../../src/protocol/igd/gateway.ts'
import type { GatewayOptions, GatewayWorld, LinkReading, Traffic } from '../../src/protocol/igd/gateway-world.ts'
import type { ServiceTable } from '../../src/protocol/igd/service.ts'
import { typeOf } from '../../src/protocol/igd/service.ts'
import { parseXml } from '../../src/wire/xml.ts'
import { answerOf, argumentsFor, child, envelope, TABLES, texts } from './igd.ts'
import { policy, quiet, Router, type RouterOptions } from './router.ts'

export const UUIDS = uuidsOf('test')

export interface Given extends RouterOptions {
  readonly options?: Partial<GatewayOptions>
  readonly redirects?: readonly ListedRedirect[]
}

export interface Said {
  readonly status: number
  /** Of the UPnP error, `undefined` for a result. */
  readonly code: number | undefined
  readonly values: Readonly<Record<string, string>>
  /** Namespace of the result. */
  readonly service: string | undefined
  readonly close: boolean
}

export type Changes = Readonly<Record<string, string | undefined>>

/** No lease is lengthened, so that the clock of a test can be short. */
export const POLICY: Policy = policy([], { minLease: seconds(1), maxLease: seconds(31_536_000) })

export class Igd {
  readonly router: Router
  readonly gateway: Gateway
  readonly world: GatewayWorld
  /** What the uplink was told. */
  readonly told: ('up' | 'down')[] = []
  uplinkAnswers: () => Promise<'done' | 'failed'> = async () => 'done'
  closed: ReadonlyMap<string, Ip> = new Map()
  /** What the networks were told. */
  readonly switched: string[] = []
  networkAnswers: () => Promise<'done' | 'failed'> = async () => 'done'
  link: LinkReading = {
    isUp: true,
    upstream: 40_000_000,
    downstream: 10_000_000_000,
    sent: { packets: 11, bytes: 4_294_967_296n + 5n },
    received: { packets: 13, bytes: 7 },
  }
  traffic: Traffic | undefined = { packets: 0, bytes: 0 }
  connectedSince: Instant | undefined = 0 as Instant
  firewallEnabled = true
  /** Another address that every caller is at as well. */
  alsoAt: Ip | undefined
  isAlsoAt: GatewayWorld['isAlsoAt'] = async (_from, host) => host === this.alsoAt
  options: GatewayOptions
  redirects: readonly ListedRedirect[]

  private constructor(router: Router, given: Given) {
    this.router = router
    this.options = {
      allowDisableExternalInterface: false,
      allowDisableInternalInterface: false,
      showDummyRule: false,
      showAllMappings: false,
      ...given.options,
    }
    this.redirects = given.redirects ?? []
    this.world = {
      clock: router.clock,
      engine: router.engine,
      noise: router.noise,
      rate: new Rate(),
      isAlsoAt: (from, host) => this.isAlsoAt(from, host),
      options: () => this.options,
      connectedSince: () => this.connectedSince,
      link: async () => this.link,
      setUplink: isUp => {
        this.told.push(isUp ? 'up' : 'down')
        return this.uplinkAnswers()
      },
      closed: () => this.closed,
      setEnabled: ({ ip, device }, enabled) => {
        this.switched.push(`${ip} ${device} ${enabled}`)
        return this.networkAnswers()
      },
      redirects: () => this.redirects,
      traffic: async () => this.traffic,
      isFirewallEnabled: () => this.firewallEnabled,
      outboundTimeout: transport => seconds(transport === 'tcp' ? 7440 : 60),
      defaultConnection: () => defaultConnection(UUIDS),
    }
    this.gateway = new Gateway(this.world)
  }

  static async start(given: Given = {}): Promise<Igd> {
    return new Igd(await Router.start({ policy: POLICY, ...given }), given)
  }

  /** A host of the LAN; its own address is what it writes as internal client. */
  from(ip: Ip, mac?: Mac) {
    const call = async (table: ServiceTable, action: string, changes: Changes = {}): Promise<Said> => {
      const path = TABLES.find(([each]) => each === table)?.[1] as string
      const own = isIpv4(ip) ? { NewInternalClient: ip } : { InternalClient: ip }
      const service = typeOf(table)
      const body = envelope(service, action, argumentsFor(table, action, { ...own, ...changes }))
      return this.post({ path, soapAction: `"${service}#${action}"`, contentType: 'text/xml', body }, ip, mac)
    }
    /** The code of the error, 0 for none. */
    const code = async (table: ServiceTable, action: string, changes: Changes = {}): Promise<number> =>
      (await call(table, action, changes)).code ?? 0
    return { call, code }
  }

  async post(request: ControlRequest, ip: Ip, mac?: Mac): Promise<Said> {
    const answers: ControlAnswer[] = []
    this.gateway.control(request, { ip, device: 'br-lan', mac }, answer => answers.push(answer))
    await quiet()
    const [answer] = answers
    if (answer === undefined || answers.length > 1) throw new Error(`${answers.length} answers`)
    return said(answer)
  }

  /** The mappings as the kernel has them. */
  get kernel(): readonly string[] {
    return this.router.kernel.shown
  }
}

export const redirect = (external: number, internal: Ip, label = 'web'): ListedRedirect => ({
  transport: 'tcp',
  external: external as Port,
  internal: { ip: internal, port: 8443 as Port },
  label,
})

function said({ status, body, close }: ControlAnswer): Said {
  const nothing = { status, code: undefined, values: {}, service: undefined, close }
  if (status !== 200 && status !== 500) return nothing
  const answer = answerOf(body)
  if (status === 200) return { ...nothing, values: texts(answer), service: answer.namespace }
  const error = child(child(child(child(parseXml(utf8Encode(body)), 'Body'), 'Fault'), 'detail'), 'UPnPError')
  return { ...nothing, code: Number(child(error, 'errorCode').text) }
}
