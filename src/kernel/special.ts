/** Which IPv4 addresses mean something else than a host on the internet (RFC 6890 and its successors). */
import type { Ip, IpRange } from '../base/ip.ts'
import { compareIp, inRange, isIpv4, parseIpRange } from '../base/ip.ts'

/** Whether the world can reach an address, as far as the address tells. */
export type Reach = 'public' | 'private' | 'shared'

interface Special {
  readonly range: IpRange
  /** `never`: no interface towards the world can have such an address. */
  readonly reach: 'private' | 'shared' | 'never'
}

/**
 * First match decides. Test networks and documentation ranges count as private: no provider routes them. Anycast
 * ranges that are globally reachable (192.88.99.0/24, 192.31.196.0/24, 192.52.193.0/24, 192.175.48.0/24) stay public.
 */
const SPECIAL: readonly Special[] = [
  special('0.0.0.0/8', 'never'), // RFC 791 §3.2: this network
  special('127.0.0.0/8', 'never'), // RFC 1122 §3.2.1.3: loopback
  special('224.0.0.0/4', 'never'), // RFC 1112 §4: multicast
  special('255.255.255.255', 'never'), // RFC 919 §7: limited broadcast
  special('10.0.0.0/8', 'private'), // RFC 1918 §3
  special('172.16.0.0/12', 'private'), // RFC 1918 §3
  special('192.168.0.0/16', 'private'), // RFC 1918 §3
  special('100.64.0.0/10', 'shared'), // RFC 6598 §7: between a provider's NAT and its customers
  special('192.0.0.0/24', 'shared'), // RFC 7335 §6: the inner end of DS-Lite and 464XLAT, so behind the provider's NAT
  special('169.254.0.0/16', 'private'), // RFC 3927 §2.1: link-local
  special('192.0.2.0/24', 'private'), // RFC 5737 §3: documentation
  special('198.51.100.0/24', 'private'), // RFC 5737 §3
  special('203.0.113.0/24', 'private'), // RFC 5737 §3
  special('198.18.0.0/15', 'private'), // RFC 2544 §C.2.2: measuring
  special('240.0.0.0/4', 'private'), // RFC 1112 §4: reserved; the kernel takes it, the world does not
]

/** Of an IPv4 address; `undefined` when no interface towards the world can have it. */
export function reachOf(ip: Ip): Reach | undefined {
  const reach = SPECIAL.find(({ range }) => inRange(ip, range))?.reach ?? 'public'
  return reach === 'never' ? undefined : reach
}

/** Whether one host can have the address: not unspecified, loopback, multicast or broadcast. IPv4 and IPv6. */
export function isUnicast(ip: Ip): boolean {
  if (isIpv4(ip)) return reachOf(ip) !== undefined
  return ip !== '::' && ip !== '::1' && !ip.startsWith('ff')
}

const GLOBAL_IPV6 = parseIpRange('2000::/3') as IpRange // RFC 4291 §2.4: what IANA gives out, ULA and link-local are not

/** Whether the world can reach an IPv6 address, as far as the address tells; documentation prefixes count. */
export const isGlobalIpv6 = (ip: Ip): boolean => inRange(ip, GLOBAL_IPV6)

/** Whether there is anybody of the world in a range that a prefix says. */
export function reachesWorld({ first, last }: IpRange): boolean {
  if (isIpv4(first)) return !SPECIAL.some(({ range }) => inRange(first, range) && inRange(last, range))
  return compareIp(first, GLOBAL_IPV6.last) <= 0 && compareIp(GLOBAL_IPV6.first, last) <= 0
}

function special(range: string, reach: Special['reach']): Special {
  return { range: parseIpRange(range) as IpRange, reach }
}
