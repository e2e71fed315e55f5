/** IPv6 pinholes: checks 73 to 84 of the IGD sheet. */
import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../../src/base/ip.ts'
import { currentValues } from '../../../../src/protocol/igd/gateway-events.ts'
import { PINHOLE } from '../../../../src/protocol/igd/services/pinhole.ts'
import { WANIP1 } from '../../../../src/protocol/igd/services/wanip.ts'
import { type Changes, Igd, POLICY } from '../../../support/gateway.ts'
import { A, A6, B6, policy, quiet } from '../../../support/router.ts'

const id = async (igd: Igd, changes: Changes = {}) =>
  (await igd.from(A6).call(PINHOLE, 'AddPinhole', changes)).values['UniqueID'] ?? ''

describe('AddPinhole', () => {
  test('check 73: over IPv6', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A6).call(PINHOLE, 'AddPinhole')).toMatchObject({ status: 200, values: { UniqueID: '1' } })
    const made = igd.router.kernel.elements.map(({ transport, internal, remote, state }) => [
      transport,
      internal,
      remote,
      state,
    ])
    expect(made).toEqual([['tcp', { ip: A6, port: 4001 }, { ip: '2001:db8::1', port: 'any' }, 'on']])
  })

  test('check 74: over IPv4 nothing proves whose address it is', async () => {
    const igd = await Igd.start()
    expect(await igd.from(A).code(PINHOLE, 'AddPinhole', { InternalClient: A6 })).toBe(606)
    expect(igd.kernel).toEqual([])
  })

  test('a client that calls from another address of its own speaks for the one in question, and for no other', async () => {
    const igd = await Igd.start()
    const link = 'fe80::6' as Ip
    const ask = (changes: Changes) => igd.from(link).call(PINHOLE, 'AddPinhole', changes)
    expect(await ask({ InternalClient: A6 })).toMatchObject({ code: 606 })
    igd.alsoAt = A6
    const { values } = await ask({ InternalClient: A6 })
    expect(values['UniqueID']).toBe('1')
    expect(await igd.from(link).code(PINHOLE, 'UpdatePinhole', { UniqueID: '1' })).toBe(0)
    expect(await igd.from(B6).code(PINHOLE, 'DeletePinhole', { UniqueID: '1' })).toBe(0) // B6 is there too
    expect(await ask({ InternalClient: B6 })).toMatchObject({ code: 606 })
    await ask({ InternalClient: A6 })
    igd.alsoAt = undefined
    expect(await igd.from(link).code(PINHOLE, 'DeletePinhole', { UniqueID: '2' })).toBe(606)
  })

  test('check 75: the same flow with another lease is the same pinhole, extended', async () => {
    const igd = await Igd.start()
    const first = await id(igd)
    expect(await id(igd, { LeaseTime: '1200' })).toBe(first)
    await igd.router.pass(700)
    expect(igd.router.kernel.elements).toHaveLength(1)
    expect(await id(igd, { RemotePort: '5000' })).not.toBe(first)
  })

  const refused: readonly (readonly [what: string, changes: Changes, code: number])[] = [
    ['check 76: any protocol', { Protocol: '65535' }, 707],
    ['check 76: protocol 1', { Protocol: '1' }, 705],
    ['check 76: protocol 0', { Protocol: '0' }, 705],
    ['UDP-Lite', { Protocol: '136' }, 705],
    ['a protocol that is none', { Protocol: 'abc' }, 402],
    ['check 77: internal port 0', { InternalPort: '0' }, 706],
    ['check 77: internal port 80', { InternalPort: '80' }, 606],
    ['check 78: no internal client', { InternalClient: '' }, 708],
    ['check 78: the router', { InternalClient: '2001:db8:1::1' }, 606],
    ['check 78, S3: another host', { InternalClient: B6 }, 606],
    ['an IPv4 client', { InternalClient: A }, 402],
    ['S16: the name of a client', { InternalClient: 'slow.example' }, 402],
    ['a remote host of IPv4', { RemoteHost: '198.51.100.1' }, 402],
    ['check 79: a lease of 0', { LeaseTime: '0' }, 402],
    ['check 79: a lease of 86401', { LeaseTime: '86401' }, 402],
    ['a lease that is missing', { LeaseTime: undefined }, 402],
    ['port 70000', { RemotePort: '70000' }, 402],
  ]
  test.each(refused)('%s is refused, and nothing happens', async (_what, changes, code) => {
    const igd = await Igd.start()
    expect(await igd.from(A6).code(PINHOLE, 'AddPinhole', changes)).toBe(code)
    expect(igd.router.kernel.elements).toEqual([])
  })

  test('any remote host is nobody in particular', async () => {
    const igd = await Igd.start()
    await id(igd, { RemoteHost: '' })
    expect(igd.router.kernel.elements.map(({ remote }) => remote)).toEqual([{ ip: 'any', port: 'any' }])
  })

  test('S23: above the quota 701', async () => {
    const igd = await Igd.start({ policy: policy([], { perHost: 1 }) })
    expect(await igd.from(A6).code(PINHOLE, 'AddPinhole')).toBe(0)
    expect(await igd.from(A6).code(PINHOLE, 'AddPinhole', { InternalPort: '4002' })).toBe(701)
  })

  test('check 85: it ends with its lease', async () => {
    const igd = await Igd.start()
    const pinhole = await id(igd)
    await igd.router.pass(600)
    expect(igd.router.kernel.elements).toEqual([])
    expect(await igd.from(A6).code(PINHOLE, 'GetPinholePackets', { UniqueID: pinhole })).toBe(704)
  })

  test('it is no port mapping: no list of these shows it', async () => {
    const igd = await Igd.start({ options: { showAllMappings: true } })
    await id(igd)
    expect(await igd.from(A6).code(WANIP1, 'GetGenericPortMappingEntry')).toBe(713)
    expect(await igd.from(A).code(WANIP1, 'GetGenericPortMappingEntry')).toBe(713)
    expect(currentValues(igd.world, true)['WANIPConnection:1']['PortMappingNumberOfEntries']).toBe('0')
  })
})

