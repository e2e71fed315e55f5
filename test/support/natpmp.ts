/** NAT-PMP packets as a test writes and reads them (RFC 6886 §3.2, §3.3); on purpose not the code under test. */
import type { Heard } from './agent.ts'
import type { From, Host } from './host.ts'
import { LAN } from './lab.ts'

export const PORT = 5351
export const ANNOUNCE_PORT = 5350

export type Transport = 'udp' | 'tcp'

export const OPCODE: Readonly<Record<Transport, number>> = { udp: 1, tcp: 2 }

export const EXTERNAL_ADDRESS = Uint8Array.of(0, 0)

export interface Request {
  readonly transport: Transport
  readonly internal: number
  /** 0: any. */
  readonly external?: number
  /** Seconds; 0 deletes. */
  readonly lifetime?: number
}

export function mapRequest({ transport, internal, external = 0, lifetime = 3600 }: Request): Uint8Array {
  const bytes = Buffer.alloc(12)
  bytes.writeUInt8(OPCODE[transport], 1)
  bytes.writeUInt16BE(internal, 4)
  bytes.writeUInt16BE(external, 6)
  bytes.writeUInt32BE(lifetime, 8)
  return bytes
}

export interface MapReply {
  readonly opcode: number
  readonly result: number
  readonly epoch: number
  readonly internal: number
  readonly external: number
  readonly lifetime: number
}

export function mapReply(hex: string): MapReply {
  const bytes = Buffer.from(hex, 'hex')
  if (bytes.length !== 16 || bytes[0] !== 0) throw new Error(`not a mapping reply: ${hex}`)
  return {
    opcode: bytes.readUInt8(1),
    result: bytes.readUInt16BE(2),
    epoch: bytes.readUInt32BE(4),
    internal: bytes.readUInt16BE(8),
    external: bytes.readUInt16BE(10),
    lifetime: bytes.readUInt32BE(12),
  }
}

export interface AddressReply {
  readonly result: number
  readonly epoch: number
  readonly address: string
}

export function addressReply(hex: string): AddressReply {
  const bytes = Buffer.from(hex, 'hex')
  if (bytes.length !== 12 || bytes[0] !== 0 || bytes[1] !== 128) throw new Error(`not an address reply: ${hex}`)
  return { result: bytes.readUInt16BE(2), epoch: bytes.readUInt32BE(4), address: [...bytes.subarray(8)].join('.') }
}

/** Asks as a client does: repeats after 250 ms, doubling, five times. */
export async function patiently(host: Host, payload: Uint8Array, from: From = {}, server = LAN): Promise<Heard> {
  let heard: Heard = { got: 'nothing' }
  for (let wait = 250; wait <= 4000; wait *= 2) {
    heard = await host.udpAsk([server, PORT], payload, wait, from)
    if (heard.got === 'reply') return heard
  }
  return heard
}

/** Asks for a mapping; throws when there is no answer. The result code is the caller's to look at. */
export async function askMap(host: Host, request: Request, server = LAN): Promise<MapReply> {
  const heard = await patiently(host, mapRequest(request), {}, server)
  if (heard.got !== 'reply') throw new Error(`${host.name} was not answered: ${JSON.stringify(heard)}`)
  return mapReply(heard.hex)
}

export async function askAddress(host: Host, server = LAN): Promise<AddressReply> {
  const heard = await patiently(host, EXTERNAL_ADDRESS, {}, server)
  if (heard.got !== 'reply') throw new Error(`${host.name} was not answered: ${JSON.stringify(heard)}`)
  return addressReply(heard.hex)
}
