import { describe, expect, test } from 'vitest'
import type { Ip, PortRange } from '../../../src/base/ip.ts'
import { runLine } from '../../../src/control/server.ts'
import { localTime } from '../../../src/control/time.ts'
import type { InterfaceRole } from '../../../src/control/world.ts'
import type { Mapping } from '../../../src/core/mapping.ts'
import { healthy, MemoryWorld, mapping, run } from '../../support/control-world.ts'

const APPLICATION = mapping({ port: 55_000, label: 'ApplicationX', left: 7170 })
const WEB = mapping({ port: 8443, to: 443, host: '192.168.88.5', via: 'operator', label: 'web server' })

function world(): MemoryWorld {
  const made = new MemoryWorld()
  made.held = [mapping({ transport: 'udp', port: 55_000, label: 'ApplicationX' }), APPLICATION, WEB]
  return made
}

async function shown(line: string, on = world(), options: { json?: boolean; width?: number } = {}): Promise<string> {
  return (await run(on, line, { json: false, width: 80, ...options })).text
}

/** Without the first line end and the last blanks, so that a text can stand in the test as it looks. */
const text = (lines: string) => lines.slice(1).replace(/ +$/, '')

const role = (over: Partial<InterfaceRole>): InterfaceRole => ({
  interface: 'lan',
  device: 'br-lan',
  type: 'internal',
  services: ['upnp', 'nat-pmp'],
  forcedIp: undefined,
  disabled: false,
  dynamic: false,
  invalid: undefined,
  closedBy: undefined,
  ...over,
})

