import { expect, test } from 'vitest'
import { KernelError } from '../../../src/base/fail.ts'
import { OtherInstance } from '../../../src/daemon/daemon.ts'
import { explain } from '../../../src/daemon/run.ts'
import { SystemError } from '../../../src/platform/platform.ts'

test.each<[error: unknown, status: number, message: RegExp]>([
  [new OtherInstance('another daemon serves'), 69, /^another daemon serves$/],
  [new KernelError('probing', 'EPERM', 'no'), 77, /^cannot start: not permitted .*CAP_NET_ADMIN/],
  [new SystemError('listening on /run/x', 'EACCES'), 77, /^cannot start: not permitted/],
  [new KernelError('probing', 'EOPNOTSUPP', 'no'), 71, /kmod-nft-core/],
  [new SystemError('opening netlink', 'EPROTONOSUPPORT'), 71, /kmod-nft-core/],
  // What the system says is the owner's business, where in the program it was said is not.
  [new SystemError('listening on /run/x/portico.sock', 'ENOTDIR'), 1, /^cannot start: listening on [^ ]*: ENOTDIR$/],
  [new TypeError('undefined is not a function'), 1, /^cannot start: TypeError: undefined is not a function .*\|/],
])('%s ends the start with status %i', (error, status, message) => {
  const explained = explain(error)
  expect(explained.status).toBe(status)
  expect(explained.message).toMatch(message)
})

test('a fault is told once, with the place where it was found', () => {
  const { message } = explain(new TypeError('undefined is not a function'))
  expect(message.split('undefined is not a function')).toHaveLength(2)
})
