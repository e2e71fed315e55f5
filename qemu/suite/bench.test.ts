/**
 * Portico beside the miniupnpd of the same Debian release, in the same router, in one run. Both have their quotas
 * lifted and keep their mappings out of each other's way; one runs at a time.
 */
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { until } from '../../test/support/process.ts'
import { root } from '../../test/support/root.ts'
import { askMany } from './many.ts'
import { figure, LAN, router, serving, WAN } from './support.ts'

const it = router('ready')

interface Server {
  readonly name: string
  readonly program: string
  readonly prepare: string
  readonly start: string
  readonly stop: string
}

/** As OpenWrt's package of it did: chains of its own within fw4's table. */
const SETTINGS = `ext_ifname=eth1
listening_ip=br-lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
min_lifetime=1
max_lifetime=86400
uuid=00000000-0000-4000-8000-000000000001
upnp_table_name=fw4
upnp_nat_table_name=fw4
upnp_forward_chain=upnp_forward
upnp_nat_chain=upnp_prerouting
upnp_nat_postrouting_chain=upnp_postrouting
allow 1024-65535 192.168.88.0/24 1024-65535
deny 0-65535 0.0.0.0/0 0-65535`

const SERVERS: readonly Server[] = [
  {
    name: 'miniupnpd',
    program: 'miniupnpd',
    prepare: `/etc/init.d/portico stop
# Its rule leaves the firewall by a reload, which would empty the chains below.
sleep 3
nft delete table inet portico 2>/dev/null
cat >/tmp/miniupnpd.conf <<'END'
${SETTINGS}
END
nft -f - <<'END'
table inet fw4 {
	chain upnp_forward { }
	chain upnp_prerouting { }
	chain upnp_postrouting { }
}
insert rule inet fw4 forward_wan jump upnp_forward
add rule inet fw4 dstnat jump upnp_prerouting
insert rule inet fw4 srcnat jump upnp_postrouting
END`,
    start: 'miniupnpd -f /tmp/miniupnpd.conf -P /tmp/miniupnpd.pid >/dev/null 2>&1 </dev/null',
    stop: 'kill $(pidof miniupnpd); fw4 restart',
  },
  {
    name: 'Portico',
    program: 'portico',
    prepare: `uci -q batch <<'END'
set portico.limits=portico
set portico.limits.per_host=30000
set portico.limits.total=30000
set portico.limits.requests_per_second=0
set portico.upnp.enabled=0
commit portico
END
/etc/init.d/portico start
until nft list table inet portico >/dev/null 2>&1 && pidof portico >/dev/null; do sleep 1; done
kill -9 $(cat /tmp/procd/portico/instance-instance1/supervisor) $(pidof portico)
nft delete table inet portico`,
    start: '(/usr/bin/portico daemon >/dev/null 2>&1 </dev/null &)',
    stop: 'kill $(pidof portico)',
  },
]

describe.each(SERVERS)('$name', ({ name, program, prepare, start, stop }) => {
  const note = (what: string, value: number | string, unit = '') => figure(`bench, ${name}: ${what}`, value, unit)
  const resident = async () => Number(await it.vm.must(`awk '/VmRSS/ { print $2 }' /proc/$(pidof ${program})/status`))
  const flows = async (port: number) =>
    JSON.parse(
      await it.lab.world.must(['python3', join(root, 'qemu/flows.py'), WAN, String(port), '200'], { timeout: 60_000 }),
    )

  test('start, requests, memory, first packets', async () => {
    const { a } = it.lab
    await it.vm.must(prepare, 120_000)
    const began = Date.now()
    await it.vm.must(start)
    await until('an answer', () => answers(), 60_000, 2)
    note('start to the first answer', Date.now() - began, 'ms')
    // It answers before it has settled.
    await it.vm.must('sleep 1')
    note('resident, idle', await resident(), 'kB')
    // By time, not by number: miniupnpd may need minutes for what Portico does in a second.
    const single = await askMany(a, 100, 30_000, 1, 10)
    note('requests per second, one at a time, from none on', single.rate)
    note('granted then, of 100 in 10 s', single.granted)
    await serving(a, 'udp', 30_000, async () => {
      const { first, second, lost } = await flows(30_000)
      expect(lost).toBe(0)
      note('first packet of a flow, 100 mappings', first, 'ms')
      note('second packet of a flow, 100 mappings', second, 'ms')
    })
    const filled = await askMany(a, 400, 30_100, 8, 20)
    note('requests per second, 8 at a time', filled.rate)
    const known = single.granted + filled.granted
    note('mappings then, of 500 in 20 s more', known)
    note('requests per second, one at a time, with those', (await askMany(a, 50, 31_000, 1, 8)).rate)
    note('resident with those', await resident(), 'kB')
    await serving(a, 'udp', 30_000, async () => {
      note('first packet of a flow, with those', (await flows(30_000)).first, 'ms')
    })
    expect(known).toBeGreaterThan(0)
    await it.vm.must(stop, 60_000)
  }, 300_000)
})

/** An external address request, RFC 6886 §3.2, is answered. */
const answers = async () =>
  (await it.lab.a.udpAsk([LAN, 5351], Uint8Array.of(0, 0), 50)).got === 'reply' ? true : undefined