describe('print', () => {
  test('/ip nat-pmp: settings, names to the right', async () => {
    expect(await shown('/ip nat-pmp print')).toBe(
      text(`
                enabled: yes
  allow-port-forwarding: yes
`),
    )
  })

  test('/ip upnp natpmp is the same menu', async () => {
    expect(await shown('/ip upnp natpmp print')).toBe(await shown('/ip nat-pmp print'))
  })

  test('/ip nat-pmp interfaces: flags, and the reason of an invalid one', async () => {
    const on = new MemoryWorld()
    on.roles = [
      role({ dynamic: true }),
      role({
        interface: 'wan',
        device: 'ether1',
        type: 'external',
        services: ['nat-pmp'],
        forcedIp: '11.22.33.99' as Ip,
      }),
      role({ interface: 'guest', device: undefined, invalid: 'there is no such network' }),
      role({ interface: 'iot', device: undefined, disabled: true }),
      role({ interface: 'tv', services: ['upnp'] }),
    ]
    expect(await shown('/ip nat-pmp interfaces print', on)).toBe(
      text(`
Flags: X - disabled, I - invalid; D - dynamic
Columns: INTERFACE, TYPE, FORCED-IP, DEVICE
#    INTERFACE  TYPE      FORCED-IP    DEVICE
0  D lan        internal               br-lan
1    wan        external  11.22.33.99  ether1
;;; there is no such network
2 I  guest      internal
3 X  iot        internal
`),
    )
  })

  describe('traffic', () => {
    function busy(): MemoryWorld {
      const made = world()
      made.counted.set(APPLICATION, { packets: 12, bytes: 3456, bytesOut: 1000 })
      made.counted.set(made.held[0] as Mapping, { packets: 0, bytes: 0, bytesOut: 0 })
      return made
    }

    test('/ip upnp mappings print stats: numbers to the right, nothing where nothing counts', async () => {
      expect(await shown('/ip upnp mappings print stats', busy())).toBe(
        text(`
Flags: X - disabled, I - invalid; D - dynamic
Columns: PROTOCOL, DST-PORT, INTERNAL-ADDRESS, INTERNAL-PORT, BYTES, PACKETS
#   PROTOCOL  DST-PORT  INTERNAL-ADDRESS  INTERNAL-PORT  BYTES  PACKETS
;;; web server
0   tcp           8443  192.168.88.5                443
;;; ApplicationX
1 D tcp          55000  192.168.88.10             55000   3456       12
;;; ApplicationX
2 D udp          55000  192.168.88.10             55000      0        0
`),
      )
    })

    test('/ip firewall nat print stats', async () => {
      const out = await shown('/ip firewall nat print stats where packets>0', busy())
      expect(out).toContain('Columns: CHAIN, ACTION, BYTES, PACKETS\n')
      expect(out).toMatch(/\n1 D dstnat {2}dst-nat {3}3456 {7}12\n$/)
    })

    test.each([
      ['/ip upnp mappings print detail where dst-port=55000 protocol=tcp', false, ' packets=12 bytes=3456\n'],
      ['/ip upnp mappings print terse where bytes>3000', false, ' packets=12 bytes=3456 '],
      ['/ip firewall nat print detail where protocol=tcp', false, ' packets=12 bytes=3456'],
      ['/ip upnp mappings print where bytes=3456', true, '"packets":12,"bytes":3456}'],
      ['/ip upnp mappings print count-only where packets=0', false, '1\n'],
      ['/ip upnp mappings print where packets>0', false, '\n1 D tcp '],
    ])('%s', async (line, json, expected) => {
      expect((await shown(line, busy(), { json, width: 200 })).replace(/ *\n +/g, ' ')).toContain(expected)
    })

    test('the table, and what is only counted, do not ask the kernel', async () => {
      const on = busy()
      on.traffic = () => Promise.reject(new Error('asked'))
      expect(await shown('/ip upnp mappings print', on)).not.toContain('PACKETS')
      expect(await shown('/ip firewall nat print', on)).not.toContain('packets')
      expect(await shown('/ip upnp mappings print count-only', on)).toBe('3\n')
      expect(await shown('/ip upnp mappings print count-only', on, { json: true })).toBe('{"count":3}\n')
    })

    test('what carried nothing can be removed', async () => {
      const on = busy()
      expect((await run(on, '/ip upnp mappings remove [find packets=0]', { json: false, width: 80 })).exit).toBe(0)
      expect(on.removed).toEqual([mapping({ transport: 'udp', port: 55_000, label: 'ApplicationX' })])
    })
  })

  test('/ip upnp mappings: static first, then by port; numbers to the right', async () => {
    expect(await shown('/ip upnp mappings print')).toBe(
      text(`
Flags: X - disabled, I - invalid; D - dynamic
Columns: PROTOCOL, DST-PORT, INTERNAL-ADDRESS, INTERNAL-PORT, SERVICE, TIMEOUT
#   PROTOCOL  DST-PORT  INTERNAL-ADDRESS  INTERNAL-PORT  SERVICE  TIMEOUT
;;; web server
0   tcp           8443  192.168.88.5                443  static
;;; ApplicationX
1 D tcp          55000  192.168.88.10             55000  nat-pmp  1h59m30s
;;; ApplicationX
2 D udp          55000  192.168.88.10             55000  nat-pmp  1h59m59s
`),
    )
  })

  test('without rows: the head remains', async () => {
    expect(await shown('/ip upnp mappings print', new MemoryWorld())).toBe(
      text(`
Flags: X - disabled, I - invalid; D - dynamic
Columns: PROTOCOL, DST-PORT, INTERNAL-ADDRESS, INTERNAL-PORT, SERVICE, TIMEOUT
`),
    )
  })

  test('where keeps the numbers that remove takes', async () => {
    expect(await shown('/ip upnp mappings print where protocol=udp')).toContain('\n2 D udp ')
  })

  test('show-ids', async () => {
    expect(await shown('/ip upnp mappings print terse show-ids where dynamic')).toBe(
      text(`
 *D6D8 D protocol=tcp dst-port=55000 internal-address=192.168.88.10 internal-port=55000 service=nat-pmp timeout=1h59m30s lifetime=2h dst-address=11.22.33.44 client=192.168.88.10 comment=ApplicationX
*1D6D8 D protocol=udp dst-port=55000 internal-address=192.168.88.10 internal-port=55000 service=nat-pmp timeout=1h59m59s lifetime=2h dst-address=11.22.33.44 client=192.168.88.10 comment=ApplicationX
`),
    )
  })

  test('/ip firewall nat where dynamic: the lines of the RouterOS manual', async () => {
    const nat = await shown('/ip firewall nat print where dynamic', world(), { width: 100 })
    expect(nat).toBe(
      text(`
Flags: X - disabled, I - invalid; D - dynamic
1 D ;;; nat-pmp 192.168.88.10: ApplicationX
    chain=dstnat action=dst-nat to-addresses=192.168.88.10 to-ports=55000 protocol=tcp
    dst-address=11.22.33.44 in-interface=ether1 dst-port=55000

2 D ;;; nat-pmp 192.168.88.10: ApplicationX
    chain=dstnat action=dst-nat to-addresses=192.168.88.10 to-ports=55000 protocol=udp
    dst-address=11.22.33.44 in-interface=ether1 dst-port=55000
`),
    )
  })

  test('the detail form wraps at the width given, and no line is longer', async () => {
    for (const width of [60, 80, 132]) {
      const lines = (await shown('/ip upnp mappings print detail', world(), { width })).split('\n')
      expect(Math.max(...lines.map(line => line.length)) <= width).toBe(true)
    }
    const narrow = (await shown('/ip upnp mappings print detail', world(), { width: 60 })).split('\n').length
    expect(narrow).toBeGreaterThan(
      (await shown('/ip upnp mappings print detail', world(), { width: 132 })).split('\n').length,
    )
  })

  test('/ip upnp permissions: ranges and lists', async () => {
    const on = new MemoryWorld()
    const allow: (typeof on.rules)[number] = {
      action: 'allow',
      interface: undefined,
      protocol: 'both',
      dst_port: { first: 1024, last: 65535 } as PortRange,
      internal_port: undefined,
      internal_address: { first: '192.168.88.0' as Ip, last: '192.168.88.255' as Ip },
      mac: undefined,
      service: ['upnp', 'nat-pmp'],
      comment: 'high ports',
      disabled: false,
    }
    on.rules = [allow, { ...allow, action: 'deny', comment: '', disabled: true }]
    expect(await shown('/ip upnp permissions print', on)).toBe(
      text(`
Flags: X - disabled
Columns: ACTION, PROTOCOL, DST-PORT, INTERNAL-ADDRESS, SERVICE
#   ACTION  PROTOCOL  DST-PORT    INTERNAL-ADDRESS             SERVICE
;;; high ports
0   allow   both      1024-65535  192.168.88.0-192.168.88.255  upnp,nat-pmp
1 X deny    both      1024-65535  192.168.88.0-192.168.88.255  upnp,nat-pmp
`),
    )
  })

  test('/log: local time, topics, message', async () => {
    const on = new MemoryWorld()
    const time = new Date(2026, 10, 21, 9, 5, 0).getTime()
    on.lines = [
      { time, severity: 'info', topics: ['nat-pmp'], message: 'granted tcp 55000' },
      { time: time + 61_000, severity: 'warning', topics: ['uplink'], message: 'ether1 is down' },
    ]
    expect(await shown('/log print', on)).toBe(
      text(`
2026-11-21 09:05:00 nat-pmp,info granted tcp 55000
2026-11-21 09:06:01 uplink,warning ether1 is down
`),
    )
    expect(await shown('/log print where topics~"nat"', on)).toBe(
      '2026-11-21 09:05:00 nat-pmp,info granted tcp 55000\n',
    )
    expect(await shown('/log print topics=uplink', on)).toBe('2026-11-21 09:06:01 uplink,warning ether1 is down\n')
    expect(localTime(time)).toBe('2026-11-21 09:05:00')
  })

  test('a long list comes in pieces and is whole', async () => {
    const on = new MemoryWorld()
    on.held = Array.from({ length: 1234 }, (_, i) => mapping({ port: 1024 + i, label: `x${i}` }))
    const { text: pieces } = await runLine(on, '/ip upnp mappings print', { json: false, width: 80 })
    const all = [...pieces]
    expect(all.length).toBeGreaterThan(40)
    const rows = all.join('').split('\n')
    expect(rows).toHaveLength(3 + 2 * 1234 + 1)
    expect(rows[3]).toBe(';;; x0')
    expect(rows[4]).toBe('   0 D tcp           1024  192.168.88.10              1024  nat-pmp  1h59m59s')
    expect(rows.at(-2)).toBe('1233 D tcp           2257  192.168.88.10              2257  nat-pmp  1h59m59s')
    expect(JSON.parse(await shown('/ip upnp mappings print', on, { json: true }))).toHaveLength(1234)
  })

  test('count-only', async () => {
    expect(await shown('/ip upnp mappings print count-only where dynamic')).toBe('2\n')
  })
})

