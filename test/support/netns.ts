/**
 * Network namespaces with names that nobody else uses, and that go away with the process that made them: at its exit,
 * and, should it be killed, when the next lab starts (the name holds the pid).
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { must } from './process.ts'

const PREFIX = 'portico-lab'
const MADE_BY = new RegExp(`^${PREFIX}-(\\d+)-(\\d+)-`)

const ours = new Set<string>()
let labs = 0

/** `portico-lab-<pid>-<start time of the pid>-<count>`; namespaces append `-<host>`. */
export function newLabName(): string {
  if (labs++ === 0) sweep()
  return `${PREFIX}-${process.pid}-${startOf(process.pid)}-${labs}`
}

export async function addNamespaces(names: readonly string[]): Promise<void> {
  for (const name of names) ours.add(name)
  await must(['ip', '-batch', '-'], { input: names.map(name => `netns add ${name}\n`).join('') })
}

/** Ends every process inside, then the namespace itself. Synchronous: it also runs while the process exits. */
export function removeNamespace(name: string): void {
  ours.delete(name)
  quietly(() => {
    const pids = execFileSync('ip', ['netns', 'pids', name], { encoding: 'utf8' }).split(/\s+/).filter(Boolean)
    for (const pid of pids) quietly(() => process.kill(Number(pid), 'SIGKILL'))
  })
  quietly(() => execFileSync('ip', ['netns', 'delete', name], { stdio: 'ignore' }))
}

/** Removes the labs of processes that are no more, and their directories. */
function sweep(): void {
  let names: string[] = []
  quietly(() => (names = readdirSync('/run/netns')))
  for (const name of names) {
    const [, pid, start] = MADE_BY.exec(name) ?? []
    if (pid !== undefined && startOf(Number(pid)) !== start) removeNamespace(name)
  }
  for (const name of readdirSync(tmpdir())) {
    const [, pid, start] = MADE_BY.exec(name) ?? []
    if (pid === undefined || startOf(Number(pid)) === start) continue
    quietly(() => rmSync(join(tmpdir(), name), { recursive: true }))
  }
}

/** Start time of a process in clock ticks, field 22 of proc(5) stat: two processes with one pid differ in it. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

function quietly(work: () => void): void {
  try {
    work()
  } catch {
    // Already gone: that is what was wanted.
  }
}

process.on('exit', () => {
  for (const name of [...ours]) removeNamespace(name)
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(1))