describe('an existing pinhole', () => {
  test('is extended and closed by its client', async () => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    expect(await igd.from(A6).code(PINHOLE, 'UpdatePinhole', { UniqueID, NewLeaseTime: '3600' })).toBe(0)
    await igd.router.pass(700)
    expect(igd.router.kernel.elements).toHaveLength(1)
    expect(await igd.from(A6).code(PINHOLE, 'DeletePinhole', { UniqueID })).toBe(0)
    expect(igd.router.kernel.elements).toEqual([])
  })

  const actions = ['UpdatePinhole', 'DeletePinhole', 'GetPinholePackets', 'CheckPinholeWorking']
  test.each(actions)('check 80: %s of one that is not there is 704', async action => {
    const igd = await Igd.start()
    expect(await igd.from(A6).code(PINHOLE, action, { UniqueID: '4711' })).toBe(704)
    expect(await igd.from(A6).code(PINHOLE, action, { UniqueID: '0' })).toBe(704)
  })
  test.each(actions)('check 81, S3: %s by another host is 606', async action => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    expect(await igd.from(B6).code(PINHOLE, action, { UniqueID })).toBe(606)
    expect(igd.router.kernel.elements).toHaveLength(1)
  })
  test('check 79: an update has a lease too', async () => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    expect(await igd.from(A6).code(PINHOLE, 'UpdatePinhole', { UniqueID, NewLeaseTime: '86401' })).toBe(402)
  })

  test('check 82: its packets are counted, in 32 bits', async () => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    const packets = async () =>
      (await igd.from(A6).call(PINHOLE, 'GetPinholePackets', { UniqueID })).values['PinholePackets']
    expect(await packets()).toBe('0')
    igd.traffic = { packets: 4_294_967_299n, bytes: 0 }
    expect(await packets()).toBe('3')
  })

  test('check 83: without traffic 709, with traffic it works', async () => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    const check = () => igd.from(A6).call(PINHOLE, 'CheckPinholeWorking', { UniqueID })
    expect((await check()).code).toBe(709)
    igd.traffic = { packets: 1, bytes: 60 }
    expect((await check()).values).toEqual({ IsWorking: '1' })
    igd.traffic = undefined
    expect((await check()).code).toBe(501)
  })
})