describe('print --json', () => {
  const json = async (line: string, on = world()) => JSON.parse(await shown(line, on, { json: true }))

  test('numbers are numbers, durations seconds, flags booleans, the unset absent', async () => {
    expect(await json('/ip upnp mappings print where !dynamic or protocol=udp')).toEqual([
      {
        '.id': '*20FB',
        number: 0,
        disabled: false,
        invalid: false,
        dynamic: false,
        protocol: 'tcp',
        'dst-port': 8443,
        'internal-address': '192.168.88.5',
        'internal-port': 443,
        service: 'static',
        'dst-address': '11.22.33.44',
        comment: 'web server',
      },
      {
        '.id': '*1D6D8',
        number: 2,
        disabled: false,
        invalid: false,
        dynamic: true,
        protocol: 'udp',
        'dst-port': 55_000,
        'internal-address': '192.168.88.10',
        'internal-port': 55_000,
        service: 'nat-pmp',
        timeout: 7199,
        lifetime: 7200,
        'dst-address': '11.22.33.44',
        client: '192.168.88.10',
        comment: 'ApplicationX',
      },
    ])
  })
  test('settings are one object', async () => {
    expect(await json('/ip nat-pmp print')).toEqual({ enabled: true, 'allow-port-forwarding': true })
  })
  test('one row a line', async () => {
    expect((await shown('/ip upnp mappings print', world(), { json: true })).split('\n')).toHaveLength(6)
    expect(await shown('/ip upnp mappings print', new MemoryWorld(), { json: true })).toBe('[]\n')
  })
  test('a count, a removal, a refusal, a fault', async () => {
    expect(await json('/ip upnp mappings print count-only')).toEqual({ count: 3 })
    expect(await json('/ip upnp mappings remove *D6D8')).toEqual({ removed: ['*D6D8'] })
    expect(await json('/ip upnp mappings remove *1')).toEqual({ error: 'no such item' })
    expect(await json('/ip foo')).toEqual({ error: 'bad command name foo (line 1 column 5)' })
  })
})

