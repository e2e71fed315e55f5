/**
 * `portico import-leases [FILE]`: the mappings that miniupnpd has granted become ours, with the time that is left of
 * them, before its clients notice that it has gone. The daemon asks its rules about each, as if its client had asked.
 *
 *     POST /leases   { "lines": ["TCP:4000:192.168.1.7:4000:0:Game"], "now": 1795265002 }   ->   a line for each refusal
 */
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Platform } from '../platform/platform.ts'
import type { HttpResponse } from '../wire/http.ts'
import { readOldLeases } from './leases-file.ts'
import type { ConsolePlatform } from './session.ts'
import { askDaemon } from './session.ts'
import type { ControlWorld } from './world.ts'

export type ImportPlatform = ConsolePlatform & Pick<Platform, 'wallTime'>

/** Where miniupnpd on OpenWrt has it, unless `upnp_lease_file` says otherwise. */
const USUAL = '/var/run/miniupnpd.leases'
const LINES_AT_ONCE = 64
const LONGEST_LINE = 1024

/** `words` after `import-leases`. Exit status: 0 all came over, 1 some did not or there is no file, 2 not understood. */
export async function runImport(platform: ImportPlatform, words: readonly string[], runDir: string): Promise<number> {
  const [path = USUAL] = words
  if (words.length > 1 || path.startsWith('-')) return fail(platform, 'usage: portico import-leases [FILE]', 2)
  const lines = linesOf(platform, path)
  if (typeof lines === 'string') return fail(platform, lines, 1)
  const now = Math.floor(platform.wallTime() / 1000)
  let granted = 0
  let refused = 0
  for (let at = 0; at < lines.length; at += LINES_AT_ONCE) {
    const request = { lines: lines.slice(at, at + LINES_AT_ONCE), now }
    const response = await askDaemon(platform, runDir, '/leases', request)
    if (typeof response === 'string') return fail(platform, response, 1)
    if ('is' in response || response.status !== 200) return fail(platform, "the daemon's answer cannot be read", 1)
    const answer = JSON.parse(utf8Decode(response.body)) as ImportAnswer
    granted += answer.granted
    refused += answer.refused.length
    for (const sentence of answer.refused) platform.stderr(sentence)
  }
  platform.stdout(`${granted} mappings came over, ${refused} did not\n`)
  return refused === 0 ? 0 : 1
}

interface ImportAnswer {
  readonly granted: number
  /** A sentence each. */
  readonly refused: readonly string[]
}

/** Without empty lines; a sentence when the file cannot be read. */
function linesOf(platform: ImportPlatform, path: string): readonly string[] | string {
  try {
    const bytes = platform.readFile(path)
    if (bytes === undefined) return `there is no ${path}`
    const lines = utf8Decode(bytes).split('\n')
    return lines.filter(line => line.trim() !== '').map(line => line.slice(0, LONGEST_LINE))
  } catch (error) {
    return `${path} cannot be read: ${error}`
  }
}

/** The daemon's side. `undefined` where the request is none. */
export async function importLeases(world: ControlWorld, asked: unknown): Promise<HttpResponse | undefined> {
  await undefined // nothing can be thrown before somebody listens, see server.ts
  const request = readRequest(asked)
  if (request === undefined) return undefined
  const { leases, skipped } = readOldLeases(utf8Encode(request.lines.join('\n')), request.now)
  const answers = await Promise.all(leases.map(lease => world.take(lease)))
  const refused = answers.flatMap((answer, index) => {
    const lease = leases[index]
    if (answer.ok || lease === undefined) return []
    const { transport, external, internal } = lease
    return [oneLine(`${transport} ${external} of ${internal.ip} does not come over: ${answer.because}`, 300)]
  })
  const result: ImportAnswer = { granted: leases.length - refused.length, refused: [...skipped, ...refused] }
  return { status: 200, fields: [['content-type', 'application/json']], body: utf8Encode(JSON.stringify(result)) }
}

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
