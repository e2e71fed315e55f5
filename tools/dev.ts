/**
 * `make dev`: the lab of the tests with a daemon in it, and a shell on its router, to try things by hand. What stands
 * on standard input instead of a keyboard is carried out, so a script can try things too:
 *
 *     echo 'client natpmpc -a 4000 4000 udp 60; portico /ip upnp mappings print' | make dev
 */
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LAN, makeLab, WAN, WORLD } from '../test/support/lab.ts'
import { COMMAND, defaultUci, type Engine, startDaemon } from '../test/support/server.ts'

const engine = process.env['ENGINE'] ?? 'quickjs'
if (!(engine in COMMAND)) fail(`ENGINE=${engine} is not known. Engines: ${Object.keys(COMMAND).join(', ')}`)
if (process.getuid?.() !== 0) fail('network namespaces need root: run it as root')

const lab = await makeLab()
try {
  const server = await startDaemon(lab, { engine: engine as Engine, uci: defaultUci({ upnp: { enabled: '1' } }) })
  const log = join(lab.directory, 'log')
  const note = () => writeFileSync(log, server.output)
  note()
  const follow = setInterval(note, 500)
  const words = join(lab.directory, 'words')
  writeFileSync(
    words,
    `PS1='router# '
portico() { ${COMMAND[engine as Engine].join(' ')} --run ${server.runDirectory} "$@"; }
client() { ip netns exec ${lab.a.netns} "$@"; }
other() { ip netns exec ${lab.b.netns} "$@"; }
world() { ip netns exec ${lab.world.netns} "$@"; }
reload() { kill -HUP ${server.pid}; }
config=${server.uciDirectory}/portico
log=${log}
`,
  )
  if (process.stdin.isTTY) {
    process.stdout.write(`A shell on the router (${LAN}, ${WAN}). Its LAN has ${lab.a.ip} and ${lab.b.ip}, the world is ${WORLD}.
  portico WORDS...    the console; client, other, world COMMAND...: on another machine
  $config             its configuration; after a change: reload        $log   what the daemon says
  exit                takes everything away\n`)
  }
  await shell(words)
  clearInterval(follow)
  await server.stop()
} finally {
  await lab.close()
}

/** Until it ends; its status is that of this program. */
function shell(words: string): Promise<void> {
  const terminal = process.stdin.isTTY ? ['--rcfile', words, '-i'] : ['-c', `. ${words}; . /dev/stdin`]
  const child = spawn('ip', ['netns', 'exec', lab.router.netns, 'bash', '--noprofile', ...terminal], {
    stdio: 'inherit',
  })
  // Ctrl-C is for what runs in the shell.
  process.on('SIGINT', () => {})
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', status => {
      process.exitCode = status ?? 1
      resolve()
    })
  })
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
