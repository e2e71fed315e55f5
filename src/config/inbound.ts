/**
 * Whether the owner's firewall stops what comes in over IPv6, where nothing is translated and so nothing else stops it.
 * firewall4: `forward_<zone>` ends with the zone's own policy, which is about packets that leave by the same zone; what
 * no rule and no forwarding took is decided by the policy of `config defaults`.
 */
import type { FirewallFile } from './firewall-file.ts'

/**
 * `outside` and `inside`: names of zones. Without a firewall file nobody knows, and it is taken for granted. Single
 * rules of the owner are not looked at: they open something, not everything.
 */
export function stopsInbound(
  firewall: FirewallFile | undefined,
  outside: ReadonlySet<string>,
  inside: ReadonlySet<string>,
): boolean {
  if (firewall === undefined) return true
  if (firewall.forward === 'accept') return false
  const isOf = (zones: ReadonlySet<string>, name: string): boolean => name === '*' || zones.has(name)
  return !firewall.forwardings.some(({ from, to }) => isOf(outside, from) && isOf(inside, to))
}
