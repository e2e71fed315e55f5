/**
 * miniupnpd's two lease files, one mapping a line (miniupnpd upnpredirect.c `lease_file_add`, upnppinhole.c
 * `lease_file6_add`):
 *
 *     UDP:4000:192.168.1.7:4001:1795265002:Game                     transport, external port, host, its port, end, text
 *     TCP;2001:db8::7;8080;2001:db8:ff::1;0;12;1795265002;Game      transport, host, its port, remote host, its port,
 *                                                                   UniqueID, end, text
 *
 * The end is in seconds since 1970, 0 for never. What asked is not in the files, but the text tells: NAT-PMP's begins
 * with its name (natpmp.c). Pure, never throws.
 */
import type { Endpoint, Ip, Port } from '../base/ip.ts'
import { isIpv4, parseIp, parseIpv4, parsePort } from '../base/ip.ts'
import { oneLine } from '../base/text.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Remote, Service, Transport } from '../core/mapping.ts'

/** A mapping of another daemon that shall become ours. */
export type OldLease =
  | (Common & { readonly ask: 'map'; readonly external: Port; readonly lifetime: Seconds | 'forever' })
  | (Common & { readonly ask: 'pinhole'; readonly remote: Remote; readonly lifetime: Seconds })

interface Common {
  readonly transport: Transport
  readonly internal: Endpoint
  readonly service: Service
  readonly label: string
}

const LONGEST_LABEL = 64
const TRANSPORTS: Readonly<Record<string, Transport>> = { TCP: 'tcp', UDP: 'udp' }
/** The fields, and a text that may hold anything. */
const MAPPING = /^([A-Z]+):([0-9]{1,5}):([0-9.]+):([0-9]{1,5}):([0-9]{1,12})(?::([\s\S]*))?$/
const PINHOLE = /^([A-Z]+);([0-9a-f:.]+);([0-9]{1,5});([0-9a-f:.]*);([0-9]{1,5});[0-9]{1,10};([0-9]{1,12});([\s\S]*)$/

/** A line of either file; why it is no lease, in a few words. `now`: seconds since 1970, by the clock that miniupnpd had. */
export const readOldLease = (line: string, now: number): OldLease | string =>
  PINHOLE.test(line) ? readPinhole(line, now) : readMapping(line, now)

function readMapping(line: string, now: number): OldLease | string {
  const [, protocol = '', outside = '', host = '', inside = '', end = '', text = ''] = MAPPING.exec(line) ?? []
  const transport = TRANSPORTS[protocol]
  const external = parsePort(outside)
  const ip = parseIpv4(host)
  const port = parsePort(inside)
  if (transport === undefined || external === undefined || ip === undefined || port === undefined) return 'is no lease'
  const lifetime = leftOf(Number(end), now)
  if (lifetime === undefined) return 'has ended'
  const label = oneLine(text, LONGEST_LABEL)
  const service = /^(NAT-PMP|PCP)/.test(label) ? 'nat-pmp' : 'upnp'
  return { ask: 'map', transport, external, internal: { ip, port }, lifetime, service, label }
}

/** A pinhole of PCP too comes over as UPnP's, which is what opens pinholes here. */
function readPinhole(line: string, now: number): OldLease | string {
  const [, protocol = '', host = '', inside = '', far = '', farPort = '', end = '', text = ''] =
    PINHOLE.exec(line) ?? []
  const transport = TRANSPORTS[protocol]
  const ip = parseIpv6(host)
  const port = parsePort(inside)
  const remote = far === '' ? 'any' : parseIpv6(far)
  if (transport === undefined || ip === undefined || port === undefined || remote === undefined) return 'is no lease'
  const lifetime = leftOf(Number(end), now)
  if (lifetime === undefined) return 'has ended'
  const common = { transport, internal: { ip, port }, service: 'upnp', label: oneLine(text, LONGEST_LABEL) } as const
  const whom = { ip: remote, port: parsePort(farPort) ?? 'any' } as const
  return { ask: 'pinhole', ...common, remote: whom, lifetime: lifetime === 'forever' ? LONGEST : lifetime }
}

/** Longer than any limit: the rules shorten it. */
const LONGEST = seconds(0xffffffff)

const leftOf = (end: number, now: number): Seconds | 'forever' | undefined =>
  end === 0 ? 'forever' : end <= now ? undefined : seconds(Math.min(end - now, LONGEST))

function parseIpv6(text: string): Ip | undefined {
  const ip = parseIp(text)
  return ip === undefined || isIpv4(ip) ? undefined : ip
}
