/**
 * Hours in seconds: the router runs in virtual time, its clock jumps over what is idle. Clients ask from outside, so
 * their answers come while its clock stands nearly still; between the questions it runs ahead.
 */
import { expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { INSTALL, SERVES, SWITCH_ON } from '../ready.ts'
import { figure, given, machine, router } from './support.ts'

const it = router('off', { virtualTime: true, directory: `${given.directory}-virtual` })

/**
 * Seconds. Debian's kernels for malta and s390x tick 250 times a second though nothing is to be done, so that their clock
 * runs ahead more slowly: a shorter lease shows the same there.
 */
const LEASE = machine === 'mipsel' || machine === 's390x' ? 600 : 3600

/** Seconds since the router was switched on, by its own clock. */
const uptime = async () => Number((await it.vm.must("cut -d' ' -f1 /proc/uptime")).trim())

const listed = async (port: number) => (await it.vm.must('nft list ruleset')).includes(`${port}`)

/** A map request, RFC 6886 §3.3; the granted lifetime. */
async function ask(port: number, lifetime: number): Promise<number> {
  const bytes = Buffer.alloc(12)
  bytes[1] = 1
  bytes.writeUInt16BE(port, 4)
  bytes.writeUInt16BE(port, 6)
  bytes.writeUInt32BE(lifetime, 8)
  const heard = await until(
    'an answer',
    async () => {
      const reply = await it.lab.a.udpAsk(['192.168.88.1', 5351], bytes, 1000)
      return reply.got === 'reply' ? reply : undefined
    },
    120_000,
  )
  return Buffer.from(heard.hex, 'hex').readUInt32BE(12)
}

test('a lease ends on time, hours later, and what is renewed goes on', async () => {
  await it.vm.boot(true)
  await it.vm.must(INSTALL, 120_000)
  await it.vm.must(SWITCH_ON, 120_000)
  await it.vm.must(SERVES, 120_000)
  const began = Date.now()
  const start = await uptime()
  expect(await ask(6600, LEASE)).toBe(LEASE)
  expect(await ask(6601, LEASE)).toBe(LEASE)
  // Renewed before half of the lease has passed, as clients do, until the other is long gone.
  let now = start
  while (now < start + 2 * LEASE) {
    await it.vm.sh(`sleep ${0.4 * LEASE}`, 120_000)
    expect(await ask(6601, LEASE)).toBe(LEASE)
    now = await uptime()
    if (now < start + LEASE - 100) expect(await listed(6600)).toBe(true)
    if (now > start + LEASE + 100) expect(await listed(6600)).toBe(false)
    expect(await listed(6601)).toBe(true)
  }
  figure('virtual seconds passed in one second', Math.round((now - start) / ((Date.now() - began) / 1000)))
})

test('a lease ends on time though the daemon is dead', async () => {
  await ask(6602, LEASE)
  // To stop is to ask, as with procd: it may run a moment longer.
  const gone = 'for n in 1 2 3 4 5 6; do pidof portico || exit 0; sleep 1; done; exit 1'
  await it.vm.must(`/etc/init.d/portico stop; ${gone}`, 120_000)
  const start = await uptime()
  expect(await listed(6602)).toBe(true)
  await it.vm.must(`sleep ${LEASE + 100}`, 170_000)
  expect((await uptime()) - start).toBeGreaterThan(LEASE + 90)
  expect(await listed(6602)).toBe(false)
})
