/**
 * The NAT-PMP server (RFC 6886): bytes -> wish -> answer -> bytes. It knows the standard and no socket: the caller
 * hands over what reached one of the router's internal addresses, and sends the reply from that same address.
 * PCP is not spoken yet, so a PCP request (version 2) is answered as any version but 0, and the client falls back.
 */
import type { Ip, Mac, Port } from '../base/ip.ts'
import { ANY_IPV4, port } from '../base/ip.ts'
import type { Clock, Instant, Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Engine } from '../core/engine.ts'
import type { Epoch } from '../core/epoch.ts'
import { holderOf } from '../core/holder.ts'
import type { Answer, Refusal, Transport } from '../core/mapping.ts'
import { ANYBODY } from '../core/mapping.ts'
import type { Noise, NoiseKind } from '../core/noise.ts'
import { type ClientOwner, Owners } from '../core/owners.ts'
import type { Rate } from '../core/rate.ts'
import type { Surroundings } from '../core/surroundings.ts'
import type { MapRequest } from '../wire/natpmp.ts'
import {
  addressReply,
  mapRequest,
  OPCODE,
  RESPONSE,
  RESULT,
  readMapRequest,
  replyHead,
  VERSION,
  writeMapReply,
} from '../wire/natpmp.ts'

export interface NatPmpParts {
  readonly clock: Clock
  readonly engine: Engine
  readonly epoch: Epoch
  readonly noise: Noise
  readonly rate: Rate
  readonly surroundings: Surroundings
}

export interface From {
  readonly ip: Ip
  /** 0 is possible in a forged datagram. */
  readonly port: number
  /** Internal device that the datagram came in by. */
  readonly device: string
  /** Link address of the sender, where known. */
  readonly mac: Mac | undefined
}

/** Longer ones are no request of any version (RFC 6887 §7). */
const LONGEST = 1100

/** RFC 6886 §3.5. `silence`: the client asks again, and by then there may be a place in the queue. */
const RESULT_OF: Record<Refusal, number | 'silence'> = {
  'not-allowed': RESULT.notAuthorized,
  'forwarding-off': RESULT.notAuthorized,
  'bad-host': RESULT.notAuthorized,
  'not-owner': RESULT.notAuthorized,
  quota: RESULT.outOfResources,
  'no-port': RESULT.outOfResources,
  conflict: RESULT.outOfResources,
  reserved: RESULT.outOfResources,
  absent: RESULT.success, // removing what is not there succeeds (§3.4)
  'no-uplink': RESULT.networkFailure,
  busy: 'silence',
  // Not "network failure": libraries take that for "no WAN" and stop asking.
  kernel: RESULT.outOfResources,
}

const NOTHING = seconds(0)

export class NatPmp {
  readonly #parts: NatPmpParts
  readonly #owners = new Owners('nat-pmp')

  constructor(parts: NatPmpParts) {
    this.#parts = parts
  }

