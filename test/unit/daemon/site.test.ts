/** What lies where on the HTTP server of UPnP, and by which method. */
import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Decode } from '../../../src/base/text.ts'
import { milliseconds } from '../../../src/base/time.ts'
import type { HttpAnswer } from '../../../src/daemon/http.ts'
import type { HttpDoor } from '../../../src/daemon/http-doors.ts'
import { Site } from '../../../src/daemon/site.ts'
import type { Device } from '../../../src/protocol/igd/description.ts'
import { uuidsOf } from '../../../src/protocol/igd/description.ts'
import type { EventedService } from '../../../src/protocol/igd/evented.ts'
import { EVENTED } from '../../../src/protocol/igd/evented.ts'
import type { Delivery } from '../../../src/protocol/igd/eventing.ts'
import { Eventing } from '../../../src/protocol/igd/eventing.ts'
import { readEvent } from '../../support/gena.ts'
import { FakeClock } from '../../support/router.ts'
import { dice } from '../../support/ssdp.ts'

const CLIENT = '192.168.1.100' as Ip
const DOOR: HttpDoor = { device: 'br-lan', index: 3, address: '192.168.1.1' as Ip, port: 5000 as Port }
const DEVICE: Device = {
  texts: { friendlyName: 'Portico', manufacturer: 'Portico', modelName: 'Portico' },
  uuids: uuidsOf('test'),
  firewallControl: true,
  configId: 7,
}

class Gateway {
  readonly clock = new FakeClock()
  readonly deliveries: Delivery[] = []
  readonly calls: string[] = []
  readonly asked: Ip[] = []
  mayRead = true
  readonly eventing = new Eventing<EventedService>(
    {
      random: dice(),
      onLink: () => true,
      macOf: () => undefined,
      ownPorts: () => [5000 as Port],
      deliver: delivery => this.deliveries.push(delivery),
      abandon: () => undefined,
    },
    EVENTED,
  )
  readonly site = new Site({
    now: () => this.clock.now(),
    wallTime: () => 0,
    server: 'Linux/6.6 UPnP/1.1 Portico/0.2',
    device: () => DEVICE,
    control: ({ path, soapAction }, { ip, device, mac }, reply) => {
      this.calls.push(`${path} ${soapAction} ${ip} ${device} ${mac}`)
      reply({ status: 500, type: 'text/xml', body: 'why', close: true })
    },
    eventing: this.eventing,
    publish: () => {
      const now = this.clock.now()
      this.eventing.publish('WANIPConnection:1', { ExternalIPAddress: '203.0.113.7' }, now)
      this.eventing.publish('WANIPConnection:2', { ExternalIPAddress: '203.0.113.7', SystemUpdateID: '3' }, now)
    },
    page: ({ path }) => (path === '/' ? { status: 200, fields: [], body: new Uint8Array(1) } : undefined),
    mayRead: ({ ip }) => {
      this.asked.push(ip)
      return this.mayRead
    },
    macOf: () => undefined,
  })

  async ask(method: string, target: string, fields: Readonly<Record<string, string>> = {}): Promise<HttpAnswer> {
    const all = Object.entries({ host: '192.168.1.1:5000', ...fields })
    const request = { method, target, minor: 1, fields: all, body: new Uint8Array(0), keepAlive: true } as const
    return this.site.handlerOf(DOOR)(request, { ip: CLIENT, port: 40_000 as Port })
  }
  async status(method: string, target: string, fields: Readonly<Record<string, string>> = {}): Promise<number> {
    return (await this.ask(method, target, fields)).status
  }
}

const field = ({ fields }: HttpAnswer, name: string) => fields.find(([each]) => each.toLowerCase() === name)?.[1]
const textOf = (answer: HttpAnswer) => {
  if (!('body' in answer)) return ''
  return typeof answer.body === 'string' ? answer.body : utf8Decode(answer.body)
}
const SUBSCRIBE = { callback: '<http://192.168.1.100:7000/x>', nt: 'upnp:event' }

describe('paths and methods', () => {
  test.each([
    ['GET', '/rootDesc.xml', 200],
    ['HEAD', '/rootDesc.xml', 200],
    ['GET', '/rootDesc.xml?x=1', 200],
    ['POST', '/rootDesc.xml', 405],
    ['GET', '/igd1.xml', 200],
    ['GET', '/WANIPCn.xml', 200],
    ['GET', '/none.xml', 404],
    ['GET', '/', 200],
    ['HEAD', '/', 200],
    ['POST', '/', 404],
    ['GET', '/none', 404],
    ['POST', '/ctl/IPConn', 500],
    ['GET', '/ctl/IPConn', 405],
    ['M-POST', '/ctl/IPConn', 405],
    ['OPTIONS', '/ctl/IPConn', 405],
    ['POST', '/ctl/none', 404],
    ['POST', '/evt/IPConn', 405],
    ['GET', '/evt/IPConn', 405],
    ['SUBSCRIBE', '/evt/none', 404],
    ['SUBSCRIBE', '/ctl/IPConn', 405],
    ['SUBSCRIBE', '/evt/IPConn', 412],
    ['UNSUBSCRIBE', '/evt/IPConn', 412],
  ])('%s %s: %d', async (method, target, status) => {
    expect(await new Gateway().status(method, target)).toBe(status)
  })

  test('a description is XML, with DATE and SERVER, and says its language to who asks for one', async () => {
    const gateway = new Gateway()
    const answer = await gateway.ask('GET', '/rootDesc.xml', { 'accept-language': 'de' })
    expect(field(answer, 'content-type')).toBe('text/xml; charset="utf-8"')
    expect(field(answer, 'server')).toBe('Linux/6.6 UPnP/1.1 Portico/0.2')
    expect(field(answer, 'date')).toBe('Thu, 01 Jan 1970 00:00:00 GMT')
    expect(field(answer, 'content-language')).toBe('en')
    expect(field(await gateway.ask('GET', '/rootDesc.xml'), 'content-language')).toBeUndefined()
  })

  test('Microsoft gets version 1 at any path', async () => {
    const agent = { 'user-agent': 'Microsoft-Windows/10.0 UPnP/1.0' }
    expect(textOf(await new Gateway().ask('GET', '/rootDesc.xml', agent))).toContain('InternetGatewayDevice:1')
  })
})

