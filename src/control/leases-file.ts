/**
 * miniupnpd's lease file: one mapping a line, `TCP:4000:192.168.1.7:4000:1795265002:Game`. The number before the text is
 * the time at which it ends, seconds since 1970, 0 for never (miniupnpd upnpredirect.c lease_file_add). What asked is
 * not in it, but the text tells: NAT-PMP's begins with its name (natpmp.c). Pure, never throws.
 */
import type { Ip, Port } from '../base/ip.ts'
import { parseIpv4, parsePort } from '../base/ip.ts'
import { oneLine, utf8Decode } from '../base/text.ts'
import type { Seconds } from '../base/time.ts'
import { seconds } from '../base/time.ts'
import type { Service, Transport } from '../core/mapping.ts'

/** A mapping of another daemon that shall become ours. */
export interface OldLease {
  readonly transport: Transport
  readonly external: Port
  readonly internal: { readonly ip: Ip; readonly port: Port }
  readonly lifetime: Seconds | 'forever'
  readonly service: Service
  readonly label: string
}

export interface OldLeases {
  readonly leases: readonly OldLease[]
  /** A sentence for each line that is no lease, or that has ended. */
  readonly skipped: readonly string[]
}

/** A router has 131,070 ports; what is longer is no lease file. */
const MOST_LINES = 140_000
const TRANSPORTS: Readonly<Record<string, Transport>> = { TCP: 'tcp', UDP: 'udp' }

/** `now`: seconds since 1970, by the clock that miniupnpd had. */
export function readOldLeases(bytes: Uint8Array, now: number): OldLeases {
  const leases: OldLease[] = []
  const skipped: string[] = []
  const lines = utf8Decode(bytes).split('\n')
  for (const [at, line] of lines.slice(0, MOST_LINES).entries()) {
    if (line.trim() === '') continue
    const lease = readLine(line, now)
    if (typeof lease === 'string') skipped.push(`line ${at + 1}: ${lease}`)
    else leases.push(lease)
  }
  return { leases, skipped }
}

function readLine(line: string, now: number): OldLease | string {
  const match = /^([A-Z]+):([0-9]{1,5}):([0-9.]+):([0-9]{1,5}):([0-9]{1,12})(?::([\s\S]*))?$/.exec(line)
  if (match === null) return 'is no lease'
  const transport = TRANSPORTS[match[1] ?? '']
  const external = parsePort(match[2] ?? '')
  const ip = parseIpv4(match[3] ?? '')
  const port = parsePort(match[4] ?? '')
  if (transport === undefined || external === undefined || ip === undefined || port === undefined) return 'is no lease'
  const ends = Number(match[5])
  if (ends !== 0 && ends <= now) return 'has ended'
  const label = oneLine(match[6] ?? '', 64)
  return {
    transport,
    external,
    internal: { ip, port },
    lifetime: ends === 0 ? 'forever' : seconds(Math.min(ends - now, 0xffffffff)),
    service: /^(NAT-PMP|PCP)/.test(label) ? 'nat-pmp' : 'upnp',
    label,
  }
}
