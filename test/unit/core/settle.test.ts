import { describe, expect, test } from 'vitest'
import { type IpRange, type Port, parseIpRange } from '../../../src/base/ip.ts'
import { Reserved } from '../../../src/core/choice.ts'
import type { World } from '../../../src/core/decide.ts'
import type { Change, Mapping } from '../../../src/core/mapping.ts'
import type { Policy, StaticMapping } from '../../../src/core/policy.ts'
import { type Plan, settle } from '../../../src/core/settle.ts'
import type { Surroundings } from '../../../src/core/surroundings.ts'
import { Table } from '../../../src/core/table.ts'
import type { Uplink } from '../../../src/core/uplink.ts'
import { mapping, pinhole } from '../../support/mappings.ts'
import { A, B, DOWN, policy, ports, up, WAN_ADDRESS } from '../../support/router.ts'

interface Scene {
  readonly held: readonly Mapping[]
  readonly statics?: readonly StaticMapping[]
  readonly uplink?: Uplink
  readonly policy?: Policy
  readonly around?: Partial<Surroundings>
  readonly review?: boolean
}

function planFor(scene: Scene): Plan {
  const table = new Table()
  table.commit(scene.held.map(each => ({ act: 'add', mapping: each })))
  const surroundings: Surroundings = {
    taken: () => undefined,
    hasRedirect: () => false,
    redirected: () => undefined,
    barred: () => undefined,
    isAway: () => false,
    outward6: () => 'wan',
    deviceOf: () => 'br-lan',
    ...scene.around,
  }
  const world: World = {
    table,
    policy: scene.policy ?? policy(),
    uplink: scene.uplink ?? up(WAN_ADDRESS),
    surroundings,
    reserved: new Reserved(surroundings),
  }
  return settle(table, world, scene.statics ?? [], scene.review ?? true)
}

const ssh = (words: Partial<StaticMapping> = {}): StaticMapping => ({
  transport: 'tcp',
  external: 2222 as Port,
  internal: { ip: A, port: 22 as Port },
  label: 'ssh',
  ...words,
})
const made = mapping({ transport: 'tcp', external: 2222, internal: 22, via: 'operator', until: 0, label: 'ssh' })
const a = mapping({ external: 5000, internal: 5000 })
const b = mapping({ host: B, external: 2222, internal: 5000, transport: 'tcp' })
const hole = pinhole({ id: 7 })
const PREFIX = parseIpRange('2001:db8:1::/64') as IpRange
const sshPort = mapping({ transport: 'tcp', external: 9000, internal: 22 })
const add = (each: Mapping): Change => ({ act: 'add', mapping: each })
const remove = (each: Mapping): Change => ({ act: 'remove', mapping: each })
const moved = (was: Mapping, address: string): Change => ({
  act: 'replace',
  was,
  mapping: { ...was, external: { ...was.external, ip: address as Mapping['external']['ip'] } },
})

const ON_WAN = policy([{ device: 'wan' }, { action: 'deny' }])
const NO_WAY: Partial<Surroundings> = { outward6: () => undefined }
const AWAY: Partial<Surroundings> = { deviceOf: () => undefined, barred: () => 'on no internal network' }

