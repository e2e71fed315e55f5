import { readdirSync, readlinkSync } from 'node:fs'
import { expect, test } from 'vitest'

test('the tests on the kernel do not run in the namespace of the machine', () => {
  expect(readlinkSync('/proc/self/ns/net')).not.toBe(readlinkSync(`/proc/${process.ppid}/ns/net`))
  expect(readdirSync('/proc/sys/net/ipv4/conf').sort()).toEqual(['all', 'default', 'lo'])
})
