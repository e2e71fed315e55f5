/** What kernels do differently is found out at run time: a renewal extends a lease on each of them. */
import { expect, test } from 'vitest'
import { expectReach, figure, map, router, serving } from './support.ts'

const it = router('ready')

/** Seconds the kernel will still keep the mapping of the port. */
async function left(port: number): Promise<number> {
  const text = await it.vm.must('nft list map inet portico dnat4')
  const [, h = 0, m = 0, s = 0] =
    new RegExp(`${port}[^,]*expires (?:(\\d+)h)?(?:(\\d+)m)?(?:(\\d+)s)?`).exec(text) ?? []
  return Number(h) * 3600 + Number(m) * 60 + Number(s)
}

test('a renewal extends the lease in the kernel, and a shorter one shortens it', async () => {
  const { a, world } = it.lab
  await map(a, 'udp', 6800, 600)
  expect(await left(6800)).toBeGreaterThan(550)
  expect(await left(6800)).toBeLessThanOrEqual(600)
  await map(a, 'udp', 6800, 7200)
  expect(await left(6800)).toBeGreaterThan(7100)
  await map(a, 'udp', 6800, 300)
  expect(await left(6800)).toBeLessThanOrEqual(300)
  await serving(a, 'udp', 6800, () => expectReach(world, 'udp', 6800, a))
})

/** What the kernel itself does when an element is added again: the trap that the probe is for. */
test('whether adding again updates a timeout is a matter of the kernel', async () => {
  const said = await it.vm.must(`nft add table inet try
nft 'add set inet try s { type inet_service; flags timeout; }'
nft 'add element inet try s { 80 timeout 1m }'
nft 'add element inet try s { 80 timeout 1h }'
nft list set inet try s
nft delete table inet try
uname -r`)
  const updates = /expires (1h|59m)/.test(said)
  figure('adding an element again updates its timeout', updates ? 'yes' : 'no')
  figure(
    'table has an owner',
    (await it.vm.must('nft list tables; nft list table inet portico')).includes('owner') ? 'yes' : 'no',
  )
  const [major = 0, minor = 0] = (/^(\d+)\.(\d+)/m.exec(said) ?? []).slice(1).map(Number)
  expect(updates).toBe(major > 6 || (major === 6 && minor >= 12))
})
