/**
 * The console as a program: hands the words of its command line to the daemon and shows the answer. It knows no menu
 * and reads no configuration.
 */
import { textIn } from '../base/files.ts'
import { oneLine, utf8Decode, utf8Encode } from '../base/text.ts'
import type { Instant, Milliseconds } from '../base/time.ts'
import { afterMs, milliseconds } from '../base/time.ts'
import type { Platform, Stream } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { Fault, HttpResponse } from '../wire/http.ts'
import { encodeRequest, fieldOf, ResponseReader } from '../wire/http.ts'
import { helpText } from './help.ts'
import type { ConsoleRequest } from './server.ts'
import { EXIT_FIELD } from './server.ts'

/** What the console needs of an engine. */
export type ConsolePlatform = Pick<
  Platform,
  'clock' | 'connect' | 'environment' | 'readFile' | 'stderr' | 'stdout' | 'wakeAt'
>

/**
 * Runs one command. `argv` are the words after `--run DIR`; `--json` may stand anywhere among them. Resolves with the
 * exit status: 0 done, 1 refused or no daemon, 2 not understood. What was asked for goes to standard output, what
 * went wrong to standard error.
 */
export async function runConsole(platform: ConsolePlatform, argv: readonly string[], runDir: string): Promise<number> {
  const words = argv.filter(word => word !== '--json' && !HELP.includes(word))
  if (words.length === 0 || argv.some(word => HELP.includes(word))) {
    platform.stdout(helpText())
    return argv.length === 0 ? 2 : 0
  }
  const json = argv.includes('--json')
  const strange = words.find(word => word.startsWith('--'))
  if (strange !== undefined) return fail(platform, json, `unknown option ${strange}`, 2)
  const request: ConsoleRequest = { words, json, width: terminalWidth(platform) }
  const response = await askDaemon(platform, runDir, '/console', request)
  return typeof response === 'string' ? fail(platform, json, response, 1) : show(platform, json, response)
}

const HELP: readonly string[] = ['--help', '-h']

/** One request to the daemon and its answer; some lines for the owner when there is no daemon. Never rejects. */
export async function askDaemon(
  platform: ConsolePlatform,
  runDir: string,
  path: string,
  request: object,
): Promise<HttpResponse | Fault | string> {
  let stream: Stream
  try {
    stream = await platform.connect({ unix: `${runDir}/portico.sock` })
  } catch (error) {
    return noDaemon(platform, runDir, error)
  }
  const response = await exchange(platform, stream, path, utf8Encode(JSON.stringify(request)))
  stream.close()
  return response
}

const LIMITS = { head: 8192, fields: 64, body: 256 * 1024 * 1024 }
const PATIENCE: Milliseconds = milliseconds(60_000)

function show(platform: ConsolePlatform, json: boolean, response: HttpResponse | Fault): number {
  if ('is' in response) return fail(platform, json, `the daemon's answer cannot be read: ${response.why}`, 1)
  const text = utf8Decode(response.body)
  if (response.status !== 200)
    return fail(platform, json, `the daemon answers ${response.status}: ${text.trimEnd()}`, 1)
  const exit = Number(fieldOf(response.fields, EXIT_FIELD) ?? 0)
  // The daemon has written it as it was asked for.
  if (exit !== 0) return fail(platform, false, text.trimEnd(), exit)
  if (text !== '') platform.stdout(text)
  return 0
}

/** Never rejects; the wake-up of the process is free for this, since the console does nothing else. */
function exchange(
  platform: ConsolePlatform,
  stream: Stream,
  path: string,
  body: Uint8Array,
): Promise<HttpResponse | Fault> {
  const reader = new ResponseReader(LIMITS)
  return new Promise(resolve => {
    const done = (response: HttpResponse | Fault) => {
      platform.wakeAt(undefined, () => {})
      resolve(response)
    }
    const late: Instant = afterMs(platform.clock.now(), PATIENCE)
    platform.wakeAt(late, () => done({ is: 'fault', status: 400, why: 'none came within a minute' }))
    stream.take(
      bytes => {
        const response = reader.push(bytes)
        if (response !== undefined) done(response)
      },
      () => done(reader.ended()),
    )
    stream.write(
      encodeRequest(
        'POST',
        path,
        [
          ['Host', 'portico'],
          ['Connection', 'close'],
        ],
        body,
      ),
    )
  })
}

function noDaemon(platform: ConsolePlatform, runDir: string, error: unknown): string {
  const path = `${runDir}/portico.sock`
  if (error instanceof SystemError && (error.code === 'EACCES' || error.code === 'EPERM')) {
    return `portico: not permitted to use ${path} (${error.message}): run it as root`
  }
  const trouble = troubleOf(platform, runDir)
  return [
    `portico: no daemon answers on ${path} (${error instanceof Error ? error.message : error})`,
    ...(trouble === '' ? [] : [`  it did not start:   ${trouble}`]),
    '  start it:           /etc/init.d/portico start',
    '  is it installed?    /etc/init.d/portico enabled && echo yes',
    '  what did it say?    logread -e portico',
    '  is it elsewhere?    portico --run DIR ...',
  ].join('\n')
}

/** What the init script has noted when it refused to start the daemon; mostly nothing. */
const troubleOf = (platform: ConsolePlatform, runDir: string): string =>
  oneLine(textIn(platform, `${runDir}/trouble`), 500)

/** COLUMNS where the shell exports it, else 80. */
function terminalWidth(platform: ConsolePlatform): number {
  const columns = Number(platform.environment('COLUMNS') ?? 80)
  return columns >= 20 && columns <= 1000 ? Math.floor(columns) : 80
}

/** With `--json` the first line says it all: what follows is advice for people. */
function fail(platform: ConsolePlatform, json: boolean, message: string, status: number): number {
  platform.stderr(json ? JSON.stringify({ error: message.split('\n', 1)[0] }) : message)
  return status
}
