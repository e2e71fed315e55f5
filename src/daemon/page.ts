/**
 * The page at the presentation URL (UPnP Device Architecture 1.1 §5): what is open to the device that looks, and why it
 * was refused something. It only shows; there is no script, and its policy lets none in.
 */
import type { Ip } from '../base/ip.ts'
import { utf8Encode } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import type { Engine } from '../core/engine.ts'
import { holderOf } from '../core/holder.ts'
import type { Journal } from '../core/journal.ts'
import type { Mapping } from '../core/mapping.ts'
import type { Rate } from '../core/rate.ts'
import type { ListedRedirect } from '../core/surroundings.ts'
import type { Counted } from '../kernel/traffic.ts'
import type { Caller } from '../protocol/igd/gateway-world.ts'
import { unmapped } from '../wire/gena.ts'
import type { Fields, HttpResponse } from '../wire/http.ts'
import { fieldOf } from '../wire/http.ts'
import { SIGN, STYLE } from './page-style.ts'
import { languageOf, Words } from './page-texts.ts'
import type { Refused, Row } from './page-view.ts'
import { document, PATHS } from './page-view.ts'

export interface PageWorld {
  readonly now: () => Instant
  /** The router's friendly name. */
  readonly name: () => string
  readonly engine: Pick<Engine, 'mappings' | 'policy' | 'uplink'>
  readonly journal: Pick<Journal, 'entries'>
  readonly rate: Rate
  readonly redirects: () => readonly ListedRedirect[]
  /** Totals; a mapping that is missing is not counted. Must not reject. */
  readonly traffic: (mappings: readonly Mapping[]) => Promise<ReadonlyMap<Mapping, Counted>>
}

export interface PageRequest {
  readonly method: string
  readonly path: string
  readonly fields: Fields
}

/** `undefined`: nothing lies at this path. Never rejects. */
export function page(request: PageRequest, from: Caller, world: PageWorld): Promise<HttpResponse> | undefined {
  const { path, method } = request
  const file = FILES.get(path)
  if (file === undefined && path !== PATHS.page) return undefined
  if (method !== 'GET' && method !== 'HEAD')
    return Promise.resolve(plain(405, 'only GET and HEAD', [['Allow', 'GET, HEAD']]))
  const caller = { ...from, ip: unmapped(from.ip) }
  const { rate, engine, now } = world
  if (!rate.allows(holderOf(caller.mac, caller.ip), engine.policy.limits.requestsPerSecond, now())) {
    return Promise.resolve(plain(503, 'too many requests', []))
  }
  if (file !== undefined) return Promise.resolve(answer(file.type, file.text, KEPT))
  const words = new Words(languageOf(fieldOf(request.fields, 'accept-language')))
  return show(caller, world, words).catch(() => plain(500, 'the page could not be made', []))
}

const FILES: ReadonlyMap<string, { readonly type: string; readonly text: string }> = new Map([
  [PATHS.style as string, { type: 'text/css; charset=utf-8', text: STYLE }],
  [PATHS.sign as string, { type: 'image/svg+xml', text: SIGN }],
])

/** Rows on one page, and refusals. */
const MOST_ROWS = 256
const MOST_REFUSALS = 8

async function show(caller: Caller, world: PageWorld, words: Words): Promise<HttpResponse> {
  const { engine } = world
  const addresses = addressesOf(caller, engine.mappings.all())
  const mappings = addresses.flatMap(ip => engine.mappings.ofHost(ip)).slice(0, MOST_ROWS)
  const traffic = await world.traffic(mappings)
  const redirects = world.redirects().filter(({ internal }) => addresses.includes(internal.ip))
  const rows: readonly Row[] = [
    ...mappings.map(of => ({ of, traffic: traffic.get(of) })),
    ...redirects.slice(0, MOST_ROWS).map(of => ({ of, traffic: undefined })),
  ]
  const { forwarding, limits } = engine.policy
  return answer(
    'text/html; charset=utf-8',
    document({
      words,
      name: world.name(),
      client: caller.ip,
      now: world.now(),
      uplink: engine.uplink,
      rows,
      limit: limits.perHost,
      refusals: refusalsOf(addresses, world.journal),
      opensPorts: forwarding.upnp || forwarding['nat-pmp'],
    }),
    [['Content-Language', words.language], ['Vary', 'Accept-Language'], ...NOT_KEPT],
  )
}

/**
 * The addresses of the device that looks: its own, and those for which the same link address asked before, so that
 * somebody who looks by IPv4 sees what is open by IPv6.
 */
function addressesOf({ ip, mac }: Caller, mappings: Iterable<Mapping>): readonly Ip[] {
  const found = new Set([ip])
  if (mac !== undefined) for (const mapping of mappings) if (mapping.mac === mac) found.add(mapping.internal.ip)
  return [...found]
}

/** The latest first; what a program tries again and again is one line. */
function refusalsOf(addresses: readonly Ip[], journal: PageWorld['journal']): readonly Refused[] {
  const found = new Map<string, Refused>()
  for (const { event, at } of [...journal.entries()].reverse()) {
    if (event.what !== 'refused' || event.wish.owner.via === 'operator') continue
    const { wish, why, because } = event
    if (!addresses.includes(event.wish.owner.client)) continue
    const key = JSON.stringify([wish.ask, keyOf(wish), why])
    const known = found.get(key)
    if (known !== undefined) found.set(key, { ...known, times: known.times + 1 })
    else if (found.size < MOST_REFUSALS) found.set(key, { wish, why, because, at, times: 1 })
  }
  return [...found.values()]
}

/** What tells one request from another, without its lease. */
function keyOf(wish: Refused['wish']): readonly unknown[] {
  switch (wish.ask) {
    case 'map':
    case 'pinhole':
      return [wish.transport, wish.internal, 'external' in wish ? wish.external : 0]
    case 'unmap':
      return [wish.transport, wish.port]
    case 'revoke':
      return [wish.transport, wish.which]
    case 'extend':
    case 'close':
      return [wish.pinhole]
  }
}

/** Nothing but our own style and sign; no frame around it; no word of it to anybody else. */
const POLICY: Fields = [
  [
    'Content-Security-Policy',
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  ],
  ['X-Content-Type-Options', 'nosniff'],
  ['X-Frame-Options', 'DENY'],
  ['Referrer-Policy', 'no-referrer'],
  ['Cross-Origin-Resource-Policy', 'same-origin'],
]
const NOT_KEPT: Fields = [['Cache-Control', 'no-store']]
/** Ten minutes: after an upgrade the old style does not stay long. */
const KEPT: Fields = [['Cache-Control', 'max-age=600']]

const answer = (type: string, text: string, cache: Fields): HttpResponse => ({
  status: 200,
  fields: [['Content-Type', type], ...POLICY, ...cache],
  body: utf8Encode(text),
})

const plain = (status: number, line: string, fields: Fields): HttpResponse => ({
  status,
  fields: [['Content-Type', 'text/plain; charset=utf-8'], ...POLICY, ...NOT_KEPT, ...fields],
  body: utf8Encode(`${line}\n`),
})
