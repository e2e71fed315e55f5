import { describe, expect, test } from 'vitest'
import page from '../../../docs/configuration.md?raw'
import packageFile from '../../../package.json'
import { RELEASE } from '../../../src/base/release.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import type { KindName } from '../../../src/config/kinds.ts'
import { fileNames, load } from '../../../src/config/load.ts'
import type { Option } from '../../../src/config/option.ts'
import type { SectionId } from '../../../src/config/options.ts'
import { isInForce, optionsOf, sectionIds, sections } from '../../../src/config/options.ts'
import { describe as inWords } from '../../../src/config/problems.ts'
import { netifdSchema, optionSchemas } from '../../../src/config/schema.ts'
import { madeFrom, validators } from '../../../src/config/validate.generated.ts'
import { configurationPage } from '../../../tools/configuration-page.ts'

const all: readonly (readonly [title: string, id: SectionId, name: string, option: Option<unknown>])[] =
  sectionIds.flatMap(id =>
    Object.entries(optionsOf(id)).map(([name, option]) => [`${id} ${name}`, id, name, option] as const),
  )

/** A section with its required options at their examples, and one option at a value. */
function file(id: SectionId, name: string, value: string): string {
  const lines = [sections[id].is === 'settings' ? `config portico '${id}'` : `config ${id}`]
  for (const [other, option] of Object.entries(optionsOf(id))) {
    if (other !== name && option.need === 'required') lines.push(`\toption ${other} '${option.example}'`)
  }
  return [...lines, `\toption ${name} '${value}'`].join('\n')
}

const loaded = (text: string) => load({ portico: utf8Encode(text) }, fileNames('/etc/config'))

/** What each kind of value cannot be, beyond the limits of its range. */
const NO_NUMBERS = ['-1', '+1', '1.5', '1e3', '0x10', ' 1', '1 ', 'ten', '99999999999999999999', 'NaN', 'Infinity']
const WRONG: Record<KindName, readonly string[]> = {
  flag: ['maybe', '2', '-1', 'Yes ', 'yesno'],
  count: NO_NUMBERS,
  seconds: NO_NUMBERS,
  choice: ['x', 'TCP', 'tcp udp', 'constructor', '__proto__'],
  port: ['0', '65536', '70610', '-1', '+80', '0x50', '1e3', '80-90', 'http', ' 80'],
  'port-range': ['0', '65536', '70000', '1-65536', '0-0', '80-', '-80', '80-90-100', '80:90', '80,90', '80 - 90', 'x'],
  address: ['192.168.1', '192.168.1.256', '192.168.1.010', '192.168.1.1/24', '::1', 'router', '1.2.3.4 ', '0x7f.1'],
  'address-range': ['192.168.1.0/33', '192.168.1.20-192.168.1.10', '192.168.1.1-::1', '10/8', '192.168.1.1-', 'lan'],
  mac: ['00:11:22:aa:bb', '00:11:22:aa:bb:cc:dd', '001122aabbcc', '0:1:2:3:4:5', '00:11:22:aa:bb:gg'],
  name: ['br lan', 'eth0;reboot', 'a/b', 'eth0:1', '$(x)', 'x'.repeat(65), 'küche'],
  text: [],
  path: [
    ...['leases', 'etc/portico/leases', '/etc/portico/a b', '/etc/portico/$(x)', '/', 'None'],
    ...[
      '/etc/portico/',
      '/etc//leases',
      '/etc/portico/../leases',
      '/etc/./leases',
      '/etc/portico/..',
      `/a/${'x'.repeat(200)}`,
    ],
    // Folders of the system and of many programs.
    ...[
      '/leases',
      '/etc/leases',
      '/etc/portico.leases',
      '/tmp/leases',
      '/var/leases',
      '/var/run/miniupnpd.leases',
      '/root/x',
    ],
    ...['/etc/config/leases', '/etc/init.d/leases', '/etc/hotplug.d/iface/x', '/dev/shm/x', '/proc/sys/x', '/sys/a/x'],
    ...[
      '/usr/bin/x',
      '/usr/lib/a/x',
      '/bin/x',
      '/sbin/x',
      '/lib/a/x',
      '/overlay/upper/etc/portico/leases',
      '/rom/etc/a/x',
    ],
  ],
  mark: ['0', '3', '0x3', '0x100000000', '-1', '0x', '1.5', '0b1'],
}

describe('a file that is replaced', () => {
  test.each([
    'none',
    '/etc/portico/leases',
    '/etc/portico/a/b',
    '/mnt/usb/leases',
    '/var/run/portico/x',
    '/tmp/a/x',
    '/srv/a..b/x',
  ])('may be %s', place => {
    const { config, problems } = loaded(file('system', 'lease_file', place))
    expect(problems).toEqual([])
    expect(config?.system.lease_file).toBe(place)
  })
  test('is told its place', () => {
    expect(loaded(file('system', 'lease_file', '/etc/leases')).problems.map(inWords)).toEqual([
      "/etc/config/portico:2: option lease_file '/etc/leases': expected none, or the whole path of a file in a folder of its own, such as /etc/portico/leases",
    ])
  })
})

