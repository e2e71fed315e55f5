/**
 * Who may be answered by HTTP at all (S11: DNS rebinding, and pages of strangers that make a browser ask for them).
 * Programs that speak UPnP name us by our literal address and send none of the fields that browsers add.
 */
import type { Ip, Port } from '../base/ip.ts'
import { parseIp } from '../base/ip.ts'
import type { HttpRequest } from '../wire/http.ts'
import { fieldOf } from '../wire/http.ts'
import { hostOf } from '../wire/ssdp.ts'

export interface Own {
  readonly address: Ip
  readonly port: Port
}

export interface GuardRefusal {
  readonly status: 400 | 403
  readonly why: string
}

/**
 * `isPage`: a page for people, which only shows. Somebody may follow a link to it from anywhere; it can be neither
 * framed nor read from elsewhere.
 */
export function guard(request: HttpRequest, own: Own, isPage: boolean): GuardRefusal | undefined {
  const host = fieldOf(request.fields, 'host')
  if (host === undefined) return { status: 400, why: 'no Host' }
  if (!isOwnHost(host, own)) return { status: 403, why: 'Host is not the address and port of this router' }
  const origin = fieldOf(request.fields, 'origin')
  if (origin !== undefined && !isOwnOrigin(origin, own)) return foreign('Origin')
  const site = fieldOf(request.fields, 'sec-fetch-site')
  // `none`: typed by hand. Programs that use a browser's way to fetch say how (Sec-Fetch-Mode), not from where.
  const isForeign = site !== undefined && site !== 'none' && site !== 'same-origin'
  if (isPage) return isForeign && fieldOf(request.fields, 'sec-fetch-mode') !== 'navigate' ? foreign('page') : undefined
  if (isForeign) return foreign('page')
  const referer = fieldOf(request.fields, 'referer')
  return referer === undefined || isOwnOrigin(referer.replace(/^(http:\/\/[^/]*)\/.*$/, '$1'), own)
    ? undefined
    : foreign('Referer')
}

const foreign = (what: string): GuardRefusal => ({ status: 403, why: `a foreign ${what} is not served` })

const isOwnOrigin = (origin: string, own: Own): boolean =>
  origin.startsWith('http://') && isOwnHost(origin.slice('http://'.length), own)

/** The port may be left out where it is that of HTTP; a link-local address may carry a zone that means nothing to us. */
function isOwnHost(text: string, { address, port }: Own): boolean {
  const parts = /^(?:\[([0-9a-f:.]{2,45})(?:%[\w.-]{1,32})?\]|([0-9.]{7,15}))(?::([0-9]{1,5}))?$/i.exec(text)
  if (parts === null) return false
  const ip = parseIp(parts[1] ?? parts[2] ?? '')
  return ip !== undefined && hostOf(ip) === hostOf(address) && Number(parts[3] ?? 80) === port
}