  /** `reply` is called at most once, now or later; never throws. */
  receive(bytes: Uint8Array, from: From, reply: (bytes: Uint8Array) => void): void {
    const now = this.#parts.clock.now()
    const opcode = bytes[1] ?? 0
    const unfit = this.#unfit(bytes, from, now)
    if (unfit !== undefined) this.#parts.noise.count(unfit, from.ip, now)
    else if (bytes[0] !== VERSION) reply(this.#unsupported(opcode, RESULT.unsupportedVersion, now))
    else if (opcode === OPCODE.address) reply(this.#address(now))
    else if (opcode > OPCODE.tcp) reply(echo(bytes, this.#unsupported(opcode, RESULT.unsupportedOpcode, now)))
    else this.#map(bytes, from, reply, now)
  }

  /** What gets no reply and no line of its own; `undefined` for what is answered. */
  #unfit(bytes: Uint8Array, from: From, now: Instant): NoiseKind | undefined {
    const { engine, rate, surroundings } = this.#parts
    if (!rate.allows(holderOf(from.mac, from.ip), engine.policy.limits.requestsPerSecond, now)) return 'too-many'
    const version = bytes[0]
    const opcode = bytes[1]
    if (version === undefined || opcode === undefined || bytes.length > LONGEST || from.port === 0) return 'malformed'
    if (opcode >= RESPONSE) return 'reflected'
    if (surroundings.barred(from.ip, from.device) !== undefined) return 'stranger'
    const maps = version === VERSION && (opcode === OPCODE.udp || opcode === OPCODE.tcp)
    return maps && bytes.length < mapRequest.size ? 'malformed' : undefined
  }

  /** §3.3 and §3.4: a lifetime of zero is a removal, and then internal port zero means all of this transport. */
  #map(bytes: Uint8Array, from: From, reply: (bytes: Uint8Array) => void, now: Instant): void {
    const request = readMapRequest(bytes)
    const { opcode, internalPort, externalPort, lifetime } = request
    const { ip, device, mac } = from
    const owner = this.#owners.of(ip)
    const transport: Transport = opcode === OPCODE.udp ? 'udp' : 'tcp'
    const internal = port(internalPort)
    const answered = (answer: Answer) => this.#answered(answer, request, owner, reply)
    const { engine } = this.#parts
    if (lifetime === 0) {
      engine.ask({ ask: 'unmap', owner, transport, device, mac, internal: ip, port: internal ?? 'all' }, answered)
    } else if (internal === undefined) {
      // Undefined by the RFC: there is no port 0 to be mapped.
      reply(this.#mapReply(request, RESULT.notAuthorized, undefined, NOTHING, now))
    } else {
      engine.ask(
        {
          ask: 'map',
          owner,
          transport,
          device,
          mac,
          internal: { ip, port: internal },
          external: port(externalPort) ?? 'any',
          exact: false,
          lifetime,
          label: 'NAT-PMP',
          remote: ANYBODY,
          enabled: true,
        },
        answered,
      )
    }
  }

  #answered(answer: Answer, request: MapRequest, owner: ClientOwner, reply: (bytes: Uint8Array) => void): void {
    const now = this.#parts.clock.now()
    if (!answer.ok) {
      const result = RESULT_OF[answer.why]
      if (result === 'silence') this.#parts.noise.count('busy', owner.client, now)
      else reply(this.#mapReply(request, result, undefined, NOTHING, now))
      return
    }
    const { mapping } = answer
    const granted =
      mapping === undefined ? NOTHING : mapping.lease === 'forever' ? request.lifetime : mapping.lease.lifetime
    reply(this.#mapReply(request, RESULT.success, mapping?.external.port, granted, now))
  }

  #address(now: Instant): Uint8Array {
    const { engine, epoch } = this.#parts
    const { uplink } = engine
    const result = uplink.is === 'up' ? RESULT.success : RESULT.networkFailure
    const address = uplink.is === 'up' ? uplink.told : ANY_IPV4
    const opcode = RESPONSE | OPCODE.address
    return addressReply.encode({ version: VERSION, opcode, result, epoch: epoch.seconds(now), address })
  }

  #mapReply(
    { opcode, internalPort }: MapRequest,
    result: number,
    external: Port | undefined,
    lifetime: Seconds,
    now: Instant,
  ): Uint8Array {
    return writeMapReply(opcode, result, this.#parts.epoch.seconds(now), internalPort, external ?? 0, lifetime)
  }

  #unsupported(opcode: number, result: number, now: Instant): Uint8Array {
    const epoch = this.#parts.epoch.seconds(now)
    // The figure in §3.5 draws opcode 0; a PCP client throws away what has no response bit (RFC 6887 §8.3).
    return replyHead.encode({ version: VERSION, opcode: RESPONSE | opcode, result, epoch })
  }
}

/** §3.5: a request with an unknown opcode comes back whole; §3.6: but every reply carries the epoch. */
function echo(request: Uint8Array, head: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(Math.max(request.length, head.length))
  bytes.set(request)
  bytes.set(head)
  return bytes
}
