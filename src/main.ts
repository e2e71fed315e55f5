/** Picks the engine, then the daemon or the console. The only file that names an engine's files. */

import { RELEASE } from './base/release.ts'
import { runImport } from './control/import-leases.ts'
import { runMigrate } from './control/migrate.ts'
import { runConsole } from './control/session.ts'
import { runDaemon } from './daemon/run.ts'
import { runService, SERVICE_QUESTIONS } from './daemon/service.ts'
import type { Platform } from './platform/platform.ts'

const DEFAULTS = { uci: '/etc/config', run: '/var/run/portico' }
const USAGE = 2
const DAEMON = 'portico daemon [--uci DIR] [--run DIR]'

// No top-level await: on the stock qjs it would stall (see platform/quickjs.ts).
void createPlatform().then(async platform => platform.exit(await main(platform)))

async function createPlatform(): Promise<Platform> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } }
  if (process?.versions?.node !== undefined) return (await import('./platform/node.ts')).createNodePlatform()
  return (await import('./platform/quickjs.ts')).createQuickjsPlatform()
}

/**
 * `portico [--run DIR] WORDS...` is the console; `portico daemon [--uci DIR] [--run DIR]` serves. `portico service` is
 * for the init script, `portico migrate` for the first installation: both need no daemon.
 */
async function main(platform: Platform): Promise<number> {
  const parsed = options(platform.arguments)
  if (typeof parsed === 'string') {
    platform.stderr(`portico: ${parsed}`)
    return USAGE
  }
  const { words, uci, run } = parsed
  if (words.includes('--version')) return shown(platform, `portico ${RELEASE}`)
  if (words[0] === 'import-leases') return runImport(platform, words.slice(1), { uci, run })
  if (words[0] === 'migrate') return runMigrate(platform, words.slice(1), uci)
  const question = words[0] === 'service' && words.length === 2 && SERVICE_QUESTIONS.find(each => each === words[1])
  if (question) return runService(platform, uci, question)
  if (words[0] !== 'daemon') return runConsole(platform, words, run)
  if (words.length === 1) return runDaemon(platform, { uci, run })
  if (words[1] === '--help' || words[1] === '-h') return shown(platform, DAEMON)
  platform.stderr(`portico daemon: '${words[1]}' is not expected; usage: ${DAEMON}`)
  return USAGE
}

function shown(platform: Platform, line: string): number {
  platform.stdout(`${line}\n`)
  return 0
}

interface Options {
  readonly words: readonly string[]
  readonly uci: string
  readonly run: string
}

/** Directories may stand anywhere among the words; a sentence when one is missing. */
function options(given: readonly string[]): Options | string {
  const words: string[] = []
  const directories = { ...DEFAULTS }
  for (let at = 0; at < given.length; at++) {
    const word = given[at] as string
    if (word !== '--uci' && word !== '--run') {
      words.push(word)
      continue
    }
    const directory = given[++at]
    if (directory === undefined) return `${word} wants a directory`
    directories[word === '--uci' ? 'uci' : 'run'] = directory
  }
  return { words, ...directories }
}
