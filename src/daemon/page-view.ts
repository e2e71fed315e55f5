/** The page as HTML, from values: what one device has open, and what it was refused. */
import type { Ip } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { between } from '../base/time.ts'
import type { Mapping, MappingState, Owner, Wish } from '../core/mapping.ts'
import type { ListedRedirect } from '../core/surroundings.ts'
import type { Uplink } from '../core/uplink.ts'
import type { Counted } from '../kernel/traffic.ts'
import { type Html, html, NOTHING } from './page-html.ts'
import { ago, asked, bytes, counted, duration, REFUSED, reachOf, upper } from './page-words.ts'

export interface View {
  readonly name: string
  readonly client: Ip
  readonly now: Instant
  readonly uplink: Uplink
  readonly rows: readonly Row[]
  readonly limit: number
  readonly refusals: readonly Refused[]
  /** Whether programs can ask for ports at all, by one service or the other. */
  readonly opensPorts: boolean
}

export interface Row {
  readonly of: Mapping | ListedRedirect
  /** `undefined` where it is not counted. */
  readonly traffic: Counted | undefined
}

/** The same request refused for the same reason, once or many times; `at`: the last time. */
export interface Refused {
  readonly wish: Wish
  readonly why: keyof typeof REFUSED
  readonly because: string
  readonly at: Instant
  readonly times: number
}

export const PATHS = { page: '/', style: '/page.css', sign: '/page.svg' } as const

/** Seconds: a page that is left open shows what is. */
const REFRESH = 60

export function document(view: View): string {
  const { name, client } = view
  const { text } = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${REFRESH}">
<title>Open ports – ${name}</title>
<link rel="stylesheet" href="${PATHS.style}">
<link rel="icon" type="image/svg+xml" href="${PATHS.sign}">
</head>
<body>
<header><img src="${PATHS.sign}" alt=""><span><bdi>${name}</bdi></span></header>
<main>
<h1>Ports open to this device</h1>
<p class="lede">This device is <b class="mono">${client}</b>. Its programs asked the router to let the internet in here.</p>
${reach(view.uplink)}
${openPorts(view)}
${refused(view)}
</main>
<footer><p>Only this device sees this list. It is read anew every minute. <a href="${PATHS.page}">Now</a></p></footer>
</body>
</html>
`
  return text
}

function reach(uplink: Uplink): Html {
  const { is, title, meaning } = reachOf(uplink)
  const address = uplink.is === 'down' ? 'none' : uplink.told
  const own =
    uplink.is === 'up' && uplink.told !== uplink.address
      ? html` The router's own address is <span class="mono">${uplink.address}</span>.`
      : NOTHING
  return html`<section class="reach ${is}" id="reach">
<div><h2>External address</h2><p class="mono" id="address">${address}</p></div>
<p><b>${title}.</b> ${meaning}${own}</p>
</section>`
}

function openPorts(view: View): Html {
  const { rows, limit } = view
  const held = rows.filter(({ of }) => isOfClient(of)).length
  const open = rows.filter(({ of }) => stateOf(of) === 'on').length
  const idle = open === rows.length ? '' : `, ${rows.length - open} idle`
  const count = rows.length === 0 ? NOTHING : html`<span>${held} of ${limit} allowed</span>`
  return html`<section id="ports">
<div class="top"><h2>${rows.length === 0 ? 'Open ports' : `${counted(open, 'open port')}${idle}`}</h2>${count}</div>
${rows.length === 0 ? empty(view) : table(view)}
</section>`
}

const stateOf = (of: Row['of']): MappingState => ('owner' in of ? of.state : 'on')

const isOfClient = (of: Row['of']): boolean => 'owner' in of && of.owner.via !== 'operator'

function empty({ opensPorts, refusals }: View): Html {
  if (!opensPorts) {
    return html`<div class="empty"><p>No port is open to this device, and the router does not open any on request.</p>
<p>Its owner can switch that on, or open a port by hand.</p></div>`
  }
  return html`<div class="empty"><p>No program on this device has asked for a port.</p>
<p>Programs that work better with one ask by themselves when they are told to:</p>
<ul>
<li>Games and consoles: start online play; they show an open or moderate “NAT type” when it worked.</li>
<li>Torrent and file sharing: look for “UPnP / NAT-PMP port forwarding” in the connection settings.</li>
<li>Others: look for “UPnP”, “NAT-PMP” or “automatic port mapping”.</li>
</ul>
<p>${refusals.length > 0 ? 'What was asked for and refused stands below.' : 'Nothing was refused lately either.'}</p></div>`
}

