import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import type { OldLease } from '../../../src/control/leases-file.ts'
import { readOldLease } from '../../../src/control/leases-file.ts'
import recorded from '../../vectors/miniupnpd/leases.txt?raw'
import recorded6 from '../../vectors/miniupnpd/leases6.txt?raw'

const NOW = 1_795_000_000
const read = (line: string) => readOldLease(line, NOW)

/** What the real one wrote. */
const written = (file: string) =>
  file
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => readOldLease(line, 1_795_276_812))

describe('readOldLease()', () => {
  test('the files that miniupnpd has written', () => {
    const internal = { ip: '192.168.88.10', port: 4000 }
    const common = { ask: 'map', internal }
    expect(written(recorded)).toEqual([
      { ...common, transport: 'udp', external: 4001, lifetime: 1794, service: 'nat-pmp', label: 'NAT-PMP 4001 udp' },
      { ...common, transport: 'tcp', external: 4002, lifetime: 1196, service: 'upnp', label: 'a game: level; 2' },
      { ...common, transport: 'tcp', external: 4003, lifetime: 604_798, service: 'upnp', label: 'no end' },
    ])
    expect(written(recorded6)).toEqual([
      {
        ask: 'pinhole',
        transport: 'tcp',
        internal: { ip: '2a01:488:88::10', port: 4000 },
        remote: { ip: 'any', port: 'any' },
        lifetime: 900,
        service: 'upnp',
        label: 'IGD2 pinhole',
      },
    ])
  })

  test('a mapping, with the time that is left of it', () => {
    expect(read(`UDP:4000:192.168.1.7:4001:${NOW + 600}:Game: level 2`)).toEqual({
      ask: 'map',
      transport: 'udp',
      external: 4000,
      internal: { ip: '192.168.1.7', port: 4001 },
      lifetime: 600,
      service: 'upnp',
      label: 'Game: level 2',
    })
  })

  test('a pinhole for one remote host', () => {
    expect(read(`TCP;2001:db8::7;8080;2001:db8:ff::1;443;12;${NOW + 60};Game; level 2`)).toEqual({
      ask: 'pinhole',
      transport: 'tcp',
      internal: { ip: '2001:db8::7', port: 8080 },
      remote: { ip: '2001:db8:ff::1', port: 443 },
      lifetime: 60,
      service: 'upnp',
      label: 'Game; level 2',
    })
  })

  test.each([
    [`TCP:80:192.168.1.7:80:0:web`, { lifetime: 'forever', transport: 'tcp', label: 'web' }],
    [`TCP:80:192.168.1.7:80:0`, { label: '' }],
    [`TCP:80:192.168.1.7:80:0:`, { label: '' }],
    [`UDP:5:10.0.0.1:5:${NOW + 1}:NAT-PMP 5 udp`, { service: 'nat-pmp', lifetime: 1 }],
    [`UDP:5:10.0.0.1:5:${NOW + 9}:PCP MAP 0011`, { service: 'nat-pmp' }],
    ['UDP:5:10.0.0.1:5:999999999999:far', { lifetime: 0xffffffff }],
    [`UDP;2001:db8::7;5;;0;1;${NOW + 9};`, { remote: { ip: 'any', port: 'any' }, label: '' }],
    ['UDP;2001:db8::7;5;;0;1;0;x', { lifetime: 0xffffffff }],
  ])('%s', (line, expected) => {
    expect(read(line)).toMatchObject(expected)
  })

  test.each([
    [`TCP:80:192.168.1.7:80:${NOW}:gone`, 'has ended'],
    [`UDP;2001:db8::7;5;;0;1;${NOW};gone`, 'has ended'],
    ['hello', 'is no lease'],
    ['SCTP:80:192.168.1.7:80:0:x', 'is no lease'],
    ['TCP:0:192.168.1.7:80:0:x', 'is no lease'],
    ['TCP:80:192.168.1.7:65536:0:x', 'is no lease'],
    ['TCP:80:192.168.1.700:80:0:x', 'is no lease'],
    ['TCP:80:2001:db8::1:80:0:x', 'is no lease'],
    ['TCP:80:192.168.1.7:80:-1:x', 'is no lease'],
    ['UDPLITE;2001:db8::7;5;;0;1;0;x', 'is no lease'],
    ['UDP;2001:db8::7;0;;0;1;0;x', 'is no lease'],
    ['UDP;2001:db8:::7;5;;0;1;0;x', 'is no lease'],
    ['UDP;2001:db8::7;5;far;0;1;0;x', 'is no lease'],
    ['UDP;192.168.1.7;5;;0;1;0;x', 'is no lease'],
    ['\u0000\u0001', 'is no lease'],
  ])('%s is skipped', (line, sentence) => {
    expect(read(line)).toBe(sentence)
  })

  test('a label is one short line', () => {
    const { label } = read(`TCP:1:10.0.0.1:1:0:${'\u001b[31m'.repeat(50)}\r`) as OldLease
    expect(utf8Encode(label).length <= 64).toBe(true)
    expect(label).not.toContain('\u001b')
    expect(label).not.toContain('\r')
  })
})
