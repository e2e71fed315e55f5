/** The daemon on ubus, whatever ubusd does. On the other side is a double of ubusd (test/support/ubusd.ts). */
import { readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { A6, addIpv6, LAN6 } from '../support/ipv6.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap, type Request } from '../support/natpmp.ts'
import { sleep, until } from '../support/process.ts'
import { defaultUci, type Server, type StartOptions, startDaemon } from '../support/server.ts'
import { type Json, type Table, Ubusd } from '../support/ubusd.ts'
import { addMapping, httpRaw, request, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './agreement.ts'

const HOST = '192.168.88.10'

/** What netifd would say of a router whose `wan` has this device. */
const dump = (wan: string): Table => ({
  interface: [
    { interface: 'lan', up: true, l3_device: 'br-lan', 'ipv4-address': [{ address: LAN, mask: 24 }] },
    { interface: 'wan', up: true, l3_device: wan, 'ipv4-address': [{ address: WAN, mask: 24 }] },
  ],
})

/** A field without a name that is true. */
const FLAG = Buffer.from('870000090000000001000000', 'hex')

/** A table in a table in a table. */
function nested(depth: number): Uint8Array {
  let inner = Buffer.alloc(0)
  for (let i = 0; i < depth; i++) {
    const head = Buffer.alloc(8)
    head.writeUInt32BE((0x82000000 + 8 + inner.length) >>> 0)
    inner = Buffer.concat([head, inner])
  }
  return inner
}

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let bus: Ubusd
  beforeEach(async () => {
    lab = await makeLab()
    bus = new Ubusd(join(lab.directory, 'ubus.sock'))
    await bus.start()
  })
  afterEach(async () => {
    await bus?.stop()
    await lab?.close()
  })

  const start = (options: StartOptions = {}): Promise<Server> =>
    startDaemon(lab, { engine, environment: { PORTICO_UBUS: bus.path }, ...options })
  const published = () => until('the object is there', async () => bus.listed('portico'))
  const ask = (request: Request) => askMap(lab.a, request)
  const call = async (method: string, args: Table = {}) => {
    const { status, data } = await bus.call('portico', method, args)
    return status === 0 ? (data as Table) : status
  }
  const mappings = async () => ((await call('mappings')) as { mappings: Table[] }).mappings

  test('shows its object with typed methods, and answers', async () => {
    await start()
    expect(await published()).toMatchObject({
      status: {},
      remove: { id: 3 },
      mappings: { offset: 5, limit: 5 },
      command: { words: 1, json: 7 },
    })
    expect(await call('status')).toMatchObject({
      uplink: { state: 'up', address: WAN },
      ubus: { connected: true },
    })
    expect(await call('fly')).toBe(3)
    expect(await call('remove', { id: 5 })).toBe(2)
    expect(
      await call('why', {
        service: 'nat-pmp',
        protocol: 'tcp',
        dst_port: 80,
        internal_address: HOST,
        internal_port: 80,
      }),
    ).toEqual({
      allowed: false,
      because: 'default policy: internal port 80 is a web interface',
    })
    const { checks } = (await call('check')) as { checks: Table[] }
    expect(checks.map(({ name }) => name)).toContain('uplink')
    expect(checks.find(({ name }) => name === 'roles')).toMatchObject({ state: 'green' })
    const told = (await call('command', { words: ['/ip', 'nat-pmp', 'print'] })) as Table
    expect(told).toMatchObject({ exit: 0 })
    expect(told['text']).toContain('enabled: yes')
  })

  test('check sees the firewall of the system, its mark rule, and whether traffic is counted', async () => {
    await start()
    await published()
    const state = async (name: string) => {
      const { checks } = (await call('check')) as { checks: Table[] }
      return checks.find(check => check['name'] === name)?.['state']
    }
    expect(await state('firewall')).toBe('green')
    const table = 'table inet fw4 {\n chain forward {\n type filter hook forward priority 0; policy drop;\n'
    await lab.router.must(['nft', '-f', '-'], { input: `delete table inet fw4\n${table} }\n}\n` })
    expect(await state('firewall')).toBe('red')
    for (const rule of ['meta mark & 0x40000000 == 0x40000000', 'meta mark and 0x40000000 != 0']) {
      await lab.router.must(['nft', '-f', '-'], {
        input: `delete table inet fw4\n${table} ${rule} counter accept comment "!fw4: ubus:portico"\n }\n}\n`,
      })
      expect(await state('firewall')).toBe('green')
    }
    for (const rule of [
      'meta mark & 0x20000000 == 0x20000000 accept',
      'meta mark & 0x40000000 == 0x40000000 drop comment "not to accept"',
    ]) {
      await lab.router.must(['nft', '-f', '-'], { input: `delete table inet fw4\n${table} ${rule}\n }\n}\n` })
      expect(await state('firewall')).toBe('red')
    }
    await lab.router.must(['nft', 'delete', 'table', 'inet', 'fw4'])
    expect(await state('firewall')).toBe('green')
    const count = (on: number) => lab.router.must(['sysctl', '-w', `net.netfilter.nf_conntrack_acct=${on}`])
    await ask({ transport: 'tcp', internal: 5000 })
    await count(0)
    expect(await state('accounting')).toBe('amber')
    expect((await mappings())[0]?.['packets']).toBeUndefined()
    await count(1)
    expect(await state('accounting')).toBe('green')
    expect((await mappings())[0]).toMatchObject({ packets: 0, bytes: 0, bytes_out: 0 })
  })

  test('a mapping is listed, told as an event, found in the journal, and removed', async () => {
    await start()
    await published()
    const { external } = await ask({ transport: 'tcp', internal: 5000 })
    const [held] = await mappings()
    expect(held).toMatchObject({
      protocol: 'tcp',
      dst_address: WAN,
      dst_port: external,
      internal_address: HOST,
      internal_port: 5000,
      service: 'nat-pmp',
      client: HOST,
      state: 'on',
      dynamic: true,
      lifetime: 3600,
    })
    expect(await call('remove', { id: held?.['id'] as string })).toEqual({ ok: true })
    expect(await mappings()).toEqual([])
    await ask({ transport: 'tcp', internal: 22 })
    await until('events', async () => (bus.events.length >= 3 ? true : undefined))
    expect(bus.events.map(({ id, data }) => [id, data['what'], data['client']])).toEqual([
      ['portico', 'granted', HOST],
      ['portico', 'removed', HOST],
      ['portico', 'refused', HOST],
    ])
    const { entries } = (await call('journal', { what: 'refused' })) as { entries: Table[] }
    expect(entries).toMatchObject([{ why: 'not-allowed', internal_port: 22, client: HOST }])
  })

  test('a pinhole, and a mapping for one remote host: shown as what they are, not pinned, removed by id', async () => {
    await addIpv6(lab)
    await start({ uci: upnpUci() })
    await published()
    const arguments6 = `<RemoteHost></RemoteHost><RemotePort>0</RemotePort><InternalClient>${A6}</InternalClient><InternalPort>6881</InternalPort><Protocol>17</Protocol><LeaseTime>600</LeaseTime>`
    const service6 = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1'
    const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:AddPinhole xmlns:u="${service6}">${arguments6}</u:AddPinhole></s:Body></s:Envelope>`
    const fields = { 'Content-Type': 'text/xml', SOAPAction: `"${service6}#AddPinhole"` }
    const made = await httpRaw(lab.a, LAN6, request('POST', '/ctl/IP6FCtl', fields, body, `[${LAN6}]:5000`))
    const unique = Number(/<UniqueID>(\d+)</.exec(made)?.[1])
    const single = addMapping(lab.a.ip, 7000, 8080).replace('<NewRemoteHost>', '<NewRemoteHost>203.0.113.5')
    await httpRaw(
      lab.a,
      LAN,
      single.replace(/Content-Length: (\d+)/, (_, n) => `Content-Length: ${Number(n) + 11}`),
    )
    const held = await mappings()
    expect(held).toMatchObject([
      { dst_port: 7000, remote_address: '203.0.113.5', service: 'upnp', dynamic: true },
      {
        pinhole: unique,
        protocol: 'udp',
        dst_address: A6,
        internal_address: A6,
        internal_port: 6881,
        client: A6,
        lifetime: 600,
      },
    ])
    const [remote, hole] = held.map(({ id }) => id as string) as [string, string]
    expect(await call('pin', { id: hole })).toMatchObject({ ok: false, why: 'pinhole' })
    expect(await call('pin', { id: remote })).toMatchObject({ ok: false, why: 'remote' })
    expect(await call('remove', { id: hole })).toEqual({ ok: true })
    expect(await call('remove', { id: remote })).toEqual({ ok: true })
    expect(await mappings()).toEqual([])
  })

  test('a pinned mapping stands in the configuration, and no client can remove it', async () => {
    const server = await start()
    await published()
    const path = join(server.uciDirectory, 'portico')
    const before = readFileSync(path, 'utf8')
    const { external } = await ask({ transport: 'udp', internal: 5001 })
    const [held] = await mappings()
    expect(await call('pin', { id: held?.['id'] as string, comment: "it's mine" })).toEqual({
      ok: true,
      section: `pinned_udp_${external}`,
    })
    expect(readFileSync(path, 'utf8').startsWith(before)).toBe(true)
    const pinned = await until('it is static', async () =>
      (await mappings()).find(({ service }) => service === 'static'),
    )
    expect(pinned).toMatchObject({
      protocol: 'udp',
      dst_port: external,
      internal_port: 5001,
      comment: "it's mine",
      dynamic: false,
    })
    expect(await mappings()).toHaveLength(1)
    expect((await ask({ transport: 'udp', internal: 5001, lifetime: 0 })).result).toBe(2)
    expect(await call('pin', { id: pinned?.['id'] as string })).toMatchObject({ ok: false, why: 'static' })
    expect(await mappings()).toHaveLength(1)
  })

  test('ubusd restarts: the daemon comes back with object and subscription, and serves meanwhile', async () => {
    bus.publish('network.interface', () => dump('wan0'))
    const server = await start()
    await published()
    await bus.stop('killed')
    expect((await ask({ transport: 'tcp', internal: 5002 })).result).toBe(0)
    await until('it knows', async () => {
      const { ubus } = (await server.json('status')) as { ubus: Table }
      return ubus['connected'] === false ? true : undefined
    })
    await sleep(1500) // so that it has tried in vain
    await bus.start()
    await published()
    await until('subscribed', async () => (bus.subscribers('network.interface') === 1 ? true : undefined))
    expect(await mappings()).toHaveLength(1)
    expect(server.output.match(/trying again/g)).toHaveLength(1)
    expect(server.output).toContain('on the bus again')
    await bus.stop('ended')
    await bus.start()
    await published()
    await until('subscribed', async () => (bus.subscribers('network.interface') === 1 ? true : undefined))
  })

  test('netifd says by ubus which device a network has, and what changes is heard', async () => {
    let wan = 'wan1'
    bus.publish('network.interface', method => (method === 'dump' ? dump(wan) : 3))
    const server = await start()
    const uplink = async () => ((await server.json('status')) as { uplink: Table }).uplink
    expect(await uplink()).toMatchObject({ device: 'wan1' })
    await until('subscribed', async () => (bus.subscribers('network.interface') === 1 ? true : undefined))
    wan = 'wan0'
    bus.notify('network.interface', 'interface.update', { interface: 'wan' })
    await until('it has moved', async () => ((await uplink())['address'] === WAN ? true : undefined))
    bus.withdraw('network.interface')
    wan = 'wan1'
    bus.publish('network.interface', () => dump(wan))
    await until('a new netifd is asked', async () => ((await uplink())['device'] === 'wan1' ? true : undefined))
  })

  test.each<[what: string, bytes: readonly number[]]>([
    ['a message longer than ubus allows', [0, 2, 0, 1, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff]],
    ['a message shorter than its header', [0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]],
    ['an attribute that leads outside', [0, 5, 0, 1, 0, 0, 0, 0, 0, 0, 0, 12, 3, 0, 0, 0xff, 0, 0, 0, 0]],
    ['another version', [1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4]],
  ])('%s: the daemon hangs up, comes back, and serves on', async (_what, bytes) => {
    const server = await start()
    await published()
    bus.spit(Uint8Array.from(bytes))
    await until('it hangs up', async () => (bus.connections === 0 ? true : undefined))
    await until('it is back', async () => bus.listed('portico'))
    expect((await ask({ transport: 'tcp', internal: 5003 })).result).toBe(0)
    expect(server.output).not.toContain('fault of this program')
  })

  test('calls for no object of ours, answers that nobody waits for, unknown types: nothing happens', async () => {
    const server = await start()
    await published()
    bus.spit(Uint8Array.from([0, 5, 0x77, 1, 0, 0, 0, 9, 0, 0, 0, 12, 3, 0, 0, 8, 0, 0, 0, 5]))
    bus.spit(Uint8Array.from([0, 1, 0xab, 0xcd, 0, 0, 0, 9, 0, 0, 0, 12, 1, 0, 0, 8, 0, 0, 0, 5]))
    bus.spit(Uint8Array.from([0, 99, 0, 1, 0, 0, 0, 9, 0, 0, 0, 4]))
    bus.spit(Uint8Array.from([0, 0, 0, 1, 0, 0, 0, 9, 0, 0, 0, 4]))
    bus.tellSubscribed('portico', true)
    bus.tellSubscribed('portico', false)
    expect(await call('status')).toMatchObject({ ubus: { connected: true } })
    expect(bus.connections).toBe(1)
    expect(server.output).not.toContain('fault')
  })

  test('a name that another still has: said once, asked for again until it is free, then said again', async () => {
    bus.publish('portico', () => 4)
    const server = await start()
    const asked = () => bus.received.filter(({ type, attributes }) => type === 6 && attributes.has(2)).length
    await until('it asks again', async () => asked() > 2 || undefined)
    expect(server.output.match(/ubusd does not take the object portico/g)).toHaveLength(1)
    expect((await server.console('status')).stdout).toContain(
      'connected: ubusd does not take the object portico (status 2)',
    )
    bus.withdraw('portico')
    await published()
    await server.process.waitFor('ubusd gives us the object portico now')
    expect(await call('status')).toMatchObject({ ubus: { connected: true } })
    expect((await server.console('status')).stdout).toMatch(/ubus: connected$/m)
    expect(bus.connections).toBe(1)
    expect(server.output.match(/ubusd does not take/g)).toHaveLength(1)
  })

  test('without rights: what ubusd refuses is said once each; rights that come later are used', async () => {
    bus.publish('network.interface', () => dump('wan0'))
    Object.assign(bus.rights, { publish: false, listen: false, access: false })
    const server = await start()
    const said = [
      'does not let us call network.interface',
      'does not take the object portico (status 2)',
      'does not tell us of ubus.object.add (status 6)',
    ]
    await until('it says so', async () => said.every(each => server.output.includes(each)) || undefined)
    expect((await ask({ transport: 'tcp', internal: 5004 })).result).toBe(0)
    const { stdout } = await server.console('status')
    for (const each of said) {
      expect(stdout).toContain(each)
      expect(server.output.split(each)).toHaveLength(2)
    }
    Object.assign(bus.rights, { publish: true, listen: true, access: true })
    await published()
    await until('subscribed', async () => (bus.subscribers('network.interface') === 1 ? true : undefined))
    await server.process.waitFor('ubusd gives us ubus.object.add now')
    for (const each of said) expect(server.output.split(each)).toHaveLength(2)
    expect(await call('status')).toMatchObject({ ubus: { connected: true } })
  })

  test.each<[what: string, args: Uint8Array]>([
    ['deeper than we read', nested(100)],
    ['more than we read', Buffer.concat(Array.from({ length: 40_000 }, () => FLAG))],
    ['of a type that is none', Buffer.from('8900000c0000000000000001', 'hex')],
    ['cut off', Buffer.from('8500', 'hex')],
  ])('arguments that are %s: the caller hears it, and the daemon stays on the bus', async (_what, args) => {
    const server = await start()
    await published()
    expect(await bus.callWith('portico', 'mappings', args)).toEqual({ status: 2, data: undefined })
    expect(await call('mappings')).toMatchObject({ mappings: [] })
    expect(bus.connections).toBe(1)
    expect(server.output).not.toContain('ubus,')
  })

  test('a dump that cannot be read: the daemon stays on the bus', async () => {
    let deep: Json = 1
    for (let i = 0; i < 100; i++) deep = { deep }
    bus.publish('network.interface', () => ({ deep }))
    const server = await start()
    await published()
    expect(await call('status')).toMatchObject({ uplink: { state: 'up', address: WAN } })
    expect(server.output).not.toContain('trying again')
  })

  test('an ubusd that accepts and never speaks: the daemon starts without it, and is there when it recovers', async () => {
    await bus.stop()
    const mute = createServer(() => undefined)
    rmSync(bus.path, { force: true })
    await new Promise<void>(resolve => mute.listen(bus.path, () => resolve()))
    const server = await start()
    expect((await ask({ transport: 'tcp', internal: 5006 })).result).toBe(0)
    expect((await server.console('status')).stdout).toContain('nobody speaks ubus there')
    mute.close()
    rmSync(bus.path, { force: true })
    await bus.start()
    server.process.signal('SIGHUP')
    await published()
  })

  test('an ubusd that hangs up at once is not asked again without end', async () => {
    await bus.stop()
    let asked = 0
    const rude = createServer(socket => {
      asked++
      socket.on('error', () => undefined)
      socket.resume()
      socket.end(Buffer.of(0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 4))
    })
    rmSync(bus.path, { force: true })
    await new Promise<void>(resolve => rude.listen(bus.path, () => resolve()))
    const server = await start()
    await sleep(4000)
    expect(asked).toBeGreaterThan(1)
    expect(asked).toBeLessThan(8)
    expect((await ask({ transport: 'tcp', internal: 5007 })).result).toBe(0)
    expect(server.output).not.toContain('fault of this program')
    await new Promise<void>(resolve => rude.close(() => resolve()))
  })

  test('without ubusd it starts as fast, says so in its status, and not in the log', async () => {
    await bus.stop()
    const server = await start({ environment: { PORTICO_UBUS: join(lab.directory, 'nothing', 'ubus.sock') } })
    expect((await server.console('status')).stdout).toContain('there is no ubusd at')
    expect(server.output).not.toContain('ubus')
  })

  test('hundreds of mappings are answered in parts, and an event for each does not drown the bus', async () => {
    const server = await start({
      uci: defaultUci({ limits: { per_host: 2000, total: 5000, requests_per_second: 100000 } }),
    })
    await published()
    await Promise.all(Array.from({ length: 400 }, (_, n) => ask({ transport: 'udp', internal: 10_000 + n })))
    const { total, mappings: first } = (await call('mappings', { limit: 300 })) as { total: number; mappings: Table[] }
    const { mappings: rest } = (await call('mappings', { offset: 300 })) as { mappings: Table[] }
    expect(total).toBe(400)
    expect(new Set([...first, ...rest].map(({ id }) => id)).size).toBe(400)
    bus.pause() // more than the daemon may hold back: it has to wait with what it answers
    const calls = Array.from({ length: 30 }, () => call('mappings'))
    await sleep(300)
    bus.resume()
    for (const answer of await Promise.all(calls)) expect(answer).toMatchObject({ total: 400 })
    expect(bus.connections).toBe(1)
    await until('the flood is counted', async () => {
      await ask({ transport: 'tcp', internal: 5005, lifetime: 60 })
      await ask({ transport: 'tcp', internal: 5005, lifetime: 0 })
      return bus.events.some(({ data }) => data['what'] === 'skipped') ? true : undefined
    })
    expect(bus.events.filter(({ data }) => data['what'] === 'granted').length).toBeLessThan(300)
    expect(server.output).not.toContain('fault')
  })
})