describe('control', () => {
  test('the call, who asks, and the answer of the gateway', async () => {
    const gateway = new Gateway()
    const answer = await gateway.ask('POST', '/ctl/IPConn', { soapaction: '"x#Y"' })
    expect(gateway.calls).toEqual(['/ctl/IPConn "x#Y" 192.168.1.100 br-lan undefined'])
    expect([answer.status, answer.close, field(answer, 'ext')]).toEqual([500, true, ''])
  })

  test.each([
    ['another Host', { host: 'evil.example' }, 403],
    ['a foreign Origin', { origin: 'http://evil.example' }, 403],
    ['a foreign Referer', { referer: 'http://evil.example/' }, 403],
  ])('%s reaches no gateway, and the connection ends', async (_, fields, status) => {
    const gateway = new Gateway()
    const answer = await gateway.ask('POST', '/ctl/IPConn', fields)
    expect([answer.status, answer.close, gateway.calls]).toEqual([status, true, []])
  })
})

describe('events', () => {
  test('the initial event follows the answer and never precedes it', async () => {
    const gateway = new Gateway()
    const answer = await gateway.ask('SUBSCRIBE', '/evt/IPConn', SUBSCRIBE)
    expect([answer.status, field(answer, 'timeout')]).toEqual([200, 'Second-1800'])
    expect(gateway.deliveries).toEqual([])
    answer.sent?.()
    expect(gateway.deliveries.map(readEvent)).toMatchObject([{ seq: 0 }])
    expect(readEvent(gateway.deliveries[0] as Delivery).says).toContain('SystemUpdateID=3')
  })

  test('who was shown version 1 subscribes to version 1, and renews and ends it whatever it is shown later', async () => {
    const gateway = new Gateway()
    await gateway.ask('GET', '/igd1.xml')
    const answer = await gateway.ask('SUBSCRIBE', '/evt/IPConn', SUBSCRIBE)
    answer.sent?.()
    expect(readEvent(gateway.deliveries[0] as Delivery).says.join()).not.toContain('SystemUpdateID')
    await gateway.ask('GET', '/rootDesc.xml')
    const sid = field(answer, 'sid') as string
    const renewed = await gateway.ask('SUBSCRIBE', '/evt/IPConn', { sid })
    expect([renewed.status, renewed.sent]).toEqual([200, undefined])
    expect(await gateway.status('UNSUBSCRIBE', '/evt/IPConn', { sid })).toBe(200)
    expect(await gateway.status('UNSUBSCRIBE', '/evt/IPConn', { sid })).toBe(412)
    expect(gateway.eventing.size).toBe(0)
  })

  test('a SID of one service is none of another', async () => {
    const gateway = new Gateway()
    const answer = await gateway.ask('SUBSCRIBE', '/evt/CmnIfCfg', SUBSCRIBE)
    expect(await gateway.status('UNSUBSCRIBE', '/evt/L3F', { sid: field(answer, 'sid') as string })).toBe(412)
  })

  test('moderated changes come later, in one event', async () => {
    const gateway = new Gateway()
    const answer = await gateway.ask('SUBSCRIBE', '/evt/IPConn', SUBSCRIBE)
    answer.sent?.()
    gateway.eventing.connected(1)
    gateway.eventing.finished(1, { is: 'answered', status: 200 }, gateway.clock.now())
    for (const id of ['4', '5', '6']) {
      gateway.eventing.publish('WANIPConnection:2', { SystemUpdateID: id }, gateway.clock.now())
    }
    expect(gateway.deliveries).toHaveLength(1)
    gateway.clock.set(milliseconds(500))
    gateway.eventing.wake(gateway.clock.now())
    expect(readEvent(gateway.deliveries[1] as Delivery)).toMatchObject({ seq: 1, says: ['SystemUpdateID=6'] })
  })
})

describe('S14: how much one host may read', () => {
  test.each([
    ['GET', '/rootDesc.xml', 503],
    ['GET', '/nothing.xml', 503],
    ['SUBSCRIBE', '/evt/IPConn', 503],
    ['UNSUBSCRIBE', '/evt/IPConn', 503],
    ['POST', '/ctl/IPConn', 500],
    ['GET', '/', 200],
  ])('%s %s is answered with %d when it is enough', async (method, target, status) => {
    const gateway = new Gateway()
    gateway.mayRead = false
    const answer = await gateway.ask(method, target, SUBSCRIBE)
    expect(answer.status).toBe(status)
    expect(answer.close === true).toBe(status !== 200)
    expect(gateway.asked).toEqual(status === 503 ? [CLIENT] : [])
  })

  test('what is refused for what it says does not count', async () => {
    const gateway = new Gateway()
    expect(await gateway.status('GET', '/rootDesc.xml', { origin: 'http://elsewhere' })).toBe(403)
    expect(gateway.asked).toEqual([])
  })
})
