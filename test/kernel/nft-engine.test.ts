/** The engine on the real kernel: what the kernel refuses is refused, and nothing of it stays. */
import { expect, test } from 'vitest'
import type { Ip, Port } from '../../src/base/ip.ts'
import { seconds } from '../../src/base/time.ts'
import { Engine } from '../../src/core/engine.ts'
import { Epoch } from '../../src/core/epoch.ts'
import { Journal } from '../../src/core/journal.ts'
import type { MapWish } from '../../src/core/mapping.ts'
import { ANYBODY } from '../../src/core/mapping.ts'
import { Returning } from '../../src/core/returning.ts'
import { elementsOf, openFirewall, SETTINGS, WAN } from '../support/nft-kernel.ts'
import { policy, up } from '../support/router.ts'

test('a full map: the wish is refused as one that the kernel did not accept, the next that fits is granted', async () => {
  const { platform, firewall } = await openFirewall()
  const { clock } = platform
  await firewall.build({ ...SETTINGS, capacity: 3 }, [], clock.now())
  const lines: string[] = []
  const engine = new Engine({
    clock,
    firewall,
    surroundings: {
      taken: () => undefined,
      hasRedirect: () => false,
      redirected: () => undefined,
      barred: () => undefined,
      isAway: () => false,
      outward6: () => undefined,
      deviceOf: () => 'br-lan',
    },
    journal: new Journal((_severity, line) => lines.push(line)),
    epoch: new Epoch(clock.now(), () => undefined),
    policy: policy(),
    returning: new Returning(() => undefined),
    settled: () => undefined,
  })
  await engine.move(up(WAN))
  const wish = (port: number): MapWish => {
    const client = '192.168.88.10' as Ip
    return {
      ask: 'map',
      owner: { via: 'upnp', client },
      device: 'br-lan',
      mac: undefined,
      transport: 'udp',
      internal: { ip: client, port: port as Port },
      external: port as Port,
      exact: true,
      lifetime: seconds(3600),
      label: 'game',
      remote: ANYBODY,
      enabled: true,
    }
  }
  for (const port of [5001, 5002, 5003]) expect(await engine.submit(wish(port))).toMatchObject({ ok: true })
  expect(await engine.submit(wish(5004))).toMatchObject({ ok: false, why: 'kernel' })
  expect(engine.mappings.size).toBe(3)
  expect(elementsOf('dnat4').size).toBe(3)
  expect(lines.join('\n')).toContain('ENFILE')
  const [first] = [...engine.mappings.all()]
  if (first === undefined) throw new Error('there is no mapping')
  expect(await engine.remove(first, 'by the operator')).toBe('removed')
  expect(await engine.submit(wish(5004))).toMatchObject({ ok: true })
  expect(await firewall.verify()).toEqual([])
  await firewall.remove()
})
