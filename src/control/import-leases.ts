/**
 * `portico import-leases [FILE...]`: the mappings that miniupnpd has granted become ours, with the time that is left of
 * them, before its clients notice that it has gone. The daemon asks its rules about each, as if its client had asked.
 *
 *     POST /leases   { "lines": ["TCP:4000:192.168.1.7:4000:0:Game"], "now": 1795265002 }   ->   a line for each refusal
 */
import { reasonOf } from '../base/fail.ts'
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Platform } from '../platform/platform.ts'
import type { HttpResponse } from '../wire/http.ts'
import { parseUci } from '../wire/uci.ts'
import type { OldLease } from './leases-file.ts'
import { readOldLease } from './leases-file.ts'
import type { ConsolePlatform } from './session.ts'
import { askDaemon } from './session.ts'
import type { ControlWorld } from './world.ts'

export type ImportPlatform = ConsolePlatform & Pick<Platform, 'wallTime'>

const LINES_AT_ONCE = 64
const LONGEST_LINE = 1024
/** A router has 131,070 ports; what is longer is no lease file. */
const MOST_LINES = 140_000

/**
 * `words` after `import-leases`; `uci` is `/etc/config`. Exit status: 0 all came over, 1 some did not or there is no
 * file, 2 not understood.
 */
export async function runImport(
  platform: ImportPlatform,
  words: readonly string[],
  { uci, run }: { readonly uci: string; readonly run: string },
): Promise<number> {
  if (words.some(word => word.startsWith('-'))) return fail(platform, 'usage: portico import-leases [FILE...]', 2)
  const now = Math.floor(platform.wallTime() / 1000)
  const found = words.length > 0 ? words : usualFiles(platform, uci)
  const lines: string[] = []
  let refused = 0
  for (const path of found) {
    const text = textOf(platform, path)
    if (text.is === 'trouble') return fail(platform, text.trouble, 1)
    for (const [at, line] of text.lines.entries()) {
      if (line.trim() === '') continue
      const lease = readOldLease(line, now)
      if (typeof lease !== 'string') lines.push(line)
      else {
        platform.stderr(`${path}, line ${at + 1}: ${lease}`)
        refused++
      }
    }
  }
  const came = await hand(platform, run, lines, now)
  if (typeof came === 'string') return fail(platform, came, 1)
  refused += lines.length - came
  platform.stdout(`${came} mappings came over, ${refused} did not\n`)
  return refused === 0 ? 0 : 1
}

/** How many the daemon granted; a sentence when there is none to ask. */
async function hand(
  platform: ImportPlatform,
  run: string,
  lines: readonly string[],
  now: number,
): Promise<number | string> {
  let granted = 0
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    const request = { lines: lines.slice(at, at + LINES_AT_ONCE), now }
    const response = await askDaemon(platform, run, '/leases', request)
    if (typeof response === 'string') return response
    if ('is' in response || response.status !== 200) return "the daemon's answer cannot be read"
    const answer = JSON.parse(utf8Decode(response.body)) as ImportAnswer
    granted += answer.granted
    for (const sentence of answer.refused) platform.stderr(sentence)
  }
  return granted
}

/** Where OpenWrt's miniupnpd has it (`upnpd.config`); the second one is for pinholes. */
const USUAL = '/var/run/miniupnpd.leases'

/** The files that `/etc/config/upnpd` names, as far as they are there; at least the one for IPv4, to complain about. */
function usualFiles(platform: ImportPlatform, uci: string): readonly string[] {
  const named = namedFiles(platform, `${uci}/upnpd`)
  const first = named.upnp_lease_file ?? named.lease_file ?? USUAL
  const second = named.upnp_lease_file6 ?? `${first}-ipv6`
  return [first, ...(textOf(platform, second).is === 'lines' ? [second] : [])]
}

type LeaseFiles = { readonly [K in 'upnp_lease_file' | 'upnp_lease_file6' | 'lease_file']?: string }

function namedFiles(platform: ImportPlatform, path: string): LeaseFiles {
  try {
    const bytes = platform.readFile(path)
    const settings = bytes && parseUci(bytes, path).sections.find(({ type }) => type === 'upnpd')
    const texts = [...(settings?.options.values() ?? [])].map(({ name, value }) => [name, value] as const)
    return Object.fromEntries(texts.filter(([, value]) => typeof value === 'string'))
  } catch {
    return {}
  }
}

type Text =
  | { readonly is: 'lines'; readonly lines: readonly string[] }
  | { readonly is: 'trouble'; readonly trouble: string }

function textOf(platform: ImportPlatform, path: string): Text {
  try {
    const bytes = platform.readFile(path)
    if (bytes === undefined) return { is: 'trouble', trouble: `there is no ${path}` }
    const lines = utf8Decode(bytes).split('\n', MOST_LINES)
    return { is: 'lines', lines: lines.map(line => line.slice(0, LONGEST_LINE)) }
  } catch (error) {
    return { is: 'trouble', trouble: `${path} cannot be read: ${reasonOf(error)}` }
  }
}

interface ImportAnswer {
  readonly granted: number
  /** A sentence each. */
  readonly refused: readonly string[]
}

/** The daemon's side. `undefined` where the request is none. */
export async function importLeases(world: ControlWorld, asked: unknown): Promise<HttpResponse | undefined> {
  await undefined // nothing can be thrown before somebody listens, see server.ts
  const request = readRequest(asked)
  if (request === undefined) return undefined
  const read = request.lines.map(line => readOldLease(line, request.now))
  const leases = read.filter(each => typeof each !== 'string')
  const answers = await Promise.all(leases.map(lease => world.take(lease)))
  const refused = answers.flatMap((answer, index) => {
    const lease = leases[index]
    return answer.ok || lease === undefined ? [] : oneLine(`${shown(lease)} does not come over: ${answer.because}`, 300)
  })
  const skipped = read.filter(each => typeof each === 'string').map(why => `a line ${why}`)
  const result: ImportAnswer = { granted: leases.length - refused.length, refused: [...skipped, ...refused] }
  return { status: 200, fields: [['content-type', 'application/json']], body: utf8Encode(JSON.stringify(result)) }
}

const shown = (lease: OldLease): string =>
  lease.ask === 'map'
    ? `${lease.transport} ${lease.external} of ${lease.internal.ip}`
    : `the pinhole ${lease.transport} ${lease.internal.port} of ${lease.internal.ip}`

function readRequest(asked: unknown): { readonly lines: readonly string[]; readonly now: number } | undefined {
  if (typeof asked !== 'object' || asked === null) return undefined
  const { lines, now } = asked as Readonly<Record<string, unknown>>
  if (!Array.isArray(lines) || lines.length > LINES_AT_ONCE) return undefined
  if (!lines.every(line => typeof line === 'string' && line.length <= LONGEST_LINE)) return undefined
  return typeof now === 'number' && Number.isSafeInteger(now) && now >= 0 ? { lines, now } : undefined
}

function fail(platform: ImportPlatform, message: string, status: number): number {
  platform.stderr(message)
  return status
}
