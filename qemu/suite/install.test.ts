/** The life of the package on a router: installed, switched on, upgraded, removed; and a router that is reset. */
import { expect, test } from 'vitest'
import { INSTALL, SERVES, SWITCH_ON } from '../ready.ts'
import { expectNoReach, expectReach, figure, map, natpmpc, router, serving } from './support.ts'

const it = router('fresh')

test('it installs, and as shipped nothing is on', async () => {
  const said = await it.vm.must(INSTALL, 60_000)
  expect(said).toContain('Configuring portico')
  expect(await it.vm.must('ls /etc/rc.d')).toContain('S94portico')
  expect((await it.vm.sh('pidof portico')).status).not.toBe(0)
  expect(await it.vm.must('nft list tables')).not.toContain('portico')
  expect((await natpmpc(it.lab.a)).stdout).not.toContain('Public IP address')
})

test('its owner switches it on: it serves, and the firewall lets its traffic through', async () => {
  await it.vm.must(SWITCH_ON, 60_000)
  await it.vm.must(SERVES, 60_000)
  expect(await it.vm.must('nft list chain inet fw4 forward')).toContain('ubus:portico')
  const { a, world } = it.lab
  await serving(a, 'udp', 6100, async () => {
    await map(a, 'udp', 6100)
    await expectReach(world, 'udp', 6100, a)
  })
})

test('it serves again after a reboot', async () => {
  figure('reboot to a shell', await it.vm.reboot(), 's')
  await it.vm.must(SERVES, 60_000)
  expect((await natpmpc(it.lab.a)).stdout).toContain('Public IP address')
})

test('removed, it leaves the configuration that its owner changed, and nothing else', async () => {
  await map(it.lab.a, 'udp', 6100)
  const said = await it.vm.must('opkg remove portico', 60_000)
  expect(said).toContain('Not deleting modified conffile /etc/config/portico')
  const after = await it.vm.must(
    'rm -f /etc/config/portico; sleep 2; find $(ls -d /overlay/upper || echo /etc /usr /lib) ! -type c | grep -i portico | grep -v "^/overlay/upper/share/"; nft list ruleset | grep -i portico; ls /tmp/procd /var/run /etc/rc.d | grep -i portico; pidof portico; true',
  )
  expect(after).toBe('')
  const { a, world } = it.lab
  await serving(a, 'udp', 6100, () => expectNoReach(world, 'udp', 6100))
})

test('an upgrade over an older package keeps the configuration and the mappings', async () => {
  await it.vm.reset()
  await it.vm.must(INSTALL.replace('portico.ipk', 'portico-old.ipk'), 60_000)
  await it.vm.must(`uci set portico.limits=portico\nuci set portico.limits.per_host=77\n${SWITCH_ON}`, 60_000)
  await it.vm.must(SERVES, 60_000)
  const { a, world } = it.lab
  await map(a, 'tcp', 6101)
  const configuration = await it.vm.must('cat /etc/config/portico')
  const said = await it.vm.must('opkg install /share/portico.ipk', 60_000)
  expect(said).toMatch(/Upgrading portico on root from 0\.0\.1-r1 to \d/)
  await it.vm.must(SERVES, 60_000)
  expect(await it.vm.must('cat /etc/config/portico')).toBe(configuration)
  expect(await it.vm.must('cat /etc/config/portico-opkg')).toContain("option enabled '0'")
  expect((await it.vm.sh('ls /usr/share/portico/left-behind')).status).not.toBe(0)
  await serving(a, 'tcp', 6101, () => expectReach(world, 'tcp', 6101, a))
})

test('a router that is reset knows nothing of it', async () => {
  await it.vm.reset()
  expect((await it.vm.sh('which portico; ls /etc/config/portico /etc/init.d/portico 2>/dev/null')).stdout).toBe('')
  expect(await it.vm.must('nft list tables')).not.toContain('portico')
})
