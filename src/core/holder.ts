/**
 * Who a limit is for. A device takes as many addresses as it likes, of IPv6 at least, so what it holds and how much it
 * asks is counted by its link address where the neighbour table knows it; else by its IPv4 address, or by the network
 * of 64 bits in which it chooses its addresses of IPv6 (RFC 4862 §5.5.3). See docs/decisions/055.
 */
import type { Ip, Mac } from '../base/ip.ts'
import { isIpv4, prefixRange } from '../base/ip.ts'

/** `2001:db8:1::/64` */
export type Network = string & { readonly kind: 'network' }
export type Holder = Mac | Ip | Network

/**
 * Who is behind an address that was verified (TCP): the device from the moment on when it is known, which its first
 * connection may be ahead of; until then the address stands for itself.
 */
export function deviceBehind(ip: Ip, macOf: () => Mac | undefined): () => Mac | Ip {
  let mac: Mac | undefined
  return () => {
    mac ??= macOf()
    return mac ?? ip
  }
}

export function holderOf(mac: Mac | undefined, ip: Ip): Holder {
  if (mac !== undefined) return mac
  return isIpv4(ip) ? ip : (`${prefixRange(ip, 64).first}/64` as Network)
}
