/**
 * What the ubus object `portico` answers (`docs/ubus.md`): methods with typed arguments on a world. Nothing here knows
 * how ubus travels; what is asked was checked before a method sees it.
 */

import type { Port } from '../base/ip.ts'
import { parseIp, parseMac } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import { secondsBetween } from '../base/time.ts'
import type { Mapping } from '../core/mapping.ts'
import { lineOfWords } from './grammar.ts'
import { clientOf, eventFields, mappingFields } from './happened.ts'
import { mappingId } from './ids.ts'
import { sortedMappings } from './rows.ts'
import { runLine } from './server.ts'
import { statusJson } from './status.ts'
import type { ControlWorld, Question, Traffic } from './world.ts'

export type ArgumentType = 'text' | 'number' | 'flag' | 'list'

/** `unknown`: no such method. `invalid`: an argument that is missing or cannot be. */
export type Reply =
  | { readonly is: 'done'; readonly data: Readonly<Record<string, unknown>> }
  | { readonly is: 'unknown' | 'invalid' }

export type MethodName = 'status' | 'mappings' | 'remove' | 'pin' | 'journal' | 'why' | 'check' | 'command'

/** The arguments that a method knows, by name. */
export const SIGNATURES: Readonly<Record<MethodName, Readonly<Record<string, ArgumentType>>>> = {
  status: {},
  mappings: { offset: 'number', limit: 'number' },
  remove: { id: 'text' },
  pin: { id: 'text', comment: 'text' },
  journal: { after: 'number', limit: 'number', client: 'text', what: 'text' },
  why: {
    service: 'text',
    protocol: 'text',
    dst_port: 'number',
    internal_address: 'text',
    internal_port: 'number',
    mac: 'text',
    interface: 'text',
  },
  check: {},
  command: { words: 'list', json: 'flag' },
}

/** Never rejects. */
export async function callMethod(
  world: ControlWorld,
  name: string,
  given: Readonly<Record<string, unknown>>,
): Promise<Reply> {
  await undefined // nothing can be thrown before somebody listens, see server.ts
  if (!Object.hasOwn(SIGNATURES, name)) return { is: 'unknown' }
  const method = name as MethodName
  const known = SIGNATURES[method]
  const args: Record<string, unknown> = {}
  for (const [argument, type] of Object.entries(known)) {
    if (!Object.hasOwn(given, argument)) continue
    if (!IS[type](given[argument])) return { is: 'invalid' }
    args[argument] = given[argument]
  }
  const data = await RUN[method](world, args)
  return data === undefined ? { is: 'invalid' } : { is: 'done', data }
}

/** Of a type that `IS` has seen, or absent. */
interface Arguments {
  readonly offset?: number
  readonly limit?: number
  readonly after?: number
  readonly id?: string
  readonly comment?: string
  readonly client?: string
  readonly what?: string
  readonly service?: string
  readonly protocol?: string
  readonly dst_port?: number
  readonly internal_address?: string
  readonly internal_port?: number
  readonly mac?: string
  readonly interface?: string
  readonly words?: readonly string[]
  readonly json?: boolean
}

type Data = Readonly<Record<string, unknown>>
/** `undefined` when an argument is missing or cannot be. */
type Run = (world: ControlWorld, args: Arguments) => Data | undefined | Promise<Data | undefined>

const MOST_MAPPINGS = 1000
const MOST_ENTRIES = 500
const USUAL_ENTRIES = 100
/** Characters: with it a message stays below the megabyte that ubus allows, whatever it consists of. */
const MOST_TEXT = 256 * 1024
const LONGEST_LABEL = 64

const IS: Readonly<Record<ArgumentType, (value: unknown) => boolean>> = {
  text: value => typeof value === 'string' && value.length <= 256,
  number: value => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
  flag: value => typeof value === 'boolean',
  list: value =>
    Array.isArray(value) &&
    value.length <= 256 &&
    value.every((each: unknown) => typeof each === 'string' && each.length <= 4096),
}

const RUN: Readonly<Record<MethodName, Run>> = {
  status: world => statusJson(world.status()) as Data,
  mappings,
  remove,
  pin,
  journal,
  why,
  check: async world => ({ checks: await world.checks() }),
  command,
}

