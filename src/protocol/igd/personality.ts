/**
 * Which face of the gateway a client sees when it fetches the description. `tree.ts` says what a search leads to; here
 * the client is known by its User-Agent too, and that goes before the path that it asks for: some search for version 1
 * only and speak version 2, others listen to any announcement and speak version 1 only.
 */
import type { IgdVersion } from './tree.ts'
import { wantsVersionOne } from './tree.ts'

/** Where the description of each personality lies: LOCATION of SSDP. */
export const DESCRIPTION: Readonly<Record<IgdVersion, string>> = { 1: '/igd1.xml', 2: '/rootDesc.xml' }

/** `path`: the personality whose description was asked for. */
export function personalityOf(path: IgdVersion, userAgent: string | undefined): IgdVersion {
  if (userAgent === undefined) return path
  if (wantsVersionOne(userAgent)) return 1
  return SPEAKS_VERSION_2.test(userAgent) ? 2 : path
}

/**
 * miniupnpc searches for version 1 first and stops at the first answer, then uses whatever WANIPConnection and
 * WANIPv6FirewallControl the description shows: `upnpc -n`, `-L` and `-A` need version 2.
 */
const SPEAKS_VERSION_2 = /miniupnpc\//i
