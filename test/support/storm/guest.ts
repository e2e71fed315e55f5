/** The guest network gets nothing, whatever it asks and whatever else goes on. */
import type { Host } from '../host.ts'
import { GUEST6 } from '../ipv6.ts'
import { GUEST, LAN } from '../lab.ts'
import { EXTERNAL_ADDRESS, mapRequest, PORT } from '../natpmp.ts'
import { addMapping, addPinhole, HTTP_PORT, statusOf } from '../upnp.ts'
import type { Dice } from './dice.ts'

/** Everything that a guest may try; what it got that it should not. */
export async function guestTries(guest: Host, dice: Dice): Promise<string | undefined> {
  const ms = 400
  const natPmp = (to: string, payload: Uint8Array) => guest.udpAsk([to, PORT], payload, ms)
  const soapTo = async (to: string, text: string) => ({
    got: statusOf(await guest.fetch([to, HTTP_PORT], text, ms)) > 0 ? 'reply' : 'nothing',
  })
  const [what, deed] = dice.one<readonly [string, () => Promise<{ got: string }>]>([
    ['natpmp at its gateway', () => natPmp(GUEST, mapRequest({ transport: 'udp', internal: 4000, external: 4000 }))],
    ['natpmp at the LAN', () => natPmp(LAN, mapRequest({ transport: 'tcp', internal: 4001, external: 4001 }))],
    ['the address', () => natPmp(GUEST, EXTERNAL_ADDRESS)],
    ['upnp at its gateway', () => soapTo(GUEST, addMapping(guest.ip, 4002, 4002))],
    ['upnp at the LAN', () => soapTo(LAN, addMapping(guest.ip, 4003, 4003))],
    ['a pinhole', () => soapTo(GUEST6, addPinhole('2a01:488:99::10', 4000))],
  ])
  return (await deed()).got === 'reply' ? `the guest was answered: ${what}` : undefined
}
