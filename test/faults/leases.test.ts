/**
 * Leases over a reboot. A reboot is: the kernel's table is gone, the boot clock has begun anew (a time namespace), the
 * boot id is another one (a file mounted over it), and what lay in the run directory is gone.
 */
import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { A6, addIpv6, expectNoReach6, expectReach6, LAN6, WAN6, WORLD6 } from '../support/ipv6.ts'
import { differences, kernelView, tableView } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { until } from '../support/process.ts'
import { defaultUci, type PorticoUci, type Server, startDaemon } from '../support/server.ts'
import { addMapping, addPinhole, httpRaw, pinholeSoap, soap, statusOf, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './agreement.ts'

/** Seconds since this machine was booted. */
const uptime = () => Math.floor(Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]))

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let file: string
  let boots = 0
  beforeEach(async () => {
    lab = await makeLab()
    file = join(lab.directory, 'flash', 'leases')
    boots = 0
  })
  afterEach(() => lab?.close())

  const uci = (options: Readonly<Record<string, string>> = { lease_file: file }, more = '', rest: PorticoUci = {}) =>
    defaultUci({
      ...rest,
      more: `config portico 'system'\n${Object.entries(options)
        .map(([name, value]) => `\toption ${name} '${value}'\n`)
        .join('')}\n${more}`,
    })

  /** The next boot, ten seconds after the kernel came up. */
  const boot = async (configured = uci(), age = 10): Promise<Server> => {
    await lab.router.run(['nft', 'delete', 'table', 'inet', 'portico'])
    rmSync(join(lab.directory, 'run'), { recursive: true, force: true })
    writeFileSync(join(lab.directory, `boot-${++boots}`), `0000000${boots}-0000-4000-8000-000000000000\n`)
    return again(configured, age)
  }
  /** The next start in the same boot. */
  const again = (configured = uci(), age = 60): Promise<Server> => {
    const bind = `mount --bind ${join(lab.directory, `boot-${boots}`)} /proc/sys/kernel/random/boot_id && exec "$@"`
    const clock = ['unshare', '--mount', '--time', '--boottime', String(age - uptime())]
    return startDaemon(lab, { engine, uci: configured, wrapper: [...clock, 'sh', '-c', bind, 'sh'] })
  }
  const ports = async (server: Server) => (await tableView(server)).map(({ external }) => external.split(':')[1])
  const map = (internal: number, lifetime = 3600) =>
    askMap(lab.a, { transport: 'tcp', internal, external: internal, lifetime })
  const pinhole = (text: string) => httpRaw(lab.a, LAN6, text)
  const back = (server: Server, count: number) => server.process.waitFor(`${count} mappings of the lease file are back`)

  test('what clients held is back, in table and kernel, with the same ports and what was left of the lease', async () => {
    const before = await boot()
    await map(5000)
    await askMap(lab.b, { transport: 'udp', internal: 5001, external: 6001, lifetime: 600 })
    await map(5002, 5)
    expect(await before.stop()).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const after = await boot()
    await back(after, 2)
    const table = await tableView(after)
    expect(differences(table, await kernelView(lab))).toEqual([])
    expect(table.map(({ transport, external, internal }) => `${transport} ${external} ${internal}`)).toEqual([
      `tcp ${WAN}:5000 192.168.88.10:5000`,
      `udp ${WAN}:6001 192.168.88.11:5001`,
    ])
    const [long, short] = table.map(({ expires }) => expires ?? 0) as [number, number]
    expect(long).toBeLessThanOrEqual(3590)
    expect(long).toBeGreaterThan(3500)
    expect(short).toBeLessThanOrEqual(590)
    expect((await askMap(lab.b, { transport: 'udp', internal: 5001, lifetime: 0 })).result).toBe(0)
    expect(await ports(after)).toEqual(['5000'])
  })

  test('an IPv6 pinhole too, under the number that its client knows, and the world gets through', async () => {
    await addIpv6(lab)
    const configured = upnpUci({ more: `config portico 'system'\n\toption lease_file '${file}'\n` })
    const before = await boot(configured)
    await lab.a.udpEcho(4000, A6)
    const upnpc = (...words: string[]) => lab.a.must(['upnpc', '-6', ...words])
    const add = async (port: string) =>
      /Pinhole ID = (\d+)/.exec(await upnpc('-A', '', '0', A6, port, '17', '3600'))?.[1] as string
    await add('4001')
    const id = await add('4000')
    await expectReach6(lab, 'udp', A6, 4000)
    expect(await before.stop()).toBe(0)
    const after = await boot(configured)
    await back(after, 2)
    await expectReach6(lab, 'udp', A6, 4000)
    expect(await upnpc('-U', id, '900')).toContain('with Lease Time: 900')
    expect(Number(await add('4002'))).not.toBe(Number(id))
    await upnpc('-D', id)
    await expectNoReach6(lab, 'udp', A6, 4000)
  })

  test('of UPnP too: for one remote host, disabled, with its name', async () => {
    const configured = upnpUci({ more: `config portico 'system'\n\toption lease_file '${file}'\n` })
    const add = (port: number) => addMapping(lab.a.ip, port, 80 + 8000)
    const before = await boot(configured)
    const said = [
      await httpRaw(lab.a, LAN, add(7000)),
      await httpRaw(lab.a, LAN, add(7001).replace('<NewEnabled>1', '<NewEnabled>0')),
      await httpRaw(
        lab.a,
        LAN,
        soap('AddPortMapping', {
          NewRemoteHost: '203.0.113.5',
          NewExternalPort: 7002,
          NewProtocol: 'UDP',
          NewInternalPort: 8080,
          NewInternalClient: lab.a.ip,
          NewEnabled: 1,
          NewPortMappingDescription: 'a &lt;b&gt; "c"',
          NewLeaseDuration: 0,
        }),
      ),
    ]
    expect(said.map(statusOf)).toEqual([200, 200, 200])
    await before.stop()
    const after = await boot(configured)
    await back(after, 3)
    const rows = (await after.json('/ip upnp mappings print')) as readonly Readonly<Record<string, unknown>>[]
    expect(rows).toMatchObject([
      { 'dst-port': 7000, service: 'upnp', disabled: false, comment: 'test', client: lab.a.ip },
      { 'dst-port': 7001, service: 'upnp', disabled: true },
      { 'dst-port': 7002, 'src-address': '203.0.113.5', comment: 'a <b> "c"', 'internal-port': 8080 },
    ])
    const key = { NewRemoteHost: '', NewExternalPort: 7000, NewProtocol: 'TCP' }
    expect(statusOf(await httpRaw(lab.a, LAN, soap('DeletePortMapping', key)))).toBe(200)
    expect(await ports(after)).toEqual(['7001', '7002'])
  })

  test('three hundred of one host, more than the engine takes from it at one time', async () => {
    const configured = uci({ lease_file: file }, '', { limits: { per_host: 400, requests_per_second: 100000 } })
    const before = await boot(configured)
    await Promise.all(Array.from({ length: 300 }, (_, n) => map(10_000 + n)))
    await before.stop()
    const after = await boot(configured)
    await back(after, 300)
    const table = await tableView(after)
    expect(table).toHaveLength(300)
    expect(differences(table, await kernelView(lab))).toEqual([])
  })

  test('a rule, a static mapping and a port that is taken decide anew, and the log says so', async () => {
    const before = await boot()
    for (const port of [5000, 5001, 5002]) await map(port)
    await before.stop()
    const rules = `config permission
	option action 'deny'
	option dst_port '5000'

config mapping
	option protocol 'tcp'
	option external_port '5001'
	option internal_address '192.168.88.11'
`
    const after = await boot(uci({ lease_file: file }, rules))
    await back(after, 1)
    expect((await ports(after)).sort()).toEqual(['5001', '5002'])
    expect(after.output).toMatch(/tcp 5000 of nat-pmp 192\.168\.88\.10 does not come back: not-allowed/)
    expect((await tableView(after)).find(({ external }) => external.endsWith(':5001'))?.internal).toBe(
      '192.168.88.11:5001',
    )
  })

  test('after a kill the file is what it was, and the daemon starts with it', async () => {
    await (await boot()).stop()
    const first = await boot()
    await map(5000)
    await first.stop()
    const second = await boot()
    await back(second, 1)
    await map(5001)
    await second.kill()
    const third = await boot()
    await back(third, 1)
    expect(await ports(third)).toEqual(['5000'])
  })

  test('a restart without a reboot takes nothing from the file: the kernel knows better', async () => {
    const before = await startDaemon(lab, { engine, uci: uci() })
    await map(5000)
    await before.stop()
    const after = await startDaemon(lab, { engine, uci: uci() })
    expect(await ports(after)).toEqual(['5000'])
    await map(5000, 0)
    expect(await ports(after)).toEqual([])
    expect(after.output).not.toContain('leases')
  })

  test('what was closed stays closed, also where the daemon is killed before it has written that down', async () => {
    for (const configured of [uci(), uci({})]) {
      await (await startDaemon(lab, { engine, uci: configured })).stop()
      const before = await startDaemon(lab, { engine, uci: configured })
      await map(5000)
      await map(5001)
      await before.stop()
      const killed = await startDaemon(lab, { engine, uci: configured })
      await map(5000, 0)
      await killed.kill()
      const after = await startDaemon(lab, { engine, uci: configured })
      expect(await ports(after)).toEqual(['5001'])
      expect(differences(await tableView(after), await kernelView(lab))).toEqual([])
      await after.stop()
    }
  })

  test.each([
    ['an element of somebody else', 'add element inet portico taken { udp . 9 }'],
    ['a rule of somebody else', 'add rule inet portico input drop'],
    ['no mappings any more, and what else they have', 'flush map inet portico dnat4'],
    ['no way out any more', 'flush map inet portico snat4'],
  ])('what was closed stays closed when the table of a killed daemon has %s', async (_what, command) => {
    await (await startDaemon(lab, { engine, uci: uci() })).stop()
    const before = await startDaemon(lab, { engine, uci: uci() })
    await map(5000)
    await map(5001)
    await before.stop()
    const killed = await startDaemon(lab, { engine, uci: uci() })
    await map(5000, 0)
    await killed.kill()
    await lab.router.must(['nft', command])
    const after = await startDaemon(lab, { engine, uci: uci() })
    expect(await ports(after)).toEqual(['5001'])
    expect(differences(await tableView(after), await kernelView(lab))).toEqual([])
  })

  test('nor does what a client closed after a reboot come back with the next start', async () => {
    const before = await boot()
    await map(5000)
    await before.stop()
    const first = await boot()
    await back(first, 1)
    await map(5000, 0)
    await first.kill()
    expect(await ports(await again())).toEqual([])
  })

  test('an uplink that comes later: they come back with it, and a stop before it forgets none', async () => {
    const before = await boot()
    await map(5000)
    await before.stop()
    await lab.router.must(['ip', '-batch', '-'], { input: 'link set wan0 down\naddress flush dev wan0\n' })
    const without = await boot()
    expect(await ports(without)).toEqual([])
    await without.stop()
    const after = await boot()
    await lab.router.must(['ip', '-batch', '-'], {
      input: `address add ${WAN}/24 dev wan0\nlink set wan0 up\nroute add default via 11.22.33.1\n`,
    })
    await back(after, 1)
    expect(await ports(after)).toEqual(['5000'])
  })

  test('what its client closes while there is no uplink does not come back with it, nor after a kill', async () => {
    await addIpv6(lab)
    const configured = upnpUci({ more: `config portico 'system'\n\toption lease_file '${file}'\n` })
    const call = async (...words: Parameters<typeof soap>) => statusOf(await httpRaw(lab.a, LAN, soap(...words)))
    const key = (port: number) => ({ NewRemoteHost: '', NewExternalPort: port, NewProtocol: 'TCP' })
    const range = (first: number, last: number) => ({
      NewStartPort: first,
      NewEndPort: last,
      NewProtocol: 'TCP',
      NewManage: 0,
    })
    const before = await boot(configured)
    for (const port of [5100, 5101, 5102]) await map(port)
    await askMap(lab.b, { transport: 'tcp', internal: 5103, external: 5103, lifetime: 3600 })
    for (const port of [7000, 7001, 7002]) {
      expect(statusOf(await httpRaw(lab.a, LAN, addMapping(lab.a.ip, port, port)))).toBe(200)
    }
    const hole = await pinhole(addPinhole(A6, 4000))
    const UniqueID = /<UniqueID>(\d+)</.exec(hole)?.[1] as string
    expect(await before.stop()).toBe(0)
    await lab.router.must(['ip', '-batch', '-'], {
      input: 'link set wan0 down\naddress flush dev wan0\n',
    })
    const without = await boot(configured)
    expect(await ports(without)).toEqual([])
    expect((await askMap(lab.a, { transport: 'tcp', internal: 5100, lifetime: 0 })).result).toBe(0)
    expect((await askMap(lab.b, { transport: 'tcp', internal: 5101, lifetime: 0 })).result).toBe(0)
    expect(await call('DeletePortMapping', key(5102))).toBe(200)
    expect(await call('DeletePortMapping', key(5102))).toBe(500)
    expect(await call('DeletePortMapping', key(5103))).toBe(500)
    expect(await call('DeletePortMappingRange', range(7000, 7001))).toBe(200)
    expect(await call('DeletePortMappingRange', range(7000, 7001))).toBe(500)
    expect(statusOf(await pinhole(pinholeSoap('DeletePinhole', { UniqueID })))).toBe(200)
    expect(statusOf(await pinhole(pinholeSoap('DeletePinhole', { UniqueID })))).toBe(500)
    expect(without.output).toContain('tcp 5100 of nat-pmp 192.168.88.10 was removed by its client before it was back')
    const isWritten = () => !/"port":(5100|5102|7000|7001|4000)\b/.test(readFileSync(file, 'utf8')) || undefined
    await until('the file says so', async () => isWritten())
    await without.kill()
    const after = await again(configured)
    await lab.router.must(['ip', '-batch', '-'], {
      input: `address add ${WAN}/24 dev wan0\naddress add ${WAN6}/64 dev wan0 nodad\nlink set wan0 up
route add default via 11.22.33.1\nroute add default via ${WORLD6}\n`,
    })
    await back(after, 3)
    expect((await ports(after)).sort()).toEqual(['5101', '5103', '7002'])
    expect(differences(await tableView(after), await kernelView(lab))).toEqual([])
  })

  test('one whose address has passed to another device before the uplink comes leads nowhere', async () => {
    const before = await boot()
    await map(5000)
    await before.stop()
    await lab.router.must(['ip', '-batch', '-'], { input: 'link set wan0 down\naddress flush dev wan0\n' })
    const after = await boot()
    await lab.a.must(['ip', 'link', 'set', 'eth0', 'address', '02:00:00:00:0a:0f'])
    await until('the router knows the new device', async () => {
      await lab.a.must(['ip', 'neigh', 'flush', 'dev', 'eth0'])
      await lab.a.udpAsk([LAN, 9], 'hello', 100)
      return (await lab.router.must(['ip', 'neigh'])).includes('02:00:00:00:0a:0f') || undefined
    })
    await lab.router.must(['ip', '-batch', '-'], {
      input: `address add ${WAN}/24 dev wan0\nlink set wan0 up\nroute add default via 11.22.33.1\n`,
    })
    await after.process.waitFor(/suspended tcp .*:5000 .*02:00:00:00:0a:0f has its address/)
    expect((await kernelView(lab)).reverse).toEqual([])
  })

  test('one that its client closes with all of its transport, at the moment when the uplink comes', async () => {
    const before = await boot()
    for (const port of [5000, 5001]) await map(port)
    await askMap(lab.a, { transport: 'udp', internal: 5002, external: 5002, lifetime: 3600 })
    await before.stop()
    await lab.router.must(['ip', '-batch', '-'], { input: 'link set wan0 down\naddress flush dev wan0\n' })
    const after = await boot()
    const [, closed] = await Promise.all([
      lab.router.must(['ip', '-batch', '-'], {
        input: `address add ${WAN}/24 dev wan0\nlink set wan0 up\nroute add default via 11.22.33.1\n`,
      }),
      askMap(lab.a, { transport: 'tcp', internal: 0, external: 0, lifetime: 0 }),
    ])
    expect(closed.result).toBe(0)
    await after.process.waitFor(/\d mappings of the lease file are back/)
    expect(await ports(after)).toEqual(['5002'])
  })

  test('a damaged record is left out and named, the others are back', async () => {
    const before = await boot()
    for (const port of [5000, 5001, 5002]) await map(port)
    await before.stop()
    const lines = readFileSync(file, 'utf8').split('\n')
    const hit = lines.findIndex(line => line.includes('5001'))
    lines[hit] = (lines[hit] as string).replace('5001', '5009')
    writeFileSync(file, lines.join('\n'))
    const after = await boot()
    await back(after, 2)
    expect((await ports(after)).sort()).toEqual(['5000', '5002'])
    expect(after.output).toContain(`1 damaged lines are left out (${hit + 1})`)
    expect((await after.console('/log print')).stdout).toContain('damaged lines')
  })

  test.each<[what: string, content: string | Uint8Array]>([
    ['noise', Uint8Array.from({ length: 50_000 }, (_, n) => (n * 7919) & 255)],
    ['one endless line', 'x'.repeat(1 << 20)],
    ['an empty file', ''],
    ['another program’s', 'TCP:5000:192.168.88.10:5000:0:game\n'],
  ])('%s in its place is no hindrance, and is replaced at the end', async (_what, content) => {
    mkdirSync(dirname(file))
    writeFileSync(file, content)
    const server = await boot()
    expect(await ports(server)).toEqual([])
    await map(5000)
    await server.stop()
    const after = await boot()
    await back(after, 1)
  })

  test('a place that cannot be written: said once, shown by status, and the end is clean', async () => {
    const server = await boot(uci({ lease_file: join(lab.directory, 'uci', 'portico', 'leases') }))
    await map(5000)
    expect(await server.stop()).toBe(0)
    expect(server.output.match(/cannot be written/g)).toHaveLength(1)
  })

  test('unless it is named, it lies in RAM and serves a restart that lost the table; none is none', async () => {
    const inRam = join(lab.directory, 'run', 'leases')
    const before = await startDaemon(lab, { engine, uci: uci({}) })
    await map(5000)
    await before.stop()
    expect(existsSync(inRam)).toBe(true)
    await lab.router.must(['nft', 'delete', 'table', 'inet', 'portico'])
    const after = await startDaemon(lab, { engine, uci: uci({ lease_file: 'none' }) })
    expect(await ports(after)).toEqual([])
    await map(5001)
    await after.stop()
    await lab.router.must(['nft', 'delete', 'table', 'inet', 'portico'])
    const third = await startDaemon(lab, { engine, uci: uci({}) })
    await until('the first is back', async () => ((await ports(third)).length > 0 ? true : undefined))
    expect(await ports(third)).toEqual(['5000'])
    expect((await third.console('status')).stdout).toContain(inRam)
  })
})