function table({ rows, now }: View): Html {
  return html`<table>
<thead><tr><th scope="col">Port</th><th scope="col">For</th><th scope="col">Leads to</th><th scope="col">Time left</th><th scope="col">Traffic</th></tr></thead>
<tbody>
${rows.map(row => tableRow(row, now))}
</tbody>
</table>`
}

function tableRow({ of, traffic }: Row, now: Instant): Html {
  const isMapping = 'owner' in of
  const state = stateOf(of)
  const isPinhole = isMapping && of.pinhole !== undefined
  const name = isMapping ? nameOf(of.owner, of.label) : of.label
  const label = name === '' ? html`No name given` : html`<bdi>${name}</bdi>`
  return html`<tr class="${state === 'on' ? 'on' : 'idle'}">
<td data-label="Port"><span class="tag">${upper(of.transport)}</span><span class="port">${externalPort(of)}</span>${from(of)}</td>
<td data-label="For"><span class="name">${label}</span><small>${isMapping ? whoAsked(of.owner, isPinhole) : 'Firewall rule'}</small>${STATE[state]}</td>
<td data-label="Leads to"><span class="amount">port ${of.internal.port}</span><small class="mono">${of.internal.ip}</small></td>
<td data-label="Time left">${isMapping ? timeLeft(of, now) : 'No end'}</td>
<td data-label="Traffic">${amounts(traffic)}</td>
</tr>
`
}

const externalPort = ({ external }: Row['of']): number => (typeof external === 'number' ? external : external.port)

function from(of: Row['of']): Html {
  if (!('owner' in of) || of.remote.ip === 'any') return NOTHING
  return html`<small>only from <span class="mono">${of.remote.ip}</span></small>`
}

const SERVICE = { upnp: 'UPnP', 'nat-pmp': 'NAT-PMP' } as const

/** NAT-PMP has no word for what a port is for, and ours is the name of the service. */
const nameOf = (owner: Owner, label: string): string => (owner.via === 'nat-pmp' ? '' : label)

const whoAsked = (owner: Owner, isPinhole: boolean): string =>
  owner.via === 'operator' ? "Router's owner" : `${SERVICE[owner.via]}${isPinhole ? ', IPv6' : ''}`

const STATE: Readonly<Record<MappingState, Html>> = {
  on: NOTHING,
  disabled: html`<span class="chip">Switched off by its program</span>`,
  suspended: html`<span class="chip">Paused: another device opened it</span>`,
}

function timeLeft({ lease }: Mapping, now: Instant): Html {
  if (lease === 'forever') return html`No end`
  const left = Math.ceil(between(now, lease.expires) / 1000)
  return html`<span class="amount">${duration(left)}</span><progress max="${lease.lifetime}" value="${Math.min(left, lease.lifetime)}" aria-label="Time left"></progress>`
}

function amounts(traffic: Counted | undefined): Html {
  if (traffic === undefined) return html`<span class="amount">–</span>`
  const { bytesIn, packetsIn, bytesOut, packetsOut } = traffic
  if (packetsIn + packetsOut === 0) return html`<span class="amount">None yet</span>`
  return html`${way('↓', 'received', bytesIn, packetsIn)}${way('↑', 'sent', bytesOut, packetsOut)}`
}

const way = (arrow: string, title: string, amount: number, packets: number): Html =>
  html`<span class="amount" title="${title}">${arrow} ${bytes(amount)} <small>${counted(packets, 'packet')}</small></span>`

function refused({ refusals, now }: View): Html {
  if (refusals.length === 0) return NOTHING
  return html`<section id="refused">
<div class="top"><h2>Refused lately</h2></div>
<ul>
${refusals.map(each => refusal(each, now))}
</ul>
</section>`
}

function refusal({ wish, why, because, at, times }: Refused, now: Instant): Html {
  const { text, isOwn } = REFUSED[why]
  const service = wish.owner.via === 'operator' ? '' : ` by ${SERVICE[wish.owner.via]}`
  const name = 'label' in wish ? nameOf(wish.owner, wish.label) : ''
  const label = name === '' ? NOTHING : html` for <bdi>${name}</bdi>`
  const often = times === 1 ? NOTHING : html` (${times} times)`
  const reason = isOwn ? html`<small>${because}</small>` : NOTHING
  return html`<li><span>${asked(wish)}${label}${service}${often}</span><time>${ago(between(at, now) / 1000)}</time><p class="why">${text}</p>${reason}</li>
`
}