async function mappings(world: ControlWorld, { offset = 0, limit = MOST_MAPPINGS }: Arguments): Promise<Data> {
  const now = world.now()
  const all = sortedMappings(world)
  const shown = all.slice(offset, offset + Math.min(limit, MOST_MAPPINGS))
  const traffic = await world.traffic(shown)
  return {
    mappings: shown.map((mapping, index) => ({
      ...mappingFields(mapping),
      state: mapping.state,
      dynamic: mapping.owner.via !== 'operator',
      timeout: mapping.lease === 'forever' ? undefined : secondsBetween(now, mapping.lease.expires),
      ...trafficFields(traffic[index]),
    })),
    total: all.length,
    version: world.version(),
    time: Math.floor(now / 1000),
  }
}

const trafficFields = (traffic: Traffic | undefined) =>
  traffic === undefined ? {} : { packets: traffic.packets, bytes: traffic.bytes, bytes_out: traffic.bytesOut }

async function remove(world: ControlWorld, { id }: Arguments): Promise<Data | undefined> {
  if (id === undefined) return undefined
  const mapping = find(world, id)
  if (mapping === undefined) return ABSENT
  if (mapping.owner.via === 'operator') {
    return no('not-owner', 'it is static: take its `config mapping` out of /etc/config/portico')
  }
  const answer = await world.remove(mapping)
  return answer.ok ? { ok: true } : no(answer.why, answer.because)
}

async function pin(world: ControlWorld, { id, comment }: Arguments): Promise<Data | undefined> {
  if (id === undefined) return undefined
  const mapping = find(world, id)
  if (mapping === undefined) return ABSENT
  const label = oneLine(comment ?? mapping.label, LONGEST_LABEL)
  const pinned = await world.pin(mapping, label)
  return pinned.ok ? { ok: true, section: pinned.section } : no(pinned.why, pinned.because)
}

function journal(world: ControlWorld, { after = 0, limit = USUAL_ENTRIES, client, what }: Arguments): Data | undefined {
  if (limit < 1 || limit > MOST_ENTRIES) return undefined
  const now = world.now()
  const all = world.happened(after)
  const fitting = all.filter(
    ({ event }) => (client === undefined || clientOf(event) === client) && (what === undefined || event.what === what),
  )
  const entries = fitting
    .slice(-limit)
    .map(({ number, at, event }) => ({ number, age: secondsBetween(at, now), ...eventFields(event) }))
  return { entries, last: all.at(-1)?.number ?? after }
}

function why(world: ControlWorld, args: Arguments): Data | undefined {
  const question = readQuestion(args)
  const external = portOf(args.dst_port)
  if (question === undefined || external === undefined) return undefined
  const { allowed, because, rule } = world.permits(question, external)
  return { allowed, because, rule }
}

function readQuestion(args: Arguments): Question | undefined {
  const { service, protocol, internal_address, mac: link, interface: device } = args
  const ip = internal_address === undefined ? undefined : parseIp(internal_address)
  const port = portOf(args.internal_port)
  const mac = link === undefined ? undefined : parseMac(link)
  if (service !== 'nat-pmp' && service !== 'upnp') return undefined
  if (protocol !== 'tcp' && protocol !== 'udp') return undefined
  if (ip === undefined || port === undefined || (link !== undefined && mac === undefined)) return undefined
  return { service, transport: protocol, internal: { ip, port }, mac, device }
}

async function command(world: ControlWorld, { words, json = false }: Arguments): Promise<Data | undefined> {
  if (words === undefined || words.length === 0) return undefined
  const { exit, text } = await runLine(world, lineOfWords(words), { json, width: 80 })
  let shown = ''
  for (const piece of text) {
    shown += piece
    if (shown.length > MOST_TEXT) return { exit, text: shown.slice(0, MOST_TEXT), cut: true }
  }
  return { exit, text: shown }
}

const portOf = (value: number | undefined): Port | undefined =>
  value !== undefined && value >= 1 && value <= 65535 ? (value as Port) : undefined

function find(world: ControlWorld, id: string): Mapping | undefined {
  for (const mapping of world.mappings()) if (mappingId(mapping) === id) return mapping
  return undefined
}

const no = (why: string, because: string): Data => ({ ok: false, why, because })
const ABSENT: Data = no('absent', 'there is none with this id')