describe('a label from a hostile client', () => {
  const LABELS = [
    'a\r\n9 D ;;; nat-pmp 10.0.0.1: forged',
    '\x1b[2J\x1b]0;owned\x07',
    '\u009b31m',
    '\u202egnp.exe',
    '\u2028line',
    '" protocol=udp comment="',
    '`reboot` $(reboot) $x',
    '<script>alert(1)</script>]]>',
    '\ud800',
    '\0',
    '{"a":1}',
    '💥'.repeat(16),
  ]
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there.
  const CONTROL = /[\0-\x09\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]/

  for (const label of LABELS) {
    const on = world()
    on.held = [mapping({ port: 4000, label })]
    test(`${JSON.stringify(label)} forges neither line nor control`, async () => {
      const plain = new MemoryWorld()
      plain.held = [mapping({ port: 4000, label: 'x' })]
      for (const form of ['brief', 'detail', 'terse']) {
        const out = await shown(`/ip upnp mappings print ${form}`, on, { width: 200 })
        expect(CONTROL.test(out)).toBe(false)
        const expected = await shown(`/ip upnp mappings print ${form}`, plain, { width: 200 })
        expect(out.split('\n')).toHaveLength(expected.split('\n').length)
      }
    })
    test(`${JSON.stringify(label)} stays data in JSON`, async () => {
      const out = await shown('/ip upnp mappings print', on, { json: true })
      expect(CONTROL.test(out)).toBe(false)
      const back = JSON.parse(out)
      expect(back[0].comment).toBe(label)
      expect(Object.keys(back[0]).sort()).toEqual(
        [
          '.id',
          'number',
          'disabled',
          'invalid',
          'dynamic',
          'protocol',
          'dst-port',
          'internal-address',
          'internal-port',
          'service',
          'timeout',
        ]
          .concat(['lifetime', 'dst-address', 'client', 'comment'])
          .sort(),
      )
    })
  }
})

