/**
 * Constants of foreign processors: what `sys` says on mipsel and aarch64 is what the C headers of that processor say.
 * On MIPS nearly all of them differ from a PC's.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { must, run } from '../support/process.ts'

const PROCESSORS = {
  host: { host: ['build/host/porticod'], compiler: 'cc', runner: [] },
  mipsel: { host: ['qemu-mipsel', 'build/mipsel/porticod'], compiler: 'mipsel-linux-gnu-gcc', runner: ['qemu-mipsel'] },
  aarch64: {
    host: ['qemu-aarch64', 'build/aarch64/porticod'],
    compiler: 'aarch64-linux-gnu-gcc',
    runner: ['qemu-aarch64'],
  },
} as const
type Processor = keyof typeof PROCESSORS

const HEADERS = ['errno.h', 'signal.h', 'sys/epoll.h', 'sys/socket.h', 'linux/netlink.h']
const DIRECTORY = 'build/engines/constants'
/** Numbers of our own, not of the system. */
const OWN = ['PEER_BYTES', 'PLACE_BYTES', 'DATAGRAM_BYTES', 'MOST_DATAGRAMS']

beforeAll(() => {
  execFileSync('make', ['--no-print-directory', 'host', 'cross'], { stdio: ['ignore', 'ignore', 'inherit'] })
  mkdirSync(DIRECTORY, { recursive: true })
}, 300_000)

interface Said {
  readonly numbers: Record<string, number>
  /** Name to number, as `errnoName` tells them. */
  readonly errors: Record<string, number>
}

async function saidBySys(processor: Processor): Promise<Said> {
  const path = join(DIRECTORY, 'print.mjs')
  writeFileSync(
    path,
    `const sys = await import('sys')
    const errors = {}
    for (let n = 1; n < 1200; n++) if (!/^E\\d/.test(sys.errnoName(n)) || sys.errnoName(n) === 'E2BIG') errors[sys.errnoName(n)] = n
    const numbers = Object.fromEntries(Object.entries(sys).filter(([, value]) => typeof value === 'number'))
    sys.print(1, JSON.stringify({ numbers, errors }))`,
  )
  const said = JSON.parse(await must([...PROCESSORS[processor].host, '--bundle', path])) as Said
  for (const name of OWN) delete said.numbers[name]
  return said
}

/** A program of that processor's compiler prints the same names. */
async function saidByHeaders(processor: Processor, names: readonly string[]): Promise<Record<string, number>> {
  const { compiler, runner } = PROCESSORS[processor]
  const source = join(DIRECTORY, `${processor}.c`)
  const program = join(DIRECTORY, processor)
  const lines = names.map(name => `  printf("${name} %d\\n", (int)${name});`)
  const includes = ['stdio.h', ...HEADERS].map(header => `#include <${header}>`)
  writeFileSync(source, [...includes, 'int main(void) {', ...lines, '  return 0;', '}', ''].join('\n'))
  await must([compiler, '-D_GNU_SOURCE', '-static', '-o', program, source])
  const printed = (await must([...runner, program])).trim().split('\n')
  return Object.fromEntries(printed.map(line => [line.split(' ')[0], Number(line.split(' ')[1])]))
}

describe.each(Object.keys(PROCESSORS) as Processor[])('%s', processor => {
  test('every constant and every errno is that of the C headers', async () => {
    const { numbers, errors } = await saidBySys(processor)
    expect(Object.keys(numbers).length).toBeGreaterThan(30)
    expect(Object.keys(errors).length).toBeGreaterThan(70)
    const all = { ...errors, ...numbers }
    expect(all).toEqual(await saidByHeaders(processor, Object.keys(all)))
  })
})

test.each(Object.keys(PROCESSORS) as Processor[])('%s: the bundle inside runs', async processor => {
  const { status, stderr } = await run([...PROCESSORS[processor].host, 'daemon', '--run'])
  expect([status, stderr]).toEqual([2, expect.stringContaining('--run')])
})

test('mipsel differs from a PC where MIPS is known to differ', async () => {
  const [pc, mips] = await Promise.all([saidBySys('host'), saidBySys('mipsel')])
  expect([pc.numbers['SOL_SOCKET'], mips.numbers['SOL_SOCKET']]).toEqual([1, 65535])
  expect([pc.numbers['EINPROGRESS'], mips.numbers['EINPROGRESS']]).toEqual([115, 150])
  expect([pc.errors['EADDRINUSE'], mips.errors['EADDRINUSE']]).toEqual([98, 125])
  expect([pc.numbers['SIGCHLD'], mips.numbers['SIGCHLD']]).toEqual([17, 18])
  expect([pc.numbers['SO_RCVBUF'], mips.numbers['SO_RCVBUF']]).toEqual([8, 4098])
})
