/**
 * The control channel: HTTP on the daemon's own socket, for its owner alone (the socket has mode 0600).
 *
 *     POST /console   { "words": [...], "json": false, "width": 80 }   ->   the text to show; field Exit-Status: 0
 *     POST /leases    { "lines": [...], "now": 1795265002 }          ->   `import-leases.ts`
 *     GET, POST, DELETE /rest/...                                      ->   `rest.ts`
 */
import type { Content } from '../base/text.ts'
import { textOf, utf8Encode } from '../base/text.ts'
import type { HttpPieces, HttpRequest, HttpResponse } from '../wire/http.ts'
import { splitTarget } from '../wire/http.ts'
import type { Result } from './execute.ts'
import { execute } from './execute.ts'
import { lineOfWords, parseLine } from './grammar.ts'
import { importLeases } from './import-leases.ts'
import { safeJson } from './json.ts'
import type { PrintOptions } from './print.ts'
import { printResult } from './print.ts'
import { restAnswer } from './rest.ts'
import type { ControlWorld } from './world.ts'

/** Exit status of the console: done; refused, or no daemon; not understood. */
export type Exit = 0 | 1 | 2

/** What the console sends. */
export interface ConsoleRequest {
  /** The words of the shell's command line, or one whole line. */
  readonly words: readonly string[]
  readonly json: boolean
  readonly width: number
}

export const EXIT_FIELD = 'exit-status'

/**
 * Never rejects: a fault of ours is an answer with status 500. QuickJS 2025-04-26 ends the process when a promise is
 * rejected before anybody listens; so what can be done at once is no promise here, and what cannot starts by waiting.
 */
export function controlHandler(world: ControlWorld): (request: HttpRequest) => Promise<HttpResponse | HttpPieces> {
  return async request => {
    try {
      return await answer(world, request)
    } catch (error) {
      return textResponse(500, `the daemon made a mistake: ${error}\n`)
    }
  }
}

/** A command line carried out, and what to show, made while it is read. */
export async function runLine(
  world: ControlWorld,
  line: string,
  options: PrintOptions,
): Promise<{ readonly exit: Exit; readonly text: Iterable<string> }> {
  await undefined
  const command = parseLine(line)
  if (command.is === 'fault') {
    const text = options.json ? safeJson({ error: command.message }) : command.message
    return { exit: 2, text: [`${text}\n`] }
  }
  const result: Result = await execute(world, command, options.json)
  return { exit: result.is === 'refused' ? 1 : 0, text: printResult(result, options) }
}

type Answer = HttpResponse | HttpPieces

function answer(world: ControlWorld, request: HttpRequest): Answer | Promise<Answer> {
  const { path } = splitTarget(request.target)
  if (path === '/console') return consoleAnswer(world, request)
  if (path === '/leases') return leasesAnswer(world, request)
  if (path === '/rest' || path.startsWith('/rest/')) return restAnswer(world, request)
  return textResponse(404, 'nothing here: /console and /rest are served\n')
}

function consoleAnswer(world: ControlWorld, request: HttpRequest): Answer | Promise<Answer> {
  if (request.method !== 'POST') return textResponse(405, 'POST is expected\n')
  const asked = readConsoleRequest(request.body)
  if (asked === undefined) return textResponse(400, 'expected {"words": ["..."], "json": false, "width": 80}\n')
  return runLine(world, lineOfWords(asked.words), asked).then(({ exit, text }) => ({
    status: 200,
    fields: [TEXT, [EXIT_FIELD, String(exit)]],
    pieces: encoded(text),
  }))
}

async function leasesAnswer(world: ControlWorld, request: HttpRequest): Promise<Answer> {
  const answered = request.method === 'POST' ? await importLeases(world, readJson(request.body)) : undefined
  return answered ?? textResponse(400, 'expected POST of {"lines": ["..."], "now": 0}\n')
}

function* encoded(text: Iterable<string>): Generator<Uint8Array> {
  for (const piece of text) yield utf8Encode(piece)
}

function readConsoleRequest(body: Content): ConsoleRequest | undefined {
  const value = readJson(body)
  if (typeof value !== 'object' || value === null) return undefined
  const { words, json, width } = value as Readonly<Record<string, unknown>>
  if (!Array.isArray(words) || words.length === 0 || !words.every(word => typeof word === 'string')) return undefined
  if (typeof json !== 'boolean' || typeof width !== 'number' || !(width >= 20 && width <= 1000)) return undefined
  return { words, json, width }
}

/** `undefined` when it is none. */
function readJson(body: Content): unknown {
  try {
    return JSON.parse(textOf(body))
  } catch {
    return undefined
  }
}

const TEXT = ['content-type', 'text/plain; charset=utf-8'] as const

const textResponse = (status: number, text: string): HttpResponse => ({
  status,
  fields: [TEXT],
  body: utf8Encode(text),
})
