/**
 * Hosts call whatever they like with whatever arguments, and time passes: every call is answered once, with a code of
 * its service and version; nobody gets, sees or removes what leads to another host; the kernel holds what can be read.
 */
import { describe, expect, test } from 'vitest'
import type { Ip } from '../../src/base/ip.ts'
import { isIpv4 } from '../../src/base/ip.ts'
import { seconds } from '../../src/base/time.ts'
import type { Mapping } from '../../src/core/mapping.ts'
import { errorText } from '../../src/protocol/igd/errors.ts'
import { WANIP1 } from '../../src/protocol/igd/services/wanip.ts'
import { Igd, redirect } from '../support/gateway.ts'
import { TABLES } from '../support/igd.ts'
import { A, A6, B, B6, policy } from '../support/router.ts'
import { random } from './mutate.ts'
import { RUNS, SEED as seed } from './rounds.ts'

const runs = RUNS / 10

const HOSTS = [A, B, A6, B6] as const
const PER_HOST = 6

/** Few enough that calls meet each other. */
const WORDS: Readonly<Record<string, readonly string[]>> = {
  NewRemoteHost: ['', '', '', '*', '198.51.100.1', 'name.example', '1.2.3'],
  NewExternalPort: ['4001', '4002', '4003', '4004', '0', '80', '70610', '+80', '65535'],
  NewProtocol: ['TCP', 'UDP', 'tcp', 'SCTP', ''],
  NewInternalPort: ['4001', '4002', '0', '22', '1e3'],
  NewInternalClient: ['', '192.168.1.1', '127.0.0.1', B, 'x`reboot`'],
  NewEnabled: ['1', '0', 'yes', '2'],
  NewPortMappingDescription: ['', 'game', ']]><script>', 'x'.repeat(300), '\u202eevil\u0001'],
  NewLeaseDuration: ['0', '1', '60', '3600', '700000', '-1', '4294967295'],
  NewPortMappingIndex: ['0', '1', '5', '65535', '-1'],
  NewStartPort: ['0', '4001', '4003', '65535'],
  NewEndPort: ['0', '4002', '4004', '65535'],
  NewManage: ['0', '1', 'x'],
  NewNumberOfPorts: ['0', '1', '2', '65535'],
  RemoteHost: ['', '2001:db8::1', '1.2.3.4', '::'],
  RemotePort: ['0', '5000', '65536'],
  InternalClient: ['', B6, '2001:db8:1::1', 'fe80::1'],
  InternalPort: ['4001', '4002', '0', '80'],
  Protocol: ['6', '17', '136', '65535', 'tcp', '1'],
  LeaseTime: ['1', '60', '3600', '0', '86401'],
  NewLeaseTime: ['1', '60', '86400', '0'],
  UniqueID: ['0', '1', '2', '3', '4', '5', '65535'],
}
const OPTIONAL = new Set(['NewInternalClient', 'InternalClient'])

describe('the gateway', () => {
  test(`keeps its promises, whatever is asked (FUZZ_SEED=${seed})`, async () => {
    const pick = random(seed)
    const one = <T>(of: readonly T[]): T => of[pick(of.length)] as T
    const limits = { perHost: PER_HOST, minLease: seconds(1) }
    const igd = await Igd.start({ policy: policy([], limits), redirects: [redirect(443, B)] })
    const calls = TABLES.flatMap(([table]) => Object.keys(table.actions).map(action => [table, action] as const))
    const counts = { results: 0, errors: 0 }
    for (let run = 0; run < runs; run++) {
      const [table, action] = one(calls)
      const from = one(HOSTS)
      const changes: Record<string, string | undefined> = {}
      for (const name of Object.keys(table.actions[action]?.in ?? {})) {
        // Mostly its own address, or most calls would end there.
        if (WORDS[name] !== undefined && !(OPTIONAL.has(name) && pick(10) > 0)) changes[name] = one(WORDS[name])
        if (pick(100) === 0) changes[name] = undefined
      }
      const before = igd.router.kernel.elements
      const { status, code } = await igd.from(from).call(table, action, changes)
      const told = `seed ${seed}, run ${run}: ${action} ${JSON.stringify(changes)} by ${from}: ${status} ${code}`
      if (code === undefined) {
        expect(status, told).toBe(200)
        counts.results++
      } else {
        expect(errorText(table.name, table.version, code), told).toBeDefined()
        counts.errors++
      }
      check(igd, from, before, told)
      if (pick(50) === 0) await igd.router.pass(pick(2000))
    }
    for (const host of [A, B]) await compare(igd, host)
    expect(counts.results).toBeGreaterThan(runs / 10)
    expect(counts.errors).toBeGreaterThan(runs / 10)
  })
})

function check(igd: Igd, from: Ip, before: readonly Mapping[], told: string): void {
  const after = igd.router.kernel.elements
  for (const { owner, internal } of after) {
    expect(owner.via === 'upnp' && owner.client === internal.ip, told).toBe(true)
  }
  const others = (mappings: readonly Mapping[]) => mappings.filter(({ internal }) => internal.ip !== from)
  expect(others(after), told).toEqual(others(before))
  for (const host of HOSTS) {
    expect(after.filter(({ internal }) => internal.ip === host).length, told).toBeLessThanOrEqual(PER_HOST)
  }
}

/** What a host counts through is what the kernel has for it. */
async function compare(igd: Igd, host: Ip): Promise<void> {
  const seen: string[] = []
  for (let index = 0; ; index++) {
    const { code, values } = await igd.from(host).call(WANIP1, 'GetGenericPortMappingEntry', {
      NewPortMappingIndex: String(index),
    })
    if (code === 713) break
    expect(values['NewInternalClient']).toBe(host)
    seen.push(`${values['NewProtocol']} ${values['NewExternalPort']}`)
  }
  const held = igd.router.kernel.elements.filter(({ internal }) => internal.ip === host && isIpv4(internal.ip))
  const wanted = held.map(({ transport, external }) => `${transport.toUpperCase()} ${external.port}`)
  expect(seen.sort()).toEqual([...(host === B ? ['TCP 443'] : []), ...wanted].sort())
}
