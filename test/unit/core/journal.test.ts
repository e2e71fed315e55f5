import { describe, expect, test } from 'vitest'
import type { Ip, Mac, Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { Journal } from '../../../src/core/journal.ts'
import { Noise } from '../../../src/core/noise.ts'
import { type Event, severityOf, textOf } from '../../../src/core/record.ts'
import { ipv4FromNumber } from '../../support/addresses.ts'
import { change, map, mapping, pinhole, pinholeWish, revoke, unmap } from '../../support/mappings.ts'
import { A, B, DOWN, policy, Router, up } from '../../support/router.ts'

const at = (n: number) => n as Instant

describe('textOf()', () => {
  test.each<[string, Event, string]>([
    [
      'a grant',
      { what: 'granted', mapping: mapping({ external: 6000 }), asked: 6000 as Port },
      'info granted udp 203.0.113.7:6000 -> 192.168.1.100:5000 to nat-pmp 192.168.1.100 for 3600 s (NAT-PMP)',
    ],
    [
      'a grant of another port',
      { what: 'granted', mapping: mapping({ external: 6000 }), asked: 80 as Port },
      'info granted udp 203.0.113.7:6000 -> 192.168.1.100:5000 to nat-pmp 192.168.1.100 for 3600 s, instead of 80 (NAT-PMP)',
    ],
    [
      'a renewal by another device',
      {
        what: 'renewed',
        mapping: mapping({ mac: '02:00:00:00:00:02' }),
        was: mapping({ via: 'upnp', mac: '02:00:00:00:00:01' }),
      },
      'info renewed udp 203.0.113.7:5000 -> 192.168.1.100:5000 for 3600 s by nat-pmp 192.168.1.100 (02:00:00:00:00:02), ' +
        'before by upnp 192.168.1.100 (02:00:00:00:00:01)',
    ],
    [
      'a refusal, with the rule',
      {
        what: 'refused',
        wish: map({ transport: 'tcp', internal: 22, external: 'any' }),
        why: 'not-allowed',
        because: 'permission 3 (no ssh)',
      },
      'info refused nat-pmp 192.168.1.100 tcp internal port 22, external any: not-allowed, permission 3 (no ssh)',
    ],
    [
      'a refused deletion',
      {
        what: 'refused',
        wish: unmap({ transport: 'tcp', internal: 'all' }),
        why: 'not-owner',
        because: 'made by the operator',
      },
      'info refused nat-pmp 192.168.1.100 deletion of tcp internal port all: not-owner, made by the operator',
    ],
    [
      'an expiry',
      { what: 'expired', mapping: mapping() },
      'info expired udp 203.0.113.7:5000 -> 192.168.1.100:5000 of nat-pmp 192.168.1.100 (NAT-PMP)',
    ],
    [
      'a removal, with text from strangers on one line',
      { what: 'removed', mapping: mapping({ label: 'x\ny' }), because: 'by its client' },
      'info removed udp 203.0.113.7:5000 -> 192.168.1.100:5000 of nat-pmp 192.168.1.100 (x y): by its client',
    ],
    [
      'a refused deletion by external port',
      { what: 'refused', wish: revoke({ transport: 'tcp', external: 80 }), why: 'absent', because: 'none' },
      'info refused upnp 192.168.1.100 deletion of tcp 80: absent, none',
    ],
    [
      'a refused deletion of a range',
      { what: 'refused', wish: revoke({ range: [1, 9] }), why: 'absent', because: 'none' },
      'info refused upnp 192.168.1.100 deletion of udp 1-9: absent, none',
    ],
    [
      'a refused mapping for one remote host',
      { what: 'refused', wish: map({ via: 'upnp', remote: '198.51.100.1' }), why: 'quota', because: 'full' },
      'info refused upnp 192.168.1.100 udp internal port 5000, external 5000 from 198.51.100.1: quota, full',
    ],
    [
      'a refused pinhole',
      { what: 'refused', wish: pinholeWish({ remotePort: 53 }), why: 'bad-host', because: 'the router' },
      'info refused upnp 2001:db8:1::100 pinhole udp [2001:db8:1::100]:5000 from any port 53: bad-host, the router',
    ],
    [
      'a refused extension',
      { what: 'refused', wish: change('extend', 9), why: 'absent', because: 'none' },
      'info refused upnp 2001:db8:1::100 extension of pinhole 9: absent, none',
    ],
    [
      'a refused closing',
      { what: 'refused', wish: change('close', 9), why: 'not-owner', because: 'leads to another' },
      'info refused upnp 2001:db8:1::100 deletion of pinhole 9: not-owner, leads to another',
    ],
    [
      'a pinhole',
      { what: 'granted', mapping: pinhole({ id: 9, remote: '2001:db8:2::1' }), asked: 'any' },
      'info granted pinhole 9 udp [2001:db8:1::100]:5000 from 2001:db8:2::1 to upnp 2001:db8:1::100 for 3600 s (UPnP)',
    ],
    [
      'a mapping that leads elsewhere now',
      { what: 'changed', mapping: mapping({ via: 'upnp', internal: 6000 }), was: mapping({ state: 'disabled' }) },
      'info changed udp 203.0.113.7:5000 -> 192.168.1.100:6000 for 3600 s by upnp 192.168.1.100 (NAT-PMP), ' +
        'before udp 203.0.113.7:5000 -> 192.168.1.100:5000 (disabled)',
    ],
    [
      'a suspension',
      {
        what: 'suspended',
        mapping: mapping({ mac: '02:00:00:00:00:01', state: 'suspended' }),
        seen: '02:00:00:00:00:02' as Mac,
      },
      'warning suspended udp 203.0.113.7:5000 -> 192.168.1.100:5000 of nat-pmp 192.168.1.100 (02:00:00:00:00:01) ' +
        '(NAT-PMP): 02:00:00:00:00:02 has its address',
    ],
    [
      'its end',
      { what: 'resumed', mapping: mapping(), seen: '02:00:00:00:00:01' as Mac },
      'info resumed udp 203.0.113.7:5000 -> 192.168.1.100:5000 of nat-pmp 192.168.1.100 (NAT-PMP): ' +
        '02:00:00:00:00:01 has its address again',
    ],
    ['an uplink', { what: 'uplink', uplink: up('203.0.113.7') }, 'info external interface wan has 203.0.113.7'],
    [
      'an uplink behind another NAT',
      {
        what: 'uplink',
        uplink: { is: 'up', device: 'wan', address: '100.64.0.2' as Ip, told: '203.0.113.7' as Ip, reach: 'shared' },
      },
      'warning external interface wan has 100.64.0.2 (shared by the provider, RFC 6598: the world cannot reach it), ' +
        'clients are told 203.0.113.7',
    ],
    ['an uplink that is down', { what: 'uplink', uplink: DOWN }, 'warning external interface wan is down: no carrier'],
    [
      'a network that is closed',
      { what: 'network', device: 'br-lan', isOpen: false, because: 'asked by 192.168.1.100' },
      'info network br-lan is cut off from the Internet: asked by 192.168.1.100',
    ],
    [
      'a network that is open again',
      { what: 'network', device: 'br-lan', isOpen: true, because: 'the service ends' },
      'info network br-lan reaches the Internet again: the service ends',
    ],
    ['a move', { what: 'moved', count: 3, to: '198.51.100.9' as Ip }, 'info moved 3 mappings to 198.51.100.9'],
    ['an adoption', { what: 'adopted', count: 3 }, 'info adopted 3 mappings that the kernel holds'],
    [
      'a static mapping that cannot be',
      {
        what: 'static-refused',
        transport: 'tcp',
        external: 80 as Port,
        because: 'an earlier one has its external port',
      },
      'warning static mapping tcp 80 is left out: an earlier one has its external port',
    ],
    ['a kernel', { what: 'kernel', doing: 'ending leases', said: 'EBUSY' }, 'error ending leases: EBUSY'],
    [
      'noise',
      { what: 'noise', kind: 'malformed', from: A, count: 4211, seconds: 60 },
      'warning dropped 4211 malformed datagrams from 192.168.1.100 in 60 s',
    ],
    [
      'silence of the log',
      { what: 'quiet', count: 7 },
      'warning 7 more lines left out here; /log print has the latest',
    ],
  ])('%s', (_what, event, expected) => {
    expect(`${severityOf(event)} ${textOf(event)}`).toBe(expected)
  })
})

describe('Journal', () => {
  const adopted = (count: number): Event => ({ what: 'adopted', count })

  test('keeps the latest, numbered without gaps', () => {
    const journal = new Journal(() => {}, 3)
    for (let n = 1; n <= 5; n++) journal.record(adopted(n), at(n))
    expect(journal.entries().map(({ number, at: when }) => [number, when])).toEqual([
      [3, 3],
      [4, 4],
      [5, 5],
    ])
    expect(journal.entries(4).map(({ number }) => number)).toEqual([5])
    expect(journal.entries(5)).toEqual([])
    expect(new Journal(() => {}).entries()).toEqual([])
  })

  test('a flood of events is a bounded number of lines, then their count; warnings are always written', () => {
    const lines: string[] = []
    const journal = new Journal((severity, line) => lines.push(`${severity} ${line}`))
    for (let n = 0; n < 10_000; n++) journal.record(adopted(n), at(0))
    expect(lines).toHaveLength(200)
    journal.record({ what: 'kernel', doing: 'x', said: 'y' }, at(0))
    expect(lines).toHaveLength(201)
    journal.record(adopted(1), at(1000))
    expect(lines.slice(201)).toEqual([
      'warning 9800 more lines left out here; /log print has the latest',
      'info adopted 1 mappings that the kernel holds',
    ])
    expect(journal.entries()).toHaveLength(500)
  })

  test('how many lines were left out is said after ten seconds, though none follows', () => {
    const lines: string[] = []
    const journal = new Journal((severity, line) => lines.push(`${severity} ${line}`))
    for (let n = 0; n < 200; n++) journal.record(adopted(n), at(0))
    expect(journal.wakeAt).toBeUndefined()
    journal.record(adopted(1), at(10))
    journal.record(adopted(1), at(20))
    expect(journal.wakeAt).toBe(10_010)
    journal.wake(at(10_009))
    expect(lines).toHaveLength(200)
    journal.wake(at(10_010))
    expect(lines.slice(200)).toEqual(['warning 2 more lines left out here; /log print has the latest'])
    expect(journal.wakeAt).toBeUndefined()
  })
})

describe('Noise', () => {
  function noisy() {
    const journal = new Journal(() => {})
    const noise = new Noise(journal)
    const lines = () => journal.entries().map(({ event }) => textOf(event))
    return { noise, lines }
  }

  test('one line a minute for each kind and sender', () => {
    const { noise, lines } = noisy()
    expect(noise.wakeAt).toBeUndefined()
    for (let n = 0; n < 4211; n++) noise.count('malformed', A, at(1000 + n))
    noise.count('reflected', A, at(6000))
    noise.count('malformed', B, at(6000))
    expect(noise.wakeAt).toBe(61_000)
    noise.wake(at(60_999))
    expect(lines()).toEqual([])
    noise.wake(at(61_000))
    expect(lines()).toEqual([
      'dropped 4211 malformed datagrams from 192.168.1.100 in 60 s',
      'dropped 1 malformed datagrams from 192.168.1.101 in 60 s',
      'dropped 1 datagrams that are responses from 192.168.1.100 in 60 s',
    ])
    expect(noise.wakeAt).toBeUndefined()
  })

  test('invented senders beyond a number are counted together', () => {
    const { noise, lines } = noisy()
    for (let n = 0; n < 10_000; n++) noise.count('malformed', ipv4FromNumber(n), at(0))
    noise.wake(at(60_000))
    expect(lines()).toHaveLength(65)
    expect(lines()).toContain('dropped 9936 malformed datagrams from others in 60 s')
  })
})

describe('what a router records', () => {
  test('the life of a mapping, without its plain renewals', async () => {
    const router = await Router.start()
    await router.from(A).map('udp', 5000, 5000, 600)
    await router.from(A).map('udp', 5000, 5000, 600)
    await router.from(A).map('udp', 5000, 0, 0)
    await router.from(B).map('udp', 6000, 6000, 10)
    await router.pass(10)
    expect(router.journal.entries().map(({ event }) => event.what)).toEqual([
      'uplink',
      'granted',
      'removed',
      'granted',
      'expired',
    ])
  })

  test('a refusal with the rule that refused', async () => {
    const router = await Router.start({ policy: policy([{ action: 'deny', comment: 'nobody' }]) })
    await router.from(A).map('udp', 5000, 5000)
    expect(router.lines.at(-1)).toBe(
      'info refused nat-pmp 192.168.1.100 udp internal port 5000, external 5000: not-allowed, permission 0 (nobody)',
    )
  })
})
