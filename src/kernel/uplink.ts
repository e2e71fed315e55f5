/** From the owner's wish and the table of links to the uplink: which address the world sees, or why there is none. */
import type { Ip } from '../base/ip.ts'
import { inRange, isIpv4, prefixRange } from '../base/ip.ts'
import type { Ipv6Uplink, Uplink } from '../core/uplink.ts'
import type { LinkAddress } from '../wire/rtnetlink.ts'
import type { LinkView } from './link-table.ts'
import { isGlobalIpv6, reachOf } from './special.ts'

/** The one active external interface (RouterOS: "may only have one active external interface"). */
export interface ExternalRole {
  /** `undefined` when the configuration names none, or a logical network that has no device now. */
  readonly device: string | undefined
  /** RouterOS `forced-ip`, IPv4. */
  readonly forced: Ip | undefined
}

/**
 * The uplink as it is now. Of several addresses the one is taken that the kernel's masquerade would take: primary, in
 * the subnet of the default gateway, else the first; deprecated ones only when there is no other.
 *
 * `forced` chooses among the addresses of the interface ("specifying what public IP to use if the external interface
 * has more than one IP available"). A forced address that is not on the interface is told to clients, while packets
 * are still expected at the interface's own: that is the case of a 1:1 NAT before this router. `reach` is that of the
 * address which clients are told.
 */
export function uplinkOf(role: ExternalRole, links: LinkView): Uplink {
  const { device, forced } = role
  if (device === undefined) return { is: 'down', device, why: 'no external interface is configured or up' }
  const link = links.link(device)
  if (link === undefined) return down(device, `there is no device ${device}`)
  if (!link.up) return down(device, `${device} is switched off`)
  if (!link.carrier) return down(device, `${device} has no carrier`)
  const addresses = links.addresses(device).filter(({ ip }) => isIpv4(ip) && reachOf(ip) !== undefined)
  const own = addresses.find(({ ip }) => ip === forced) ?? preferred(addresses, gatewayOf(device, links))
  if (own === undefined) return down(device, `${device} has no IPv4 address`)
  const told = forced ?? own.ip
  const reach = reachOf(told)
  if (reach === undefined) return down(device, `forced address ${told} is not an address of a host`)
  return { is: 'up', device, address: own.ip, told, reach }
}

/**
 * Whether hosts inside can be reached over IPv6 by this device: it carries a default route, and some device of the
 * router has a global address.
 */
export function ipv6Uplink(device: string | undefined, links: LinkView): Ipv6Uplink {
  if (device === undefined) return { is: 'down', device, why: 'no external interface is configured or up' }
  const no = (why: string): Ipv6Uplink => ({ is: 'down', device, why })
  const link = links.link(device)
  if (link === undefined) return no(`there is no device ${device}`)
  if (!link.up) return no(`${device} is switched off`)
  if (!link.carrier) return no(`${device} has no carrier`)
  if (!links.carriesDefaultRoute(device, 6)) {
    const other = links.defaultRoutes(6).flatMap(({ index }) => links.device(index) ?? [])[0]
    const where = other === undefined ? '' : `, but by ${other}, which is no external interface`
    return no(`no default route of IPv6 leaves by ${device}${where}`)
  }
  const anywhere = links.links().some(({ name }) => globalAddress(name, links) !== undefined)
  if (!anywhere) return no('the router has no global IPv6 address')
  return { is: 'up', device, address: globalAddress(device, links) }
}

/** One of the device that the world can reach, as the kernel would choose: no deprecated one when there is another. */
function globalAddress(device: string, links: LinkView): Ip | undefined {
  const all = links.addresses(device).filter(({ ip, scope }) => scope === 'universe' && isGlobalIpv6(ip))
  return (
    all.find(({ deprecated, secondary }) => !deprecated && !secondary) ??
    all.find(each => !each.deprecated) ??
    all[0]
  )?.ip
}

const down = (device: string, why: string): Uplink => ({ is: 'down', device, why })

/** Smallest rank wins, then the kernel's order. */
function preferred(addresses: readonly LinkAddress[], gateway: Ip | undefined): LinkAddress | undefined {
  const rank = (address: LinkAddress): number =>
    (address.deprecated ? 8 : 0) +
    (address.secondary ? 4 : 0) +
    (address.scope === 'universe' ? 0 : 2) +
    (gateway !== undefined && holds(address, gateway) ? 0 : 1)
  let best: LinkAddress | undefined
  for (const address of addresses) if (best === undefined || rank(address) < rank(best)) best = address
  return best
}

const holds = (address: LinkAddress, gateway: Ip): boolean =>
  inRange(gateway, prefixRange(address.peer ?? address.ip, address.bits))

function gatewayOf(device: string, links: LinkView): Ip | undefined {
  const index = links.index(device)
  return links.defaultRoutes(4).find(route => route.index === index)?.gateway
}