describe('status', () => {
  const on = (state: Partial<typeof healthy>) => {
    const made = new MemoryWorld()
    made.state = { ...healthy, ...state }
    return made
  }
  const up = (address: string, reach: 'private' | 'shared' | 'public', told = address) =>
    ({ is: 'up', device: 'ether1', address: address as Ip, told: told as Ip, reach }) as const

  test('of a healthy router has nothing to do', async () => {
    expect(await shown('status', on({}))).toBe(
      text(`
   version: 0.1.0 on QuickJS 2025-04-26
    uptime: 1d2h3m4s
   nat-pmp: on, at 192.168.88.1:5351
      upnp: off
  external: ether1 11.22.33.44 (public)
      IPv6: ether1 without an address of its own
  internal: br-lan 192.168.88.1
  mappings: 2 of 2048 (one host may hold 64)
      ubus: connected
    kernel: 6.18.5
`),
    )
  })

  test('of a router with troubles says what, where and what to do', async () => {
    const troubled = on({
      uplink: up('100.64.1.2', 'shared'),
      uplink6: { is: 'down', device: 'ether1', why: 'no default route of IPv6 leaves by ether1' },
      refused: [{ why: 'not-allowed', count: 3, last: '192.168.88.7 asked for tcp 22: permission 3 (no ssh)' }],
      problems: [
        { weight: 'error', file: '/etc/config/portico', line: 12, message: "option dst_port '70000': expected a port" },
      ],
      kernel: {
        release: '5.15.0',
        features: [{ name: 'timeout update', present: false, meaning: 'a renewal keeps the counter' }],
      },
    })
    expect(await shown('status', troubled)).toBe(
      text(`
   version: 0.1.0 on QuickJS 2025-04-26
    uptime: 1d2h3m4s
   nat-pmp: on, at 192.168.88.1:5351
      upnp: off
  external: ether1 100.64.1.2 (shared by the provider: the world cannot reach this address)
      IPv6: no pinholes: no default route of IPv6 leaves by ether1
  internal: br-lan 192.168.88.1
  mappings: 2 of 2048 (one host may hold 64)
      ubus: connected
    kernel: 5.15.0, no timeout update

Refused lately
  3 x not-allowed, last: 192.168.88.7 asked for tcp 22: permission 3 (no ssh)

Configuration
  error: /etc/config/portico:12: option dst_port '70000': expected a port

Kernel
  no timeout update; with it, a renewal keeps the counter

What to do
  The world cannot reach 100.64.1.2: your provider keeps you behind carrier-grade NAT; ask for a public IPv4 address.
  Mend the configuration errors above, then run: /etc/init.d/portico reload
`),
    )
  })

  const advice: readonly (readonly [name: string, state: Partial<typeof healthy>, expected: string])[] = [
    [
      'a private address',
      { uplink: up('192.168.1.2', 'private') },
      'The world cannot reach 192.168.1.2: another router stands',
    ],
    [
      'no uplink',
      { uplink: { is: 'down', device: 'ether1', why: 'ether1 has no IPv4 address' } },
      'No mapping can be made: ether1',
    ],
    ['no service', { services: [] }, 'No service is enabled.'],
    ['no internal interface', { internal: [] }, 'No internal interface'],
    ['a full table', { held: 2048 }, 'All 2048 mappings are taken'],
    [
      'a network that a client has cut off',
      { closed: [{ device: 'br-lan', by: '192.168.88.10' as Ip }] },
      'br-lan is cut off from the Internet, as 192.168.88.10 asked by UPnP. To open it: uci set portico.upnp.allow_disable_internal_interface=0',
    ],
    [
      'a port that is taken',
      { services: [{ service: 'nat-pmp', enabled: true, listening: [], trouble: 'udp 5351 is taken' }] },
      'nat-pmp: udp 5351 is taken',
    ],
  ]
  for (const [name, state, expected] of advice) {
    test(`advises on ${name}`, async () => {
      const out = await shown('status', on(state))
      expect(out.slice(out.indexOf('What to do'))).toContain(expected)
      expect(JSON.parse(await shown('status', on(state), { json: true })).advice[0]).toContain(expected)
    })
  }

  test('says so beside the network as well', async () => {
    const closed = [{ device: 'br-lan', by: '192.168.88.10' as Ip }]
    expect(await shown('status', on({ closed }))).toContain(
      'internal: br-lan 192.168.88.1 (cut off from the Internet)\n',
    )
    expect(JSON.parse(await shown('status', on({ closed }), { json: true })).closed).toEqual(closed)
  })

  test('is content with a private address when the owner forces the one before it', async () => {
    const out = await shown('status', on({ uplink: up('192.168.1.2', 'private', '11.22.33.44') }))
    expect(out).toContain('clients are told 11.22.33.44')
    expect(out).not.toContain('What to do')
  })

  test('--json carries the same facts', async () => {
    expect(JSON.parse(await shown('status', on({}), { json: true }))).toEqual({
      version: '0.1.0',
      engine: 'QuickJS 2025-04-26',
      uptime: 93_784,
      services: [
        { service: 'nat-pmp', enabled: true, listening: ['192.168.88.1:5351'] },
        { service: 'upnp', enabled: false, listening: [] },
      ],
      uplink: { state: 'up', device: 'ether1', address: '11.22.33.44', told: '11.22.33.44', reach: 'public' },
      uplink6: { state: 'up', device: 'ether1' },
      internal: [{ device: 'br-lan', address: '192.168.88.1' }],
      closed: [],
      mappings: { held: 2, total: 2048, 'per-host': 64 },
      refused: [],
      problems: [],
      kernel: { release: '6.18.5', features: [] },
      ubus: { connected: true },
      advice: [],
    })
  })
})