describe('a host that calls by another of its addresses', () => {
  const LINK_LOCAL = 'fe80::10' as Ip
  const MAC = '02:00:00:00:00:0a' as Mac
  const actions = ['UpdatePinhole', 'DeletePinhole', 'GetPinholePackets', 'CheckPinholeWorking']
  /** LINK_LOCAL and A6 are one device's, and nobody else's. */
  const start = async () => {
    const igd = await Igd.start()
    igd.isAlsoAt = async ({ ip }, host) => [ip, host].every(each => each === LINK_LOCAL || each === A6)
    igd.traffic = { packets: 1, bytes: 60 }
    return igd
  }
  const add = (igd: Igd, from: Ip, internal: Ip = A6) =>
    igd.from(from, MAC).call(PINHOLE, 'AddPinhole', { InternalClient: internal })

  test('opens a pinhole that belongs to the address it leads to', async () => {
    const igd = await start()
    expect((await add(igd, LINK_LOCAL)).values).toEqual({ UniqueID: '1' })
    expect(igd.router.kernel.elements.map(({ internal, owner, mac }) => [internal, owner, mac])).toEqual([
      [{ ip: A6, port: 4001 }, { via: 'upnp', client: A6 }, MAC],
    ])
  })
  test.each(actions)('%s by the one of a pinhole of the other', async action => {
    const igd = await start()
    const UniqueID = await id(igd)
    expect(await igd.from(LINK_LOCAL, MAC).code(PINHOLE, action, { UniqueID })).toBe(0)
  })
  test('over IPv4 proves nothing, and an address of another device is refused in its own name', async () => {
    const igd = await start()
    igd.isAlsoAt = async ({ ip }) => ip === A
    expect(await igd.from(A, MAC).code(PINHOLE, 'AddPinhole', { InternalClient: A6 })).toBe(606)
    expect((await add(igd, LINK_LOCAL, B6)).code).toBe(606)
    expect(igd.router.kernel.elements).toEqual([])
    expect(igd.router.lines.join('\n')).toContain(`${LINK_LOCAL} may ask for itself only`)
  })
  test('waits for what the link says, and others do not wait for it', async () => {
    const igd = await start()
    let answer: (isSame: boolean) => void = () => undefined
    igd.isAlsoAt = () =>
      new Promise(resolve => {
        answer = resolve
      })
    await expect(add(igd, LINK_LOCAL)).rejects.toThrow('0 answers')
    expect((await add(igd, B6, B6)).code).toBeUndefined()
    expect(igd.router.kernel.elements.map(({ internal }) => internal.ip)).toEqual([B6])
    answer(true)
    await quiet()
    expect(igd.router.kernel.elements.map(({ internal }) => internal.ip)).toEqual([B6, A6])
  })
  test('whose question fails gets 501', async () => {
    const igd = await start()
    igd.isAlsoAt = () => Promise.reject(new Error('gone'))
    expect((await add(igd, LINK_LOCAL)).code).toBe(501)
  })
})

describe('the firewall', () => {
  const status = async (igd: Igd) => (await igd.from(A6).call(PINHOLE, 'GetFirewallStatus')).values

  test('is on, and pinholes are allowed', async () => {
    expect(await status(await Igd.start())).toEqual({ FirewallEnabled: '1', InboundPinholeAllowed: '1' })
  })
  test('check 84: without one there is nothing to open', async () => {
    const igd = await Igd.start()
    const UniqueID = await id(igd)
    igd.firewallEnabled = false
    expect(await status(igd)).toEqual({ FirewallEnabled: '0', InboundPinholeAllowed: '1' })
    for (const action of ['AddPinhole', 'UpdatePinhole', 'DeletePinhole', 'GetPinholePackets', 'CheckPinholeWorking']) {
      expect([action, await igd.from(A6).code(PINHOLE, action, { UniqueID })]).toEqual([action, 702])
    }
    expect(await igd.from(A6).code(PINHOLE, 'GetOutboundPinholeTimeout')).toBe(702)
  })
  test('nat_traversal no: 703', async () => {
    const igd = await Igd.start({ policy: { ...POLICY, forwarding: { 'nat-pmp': true, upnp: false } } })
    expect(await status(igd)).toEqual({ FirewallEnabled: '1', InboundPinholeAllowed: '0' })
    expect(await igd.from(A6).code(PINHOLE, 'AddPinhole')).toBe(703)
  })
})

describe('GetOutboundPinholeTimeout', () => {
  const timeout = async (changes: Changes) => {
    const { code, values } = await (await Igd.start()).from(A6).call(PINHOLE, 'GetOutboundPinholeTimeout', changes)
    return code ?? values['OutboundPinholeTimeout']
  }
  test("is the kernel's, for the protocol", async () => {
    expect([await timeout({ Protocol: '6' }), await timeout({ Protocol: '17' })]).toEqual(['7440', '60'])
  })
  test('names protocols and ports as AddPinhole does', async () => {
    expect([
      await timeout({ Protocol: '65535' }),
      await timeout({ Protocol: '136' }),
      await timeout({ InternalPort: '0' }),
    ]).toEqual([707, 705, 706])
  })
})
