/**
 * Subscriptions: nothing is thrown, whatever stands in the fields; a callback that is accepted leads to the subscriber
 * and to no port of the system; and what is sent there is one whole request.
 */
import { CALLBACKS, callbackUrls, LONGEST_CALLBACK, parseCallback, parseTimeout } from '../../src/wire/gena.ts'
import { HOST, readEvent, Teller, wish } from '../support/gena.ts'
import { bytesFrom } from '../support/ssdp.ts'

export const seeds: readonly Uint8Array[] = [
  `<http://${HOST}:49152/evt>`,
  `<http://192.168.1.101:49152/a><http://${HOST}:49153/b?c=d%20>`,
  `<http://[::ffff:${HOST}]:49152>`,
  '<http://[fe80::7%25eth0]:49152/evt>',
  `<http://user@${HOST}:5000/evt#x> <https://${HOST}:1024/>`,
  `<http://${HOST}:1024?q=<>`,
  'Second-1800',
  'uuid:11111111-2222-4333-8444-555555555550',
].map(bytesFrom)

export function target(bytes: Uint8Array): void {
  const text = String.fromCharCode(...bytes.subarray(0, 8192))
  for (const url of [text, ...callbackUrls(text)]) {
    const callback = parseCallback(url)
    if (callback === undefined) continue
    const isSound = url.length <= LONGEST_CALLBACK && /^[/][!-~]*$/.test(callback.target) && callback.port > 0
    if (!isSound) throw new Error(`accepted ${url}`)
  }
  if (callbackUrls(text).length > CALLBACKS) throw new Error('too many URLs')
  parseTimeout(text)
  for (const field of ['callback', 'nt', 'timeout', 'sid']) subscribeWith(field, text)
}

function subscribeWith(field: string, text: string): void {
  const teller = new Teller()
  const answer = teller.ask(wish({ [field]: text }))
  teller.leave([[field, text]])
  if (answer.status !== 200) return
  teller.eventing.opened(answer.sid, teller.now)
  for (const delivery of teller.deliveries) {
    readEvent(delivery)
    const { ip, port } = delivery.to
    if (ip !== HOST || port < 1024 || port === 5000) throw new Error(`an event for ${ip}:${port}`)
  }
}
