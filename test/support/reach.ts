/** Whether the world gets through to a host of the LAN: the proof behind every client test. */
import { expect } from 'vitest'
import type { Host } from './host.ts'
import { type Lab, WAN, WORLD } from './lab.ts'
import type { Transport } from './natpmp.ts'

/** The world's word reaches the host's echo server on the external port, and the answer comes back. */
export async function expectReach(lab: Lab, transport: Transport, external: number, host: Host): Promise<void> {
  const heard = await knock(lab, transport, external)
  expect(heard).toMatchObject({ got: 'reply', from: [WAN, external] })
  expect(heard.got === 'reply' && heard.text).toMatch(
    new RegExp(`^${host.name} saw ${WORLD.replaceAll('.', '\\.')}:\\d+ knock$`),
  )
}

export async function expectNoReach(lab: Lab, transport: Transport, external: number): Promise<void> {
  expect((await knock(lab, transport, external, 300)).got).not.toBe('reply')
}

const knock = (lab: Lab, transport: Transport, external: number, ms = 1500) =>
  transport === 'udp' ? lab.world.udpAsk([WAN, external], 'knock', ms) : lab.world.tcpAsk([WAN, external], 'knock', ms)
