/**
 * The gateway: what a control call is answered with (UPnP Device Architecture 1.1 §3). It knows the standard and no
 * socket: the caller hands over what came to a control URL and sends the answer back.
 */
import type { ControlRequest } from './call.ts'
import type { Caller, GatewayWorld } from './gateway-world.ts'

export interface ControlAnswer {
  /** 503: more requests of this host than `requests_per_second`. */
  readonly status: 200 | 400 | 404 | 415 | 500 | 503
  /** Of the body: SOAP, or one line of plain text. */
  readonly type: string
  readonly body: Uint8Array
  /** Nothing more is read from this connection. */
  readonly close: boolean
}

export class Gateway {
  readonly world: GatewayWorld

  constructor(world: GatewayWorld) {
    this.world = world
  }

  /** `reply` is called once, now or later; never throws. */
  control(_request: ControlRequest, _from: Caller, reply: (answer: ControlAnswer) => void): void {
    reply({ status: 503, type: 'text/plain; charset=utf-8', body: new Uint8Array(), close: true })
  }
}
