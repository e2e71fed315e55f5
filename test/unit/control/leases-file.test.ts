import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { readOldLeases } from '../../../src/control/leases-file.ts'

const NOW = 1_795_000_000
const read = (text: string) => readOldLeases(utf8Encode(text), NOW)

describe('readOldLeases()', () => {
  test('a lease, with the time that is left of it', () => {
    expect(read(`UDP:4000:192.168.1.7:4001:${NOW + 600}:Game: level 2\n`)).toEqual({
      leases: [
        {
          transport: 'udp',
          external: 4000,
          internal: { ip: '192.168.1.7', port: 4001 },
          lifetime: 600,
          service: 'upnp',
          label: 'Game: level 2',
        },
      ],
      skipped: [],
    })
  })

  test.each([
    [`TCP:80:192.168.1.7:80:0:web`, { lifetime: 'forever', transport: 'tcp', label: 'web' }],
    [`TCP:80:192.168.1.7:80:0`, { label: '' }],
    [`TCP:80:192.168.1.7:80:0:`, { label: '' }],
    [`UDP:5:10.0.0.1:5:${NOW + 1}:NAT-PMP 5 udp`, { service: 'nat-pmp', lifetime: 1 }],
    [`UDP:5:10.0.0.1:5:${NOW + 9}:PCP MAP 0011`, { service: 'nat-pmp' }],
    ['UDP:5:10.0.0.1:5:999999999999:far', { lifetime: 0xffffffff }],
  ])('%s', (line, expected) => {
    expect(read(line).leases).toMatchObject([expected])
  })

  test.each([
    [`TCP:80:192.168.1.7:80:${NOW}:gone`, 'line 1: has ended'],
    ['hello', 'line 1: is no lease'],
    ['SCTP:80:192.168.1.7:80:0:x', 'line 1: is no lease'],
    ['TCP:0:192.168.1.7:80:0:x', 'line 1: is no lease'],
    ['TCP:80:192.168.1.7:65536:0:x', 'line 1: is no lease'],
    ['TCP:80:192.168.1.700:80:0:x', 'line 1: is no lease'],
    ['TCP:80:2001:db8::1:80:0:x', 'line 1: is no lease'],
    ['TCP:80:192.168.1.7:80:-1:x', 'line 1: is no lease'],
  ])('%s is skipped', (line, sentence) => {
    expect(read(line)).toEqual({ leases: [], skipped: [sentence] })
  })

  test('a bad line costs itself and no other', () => {
    const { leases, skipped } = read(`\nTCP:1:10.0.0.1:1:0:a\n\u0000\u0001\nTCP:2:10.0.0.1:2:0:b\n`)
    expect(leases.map(({ external }) => external)).toEqual([1, 2])
    expect(skipped).toEqual(['line 3: is no lease'])
  })

  test('a label is one short line', () => {
    const [lease] = read(`TCP:1:10.0.0.1:1:0:${'\u001b[31m'.repeat(50)}\r\n`).leases
    expect(utf8Encode(lease?.label ?? '').length <= 64).toBe(true)
    expect(lease?.label).not.toContain('\u001b')
    expect(lease?.label).not.toContain('\r')
  })
})
