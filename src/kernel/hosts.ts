/** Who may ask: hosts on the networks of the internal interfaces, and nobody else. */
import type { Ip } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import type { LinkView } from './link-table.ts'
import { isGlobalIpv6, isUnicast } from './special.ts'

/** The internal device on whose network the address lies. */
export const internalDeviceOf = (host: Ip, internal: readonly string[], links: LinkView): string | undefined =>
  internal.find(device => links.isOnLink(host, device))

/**
 * Why an address may neither ask nor be mapped to, in words for the journal; `undefined` when it may.
 * `device`: the internal interface that the request came in by; `undefined` when any of them will do.
 */
export function barredHost(
  host: Ip,
  device: string | undefined,
  internal: readonly string[],
  links: LinkView,
): string | undefined {
  if (!isUnicast(host)) return `${host} is no address of a host`
  if (links.isOwn(host)) return `${host} is the router itself`
  if (links.isBroadcast(host)) return `${host} is the network or broadcast address of a subnet`
  const devices = device === undefined ? internal : internal.filter(each => each === device)
  if (internalDeviceOf(host, devices, links) !== undefined) return undefined
  return device === undefined ? `${host} is on no internal network` : `${host} is not on the network of ${device}`
}

/**
 * Why the world may not reach an address by an IPv6 pinhole, in words for the journal; `undefined` when it may: a host's,
 * global, and on the network of an internal device. `device` as above.
 */
export function barredPinhole(
  host: Ip,
  device: string | undefined,
  internal: readonly string[],
  links: LinkView,
): string | undefined {
  if (isIpv4(host)) return `${host} is no IPv6 address`
  const why = barredHost(host, device, internal, links)
  if (why !== undefined) return why
  return isGlobalIpv6(host) ? undefined : `${host} is not reachable from outside: it is no global address`
}