describe('settle()', () => {
  test.each<[string, Scene, boolean]>([
    ['of a host whose network is not there', { held: [a], around: { ...AWAY, isAway: () => true } }, true],
    ['of a pinhole whose uplink is not there', { held: [hole], policy: ON_WAN, around: NO_WAY }, true],
    ['of a pinhole whose uplink nobody names', { held: [hole], policy: policy([{}]), around: NO_WAY }, false],
    [
      'of a mapping without any uplink',
      { held: [a], policy: ON_WAN, uplink: { is: 'down', device: undefined, why: 'gone' } },
      true,
    ],
    ['of a host that is on no network', { held: [a], around: AWAY }, false],
    ['of a static mapping', { held: [made], statics: [ssh()], around: { ...AWAY, isAway: () => true } }, false],
    ['without a review', { held: [a], around: { ...AWAY, isAway: () => true }, review: false }, false],
  ])('is to be asked again: %s', (_what, scene, postponed) => {
    expect(planFor(scene).postponed).toBe(postponed)
  })

  test.each<[string, Scene, readonly Change[]]>([
    ['leaves alone what is as it should be', { held: [a, made], statics: [ssh()] }, []],
    ['removes what a rule denies by now', { held: [a], policy: policy([{ action: 'deny' }]) }, [remove(a)]],
    ['asks the rules only in a review', { held: [a], policy: policy([{ action: 'deny' }]), review: false }, []],
    [
      'removes what a service made that may no longer forward',
      { held: [a], policy: { ...policy(), forwarding: { 'nat-pmp': false, upnp: true } } },
      [remove(a)],
    ],
    ['removes what leads to no host of a LAN any more', { held: [a], around: { barred: () => 'gone' } }, [remove(a)]],
    [
      'keeps what may lead to a host whose network is not there, whatever the rules say',
      { held: [a], around: { ...AWAY, isAway: () => true }, policy: policy([{ action: 'deny' }]) },
      [],
    ],
    [
      'removes that too when its service may no longer forward',
      {
        held: [a],
        around: { ...AWAY, isAway: () => true },
        policy: { ...policy(), forwarding: { 'nat-pmp': false, upnp: true } },
      },
      [remove(a)],
    ],
    ['removes what a new redirect takes over', { held: [a], around: { hasRedirect: () => true } }, [remove(a)]],
    ['keeps what a program of the router seems to use by now', { held: [a], around: { taken: () => 'router' } }, []],
    [
      'keeps what only the internal device allows',
      { held: [a], policy: policy([{ device: 'br-lan', external: ports(5000) }, { action: 'deny' }]) },
      [],
    ],
    [
      'removes what another device is allowed',
      { held: [a], policy: policy([{ device: 'br-iot', external: ports(5000) }, { action: 'deny' }]) },
      [remove(a)],
    ],
    ['makes static mappings', { held: [], statics: [ssh()] }, [add(made)]],
    ['takes away static mappings', { held: [made, a] }, [remove(made)]],
    [
      'makes a static mapping anew that changed',
      { held: [made], statics: [ssh({ label: 'new name' })] },
      [remove(made), add({ ...made, label: 'new name' })],
    ],
    ["a static mapping takes a client's port", { held: [b], statics: [ssh()] }, [remove(b), add(made)]],
    [
      "a static mapping stands beside a client's to the same port",
      { held: [sshPort], statics: [ssh()], review: false },
      [add(made)],
    ],
    [
      'keeps a pinhole that only a rule for an uplink allows that is gone',
      { held: [hole], policy: ON_WAN, around: NO_WAY },
      [],
    ],
    ['moves no pinhole', { held: [hole], uplink: up('198.51.100.9'), review: false }, []],
    ['keeps a pinhole without an IPv4 uplink', { held: [hole], uplink: DOWN }, []],
    [
      'removes a pinhole that a rule with its IPv6 prefix denies by now',
      { held: [hole], policy: policy([{ action: 'deny', internalAddress: PREFIX }]) },
      [remove(hole)],
    ],
    [
      'keeps a pinhole that only a rule for the IPv6 uplink allows',
      { held: [hole], policy: policy([{ device: 'wan6' }, { action: 'deny' }]), around: { outward6: () => 'wan6' } },
      [],
    ],
    [
      'a redirect on the port of a pinhole does not concern it',
      { held: [hole], around: { hasRedirect: () => true } },
      [],
    ],
    ['without an uplink static mappings wait', { held: [a], statics: [ssh()], uplink: DOWN }, []],
    ['without an uplink static mappings go', { held: [made], uplink: DOWN }, [remove(made)]],
    [
      'moves all to a new address and makes what waited, in one go',
      { held: [a], statics: [ssh()], uplink: up('198.51.100.9'), review: false },
      [moved(a, '198.51.100.9'), add({ ...made, external: { ...made.external, ip: '198.51.100.9' as never } })],
    ],
    [
      'does not move what goes',
      { held: [a], uplink: up('198.51.100.9'), policy: policy([{ action: 'deny' }]) },
      [remove(a)],
    ],
  ])('%s', (_what, scene, changes) => {
    expect(planFor(scene).changes).toEqual(changes)
  })

  test('a review does not ask the router for one port after the other: each answer is a socket that is bound', () => {
    let asked = 0
    const taken = () => {
      asked++
      return undefined
    }
    const held = Array.from({ length: 1000 }, (_, n) => mapping({ external: 5000 + n, internal: 5000 + n }))
    expect(planFor({ held, around: { taken } }).changes).toEqual([])
    expect(asked).toBe(0)
  })

  test('says why a mapping goes', () => {
    const other = mapping({ host: B, external: 6000 })
    const plan = planFor({
      held: [a, other, made],
      statics: [ssh({ label: 'x' })],
      policy: policy([{ action: 'deny', comment: 'no' }]),
    })
    expect([a, other, made].map(each => plan.because.get(each))).toEqual([
      'permission 0 (no)',
      'permission 0 (no)',
      'no longer configured',
    ])
  })

  test('of two static mappings that contradict each other, the first is made and the second named', () => {
    const plan = planFor({
      held: [],
      statics: [ssh(), ssh({ internal: { ip: B, port: 22 as Port } }), ssh({ external: 2223 as Port })],
    })
    const second = { ...made, external: { ...made.external, port: 2223 as Port } }
    expect(plan.changes).toEqual([add(made), add(second)])
    expect(plan.problems.map(({ external, because }) => [external, because])).toEqual([
      [2222, 'an earlier one has its external port'],
    ])
  })
})
