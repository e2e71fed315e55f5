/** The addon of Node by itself: it touches netlink sockets alone, and refuses what makes no sense. */
import { openSync } from 'node:fs'
import { createServer } from 'node:net'
import { resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'

type Call = (...given: readonly unknown[]) => number

let addon: Readonly<Record<string, Call>>
beforeAll(() => {
  const module = { exports: {} }
  process.dlopen(module, resolve('build/node/portico.node'))
  addon = module.exports
})

const call = (name: string, ...given: readonly unknown[]) => addon[name]?.(...given)
const PROGRAM = Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 0)
const ERRNO = { EBADF: -9, EINVAL: -22, ENOTSOCK: -88, EAFNOSUPPORT: -97 } as const

test('has three functions and nothing else', () => {
  expect(Object.keys(addon).sort()).toEqual(['extendedAck', 'filter', 'forceBuffers'])
})

describe('arguments that nobody means', () => {
  test.each([
    ['extendedAck', []],
    ['extendedAck', [1, 2]],
    ['extendedAck', ['1']],
    ['extendedAck', [undefined]],
    ['extendedAck', [-1]],
    ['extendedAck', [1.5]],
    ['extendedAck', [Number.NaN]],
    ['extendedAck', [2 ** 31]],
    ['extendedAck', [2 ** 32 + 1]],
    ['forceBuffers', [1, 4096]],
    ['forceBuffers', [1, 0, 4096]],
    ['forceBuffers', [1, 4096, Number.POSITIVE_INFINITY]],
    ['forceBuffers', [1, 4096, '10']],
    ['filter', [1]],
    ['filter', [1, [6, 0, 0, 0, 0, 0, 0, 0]]],
    ['filter', [1, PROGRAM.buffer]],
    ['filter', [1, new Uint16Array(4)]],
    ['filter', [1, null]],
  ] as const)('%s %j', (name, given) => {
    expect(() => call(name, ...given)).toThrow(/expected/)
  })
})

describe('a program', () => {
  test.each([
    ['empty', new Uint8Array(0)],
    ['cut off', PROGRAM.subarray(0, 7)],
    ['longer than any of ours', new Uint8Array(65 * 8)],
  ])('that is %s', (_what, program) => {
    expect(call('filter', 1, program)).toBe(ERRNO.EINVAL)
  })

  test('in a buffer that is no more', () => {
    const gone = PROGRAM.slice()
    structuredClone(gone, { transfer: [gone.buffer] })
    expect(call('filter', 1, gone)).toBe(ERRNO.EINVAL)
  })
})

describe('a descriptor of something else', () => {
  const each = (fd: number) => [
    call('extendedAck', fd),
    call('forceBuffers', fd, 4096, 4096),
    call('filter', fd, PROGRAM),
  ]

  test('is left alone', async () => {
    expect(each(1_000_000)).toEqual(Array(3).fill(ERRNO.EBADF))
    expect(each(openSync('/dev/null', 'r'))).toEqual(Array(3).fill(ERRNO.ENOTSOCK))
    const server = createServer()
    await new Promise<void>(done => server.listen('\0portico-addon-test', done))
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle
    expect(each(fd)).toEqual(Array(3).fill(ERRNO.EAFNOSUPPORT))
    server.close()
  })
})
