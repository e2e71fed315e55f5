/** What the gateway answers, where the kernel must agree: the uplink, its counters, idle mappings, flows that end. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import type { Server } from '../support/server.ts'
import { addMapping, httpRaw, request, soap, startUpnp, statusOf, subscribe, upnpUci } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server
  const call = (host: 'a' | 'b', text: string) => httpRaw(lab[host], LAN, text)
  const code = async (host: 'a' | 'b', text: string) => codeOf(await call(host, text))
  const key = (port: number) => ({ NewRemoteHost: '', NewExternalPort: port, NewProtocol: 'TCP' })
  const state = async () => {
    const answer = await call('a', soap('GetStatusInfo'))
    return /<NewConnectionStatus>(\w+)</.exec(answer)?.[1]
  }

  beforeAll(async () => {
    lab = await makeLab()
    server = await startUpnp(lab, engine, { upnp: { show_dummy_rule: '0' } })
    await Promise.all([lab.a.tcpEcho(4100), lab.b.tcpEcho(4100)])
  })
  afterAll(() => lab?.close())

  test('check 36: a disabled mapping is listed and leads nowhere, until it is enabled', async () => {
    const disabled = addMapping(lab.a.ip, 4101, 4100).replace('<NewEnabled>1', '<NewEnabled>0')
    expect(await code('a', disabled)).toBe(0)
    expect(await call('a', soap('GetSpecificPortMappingEntry', key(4101)))).toContain('<NewEnabled>0<')
    await expectNoReach(lab, 'tcp', 4101)
    expect(await code('a', addMapping(lab.a.ip, 4101, 4100))).toBe(0)
    await expectReach(lab, 'tcp', 4101, lab.a)
  })

  test('check 44: with a mapping its running flow ends', async () => {
    expect(await code('a', addMapping(lab.a.ip, 4102, 4100))).toBe(0)
    const flow = await lab.world.tcpFlow([WAN, 4102])
    expect((await flow.ask('one')).got).toBe('reply')
    expect(await code('a', soap('DeletePortMapping', key(4102)))).toBe(0)
    // The search for flows may rest a moment.
    const over = async () => ((await flow.ask('two', 200)).got === 'reply' ? undefined : true)
    await until('the flow has ended', over, 2000)
    await flow.close()
  })

  test('checks 46 and 55, S3: a neighbour neither deletes it nor sees it (S34)', async () => {
    expect(await code('a', addMapping(lab.a.ip, 4103, 4100))).toBe(0)
    expect(await code('b', soap('DeletePortMapping', key(4103)))).toBe(606)
    const all = { NewStartPort: 0, NewEndPort: 65535, NewProtocol: 'TCP', NewManage: 1 }
    expect(await code('b', soap('DeletePortMappingRange', all))).toBe(730)
    expect(await code('b', soap('GetListOfPortMappings', { ...all, NewNumberOfPorts: 0 }))).toBe(730)
    expect(await code('b', soap('GetGenericPortMappingEntry', { NewPortMappingIndex: 0 }))).toBe(713)
    expect(await code('b', soap('GetSpecificPortMappingEntry', key(4103)))).toBe(714)
    expect(await code('b', addMapping(lab.b.ip, 4103, 4100))).toBe(718)
    expect(await code('b', addMapping(lab.a.ip, 4104, 4100))).toBe(606)
    await expectReach(lab, 'tcp', 4103, lab.a)
  })

  test('check 68: what the link has sent and received grows', async () => {
    const read = async (what: string) => {
      const answer = await call('a', common(`GetTotal${what}`))
      return Number(new RegExp(`<NewTotal${what}>(\\d+)<`).exec(answer)?.[1])
    }
    const before = { sent: await read('BytesSent'), received: await read('PacketsReceived') }
    const flow = await lab.world.tcpFlow([WAN, 4103])
    await flow.ask('x'.repeat(1000))
    await flow.close()
    expect(await read('BytesSent')).toBeGreaterThan(before.sent + 1000)
    expect(await read('PacketsReceived')).toBeGreaterThan(before.received)
    expect(await call('a', common('GetCommonLinkProperties'))).toContain('<NewPhysicalLinkStatus>Up<')
  })

  test('checks 63 to 65: the uplink obeys a client only where the owner lets it', async () => {
    expect(await code('a', soap('ForceTermination'))).toBe(606)
    expect(await state()).toBe('Connected')
    server.configure(upnpUci({ upnp: { show_dummy_rule: '0', allow_disable_external_interface: '1' } }))
    process.kill(server.pid, 'SIGHUP')
    await until('the option is read', async () => (await code('a', soap('RequestConnection'))) === 0 || undefined)
    const subscriber = await subscribe(lab.a, '/evt/IPConn', '7001')
    expect(await code('a', soap('ForceTermination'))).toBe(0)
    expect(await code('a', soap('ForceTermination'))).toBe(711)
    expect(await state()).toBe('Disconnected')
    expect(await lab.router.must(['ip', '-o', 'link', 'show', 'dev', 'wan0'])).not.toContain(',UP')
    await until('the event', async () => {
      const told = subscriber.events.at(-1)?.values
      return told?.['ConnectionStatus'] === 'Disconnected' || undefined
    })
    expect(await call('a', soap('GetExternalIPAddress'))).toContain('<NewExternalIPAddress></NewExternalIPAddress>')
    expect(await code('a', soap('RequestConnection'))).toBe(0)
    await until('up again', async () => (await state()) === 'Connected' || undefined)
    await subscriber.close()
    await lab.router.must(['ip', 'route', 'replace', 'default', 'via', '11.22.33.1'])
    await expectReach(lab, 'tcp', 4103, lab.a)
  })
})

/** The code of the UPnP error, 0 for a result. */
function codeOf(answer: string): number {
  if (statusOf(answer) === 200) return 0
  return Number(/<errorCode>(\d+)</.exec(answer)?.[1])
}

/** An action of WANCommonInterfaceConfig:1 without arguments. */
function common(action: string): string {
  const service = 'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1'
  const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action} xmlns:u="${service}"/></s:Body></s:Envelope>`
  const fields = { 'Content-Type': 'text/xml', SOAPAction: `"${service}#${action}"` }
  return request('POST', '/ctl/CmnIfCfg', fields, body)
}