describe('the option table', () => {
  test.each(all)('%s: its example is accepted', (_title, id, name, option) => {
    const { config, problems } = loaded(file(id, name, option.example))
    expect(problems.filter(({ weight }) => weight === 'error').map(inWords)).toEqual([])
    expect(config).toBeDefined()
  })

  test.each(all)('%s: the example and the default are printed as they are read', (_title, _id, _name, option) => {
    expect(option.kind.read(option.kind.print(option.kind.read(option.example)))).toEqual(
      option.kind.read(option.example),
    )
    if (option.default === undefined) return
    const values = option.isList ? (option.default as readonly unknown[]) : [option.default]
    for (const value of values) expect(option.kind.read(option.kind.print(value))).toEqual(value)
  })

  test.each(all.filter(([, , , option]) => option.kind.name !== 'text'))(
    '%s: what it cannot be is an error that names line and expectation',
    (_title, id, name, option) => {
      const { range } = option.kind
      const beyond = range === undefined ? [] : [`${range[0] - 1}`, `${range[1] + 1}`]
      for (const wrong of [...beyond, ...WRONG[option.kind.name]]) {
        const text = file(id, name, wrong)
        // A list takes several words; a wrong one among them is enough.
        const { config, problems } = loaded(text)
        const line = text.split('\n').length
        const message = `/etc/config/portico:${line}: option ${name} '${wrong.slice(0, 64)}': expected ${option.kind.expected}`
        expect(problems.filter(({ weight }) => weight === 'error').map(inWords)).toEqual([message])
        expect(config).toBeUndefined()
      }
    },
  )

  test.each(all.filter(([, , , option]) => option.kind.range !== undefined))(
    '%s: both ends of its range',
    (_t, id, name, option) => {
      for (const value of option.kind.range ?? []) expect(loaded(file(id, name, `${value}`)).config).toBeDefined()
    },
  )

  test.each(all.filter(([, , , option]) => option.need === 'required'))(
    '%s: must be there',
    (_title, id, name, option) => {
      const text = file(id, name, '')
      const { config, problems } = loaded(text)
      expect(problems.map(inWords)).toEqual([
        `/etc/config/portico:1: section ${id} has no option ${name}: expected ${option.kind.expected}`,
      ])
      expect(config).toBeUndefined()
    },
  )

  test.each(all.filter(([, , , option]) => !option.isList))('%s: is no list', (_title, id, name, option) => {
    const text = file(id, name, '').replace(/\toption \w+ ''$/, `\tlist ${name} '${option.example}'`)
    const { problems } = loaded(text)
    expect(problems.map(({ message }) => message)).toContain(
      `list ${name} '${option.example}': expected one value, not a list`,
    )
  })

  test.each(all)('%s: has names and words', (_title, _id, name, option) => {
    expect(name).toMatch(/^[a-z][a-z0-9_]*$/)
    expect(option.routeros).toBe(name.replaceAll('_', '-'))
    expect(option.help).toMatch(/^\S.*\.$/)
    expect(option.since).toMatch(/^\d+\.\d+$/)
  })

  test.each(all.filter(([, , , option]) => option.default !== undefined))(
    '%s: the default is within its own schema',
    (_title, id, name, option) => {
      const check = validators[id] as unknown as Readonly<Record<string, (value: unknown) => boolean>>
      expect(check[name]?.(option.default)).toBe(true)
    },
  )
})

describe('versions', () => {
  test('RELEASE is the version of the package', () => {
    expect(packageFile.version).toBe(RELEASE)
  })
  const rows: readonly (readonly [since: string, release: string, expected: boolean])[] = [
    ['0.1', '0.1', true],
    ['0.2', '0.1', false],
    ['0.2', '0.10', true],
    ['0.10', '0.2', false],
    ['1.0', '0.9', false],
    ['0.9', '1.0', true],
  ]
  test.each(rows)('isInForce(%s, %s) is %s', (since, release, expected) => {
    expect(isInForce(since, release)).toBe(expected)
  })
  test('what UPnP needs is in force: its owner is told nothing', () => {
    const { config, problems } = loaded("config portico 'upnp'\n\toption enabled '1'\n\toption http_port '5000'\n")
    expect(config?.upnp.enabled).toBe(true)
    expect(problems.map(inWords)).toEqual([])
  })
})

describe('what is made from the table is current', () => {
  test('src/config/validate.generated.ts (node tools/build-validators.mjs)', () => {
    expect(madeFrom).toBe(JSON.stringify({ options: optionSchemas(), netifd: netifdSchema }))
  })
  test('docs/configuration.md (node tools/build-docs.mjs)', () => {
    expect(page).toBe(configurationPage())
  })
})
