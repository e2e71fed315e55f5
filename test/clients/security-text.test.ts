/**
 * Hostile descriptions: row S9 of the list of attacks, from SOAP to everything that shows them. A browser that shows one
 * (S9, S10): test/web/page.test.ts and luci-daemon.test.ts. REST over TCP is not built; what it would show is the
 * console's JSON.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { codeOf, exchange, expectHealthy, sized, statuses } from '../support/attack.ts'
import { kernelView } from '../support/kernel.ts'
import { type Lab, makeLab } from '../support/lab.ts'
import type { Server } from '../support/server.ts'
import { addMapping, request, soap, startUpnp, statusOf } from '../support/upnp.ts'
import { ENGINES } from './under-test.ts'

/** As it stands in the body, byte by byte. */
const HOSTILE: Readonly<Record<string, string>> = {
  script: '&lt;script&gt;alert(1)&lt;/script&gt;',
  image: '<![CDATA[<img src=x onerror=alert(1)>]]>',
  'end of CDATA': ']]&gt;&lt;/NewPortMappingDescription&gt;&lt;x&gt;',
  attribute: '&quot; onload=&quot;alert(1)&apos;',
  'lines of the log': 'a&#10;Jan 1 00:00:00 portico: granted&#13;&#10;b',
  comment: '*/ } ; flush ruleset /*',
  'quotes of nft': '&quot; } ; delete table inet fw4 ; &quot;',
  shell: '`touch /tmp/x` $(touch /tmp/x) ; touch /tmp/x | x',
  'an escape of a terminal': '&#9;[31m\u00c2\u009b31m',
  'turns the line around': '\u00e2\u0080\u00ae',
  RouterOS: '&quot;; /system reset-configuration; :put &quot;',
}
const NAMES = Object.keys(HOSTILE)
const FIRST = 4300

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab()
    server = await start()
    expect(
      await statuses(
        lab.a,
        NAMES.map((name, n) => add(HOSTILE[name] as string, FIRST + n)),
      ),
    ).toEqual(NAMES.map(() => 200))
  })
  afterAll(() => lab?.close())

  const start = () => startUpnp(lab, engine, { limits: { requests_per_second: 1000 } })
  const add = (text: string, external: number): string =>
    sized(addMapping(lab.a.ip, external, 4100).replace('>test<', () => `>${text}<`))

  test('S9: more than 4 kB is an error', async () => {
    for (const text of ['x'.repeat(30_000), '&lt;'.repeat(6000)]) {
      const [said] = await exchange(lab.a, [add(text, 4400)])
      expect(codeOf(said?.text ?? '')).toBe(605)
    }
  })

  test('S9: text in SOAP, one by one and as a list', async () => {
    const one = (_: string, n: number) =>
      soap('GetSpecificPortMappingEntry', { NewRemoteHost: '', NewExternalPort: FIRST + n, NewProtocol: 'TCP' })
    const answers = await exchange(lab.a, NAMES.map(one))
    for (const { text } of answers) {
      const said = /<NewPortMappingDescription>([^<]+)<\/NewPortMappingDescription>/.exec(text)?.[1] ?? '\0'
      expect(controls(Buffer.from(said, 'latin1').toString())).toEqual([])
      expect(text).not.toMatch(ELEMENT)
    }
    const ports = { NewStartPort: 1, NewEndPort: 65_535, NewProtocol: 'TCP', NewManage: 0, NewNumberOfPorts: 0 }
    const [list] = await exchange(lab.a, [soap('GetListOfPortMappings', ports)])
    const inner = /<NewPortListing><!\[CDATA\[([\s\S]*?)\]\]><\/NewPortListing><\/u:/.exec(list?.text ?? '')?.[1]
    expect(inner?.match(/<p:PortMappingEntry>/g)).toHaveLength(NAMES.length)
    expect(inner).not.toMatch(ELEMENT)
  })

  test('S9: text on the page', async () => {
    const [page] = await exchange(lab.a, [request('GET', '/')])
    expect(statusOf(page?.text ?? '')).toBe(200)
    expect(page?.text).toContain('&lt;script')
    expect(page?.text).not.toMatch(ELEMENT)
  })

  test('S9: one line each in the console, its JSON, its export, nft and the log', async () => {
    const [table, json, exported] = await Promise.all([
      server.console('/ip upnp mappings print'),
      server.console('--json', '/ip upnp mappings print'),
      server.console('/ip upnp mappings export'),
    ])
    const nft = await lab.router.must(['nft', 'list', 'ruleset'])
    expect(nft).toContain('table inet fw4')
    expect(JSON.parse(json.stdout)).toHaveLength(NAMES.length)
    expect((await kernelView(lab)).forward).toHaveLength(NAMES.length)
    const outputs = { table: table.stdout, json: json.stdout, exported: exported.stdout, nft, log: server.output }
    for (const [where, text] of Object.entries(outputs)) {
      expect(controls(text.replace(/[\n\t]/g, '')), where).toEqual([])
      expect(
        text.split('\n').filter(line => /^\s*(Jan 1|b$|\/system|flush|delete)/.test(line)),
        where,
      ).toEqual([])
    }
  })

  test('S9: after a restart they are what they were', async () => {
    const before = await server.console('/ip upnp mappings print')
    expect(before.stdout).toContain('delete table inet fw4')
    await server.stop()
    server = await start()
    const after = await server.console('/ip upnp mappings print')
    expect(timeless(after.stdout)).toBe(timeless(before.stdout))
    await expectHealthy(server, lab.a)
  })
})

/** Elements that nobody of us writes. */
const ELEMENT = /<(script|x)\b|<img src=x/i

/** Control characters of both sets, and what turns lines around. */
const controls = (text: string): readonly number[] =>
  Array.from(text, char => char.codePointAt(0) ?? 0).filter(
    code =>
      code < 0x20 ||
      (code >= 0x7f && code < 0xa0) ||
      (code >= 0x202a && code <= 0x202e) ||
      (code >= 0x2066 && code <= 0x2069),
  )

const timeless = (text: string): string => text.replace(/\d+[smhdw]\S*/g, '')
