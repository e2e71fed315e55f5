/** The page as HTML, from values: what one device has open, and what it was refused. */
import type { Ip } from '../base/ip.ts'
import type { Instant } from '../base/time.ts'
import { between } from '../base/time.ts'
import type { Mapping, MappingState, Owner, Refusal, Wish } from '../core/mapping.ts'
import type { ListedRedirect } from '../core/surroundings.ts'
import type { Uplink } from '../core/uplink.ts'
import type { Counted } from '../kernel/traffic.ts'
import { type Html, html, NOTHING } from './page-html.ts'
import type { Words } from './page-texts.ts'
import { ago, asked, bytes, duration, IS_OWN_REASON, reachOf, upper } from './page-words.ts'

export interface View {
  readonly words: Words
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
  readonly why: Refusal
  readonly because: string
  readonly at: Instant
  readonly times: number
}

export const PATHS = { page: '/', style: '/page.css', sign: '/page.svg' } as const

/** Seconds: a page that is left open shows what is. */
const REFRESH = 60

export function document(view: View): string {
  const { name, client, words } = view
  const device = html`<b class="mono">${client}</b>`
  const { text } = html`<!doctype html>
<html lang="${words.language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="refresh" content="${REFRESH}">
<title>${words.say('title', name)}</title>
<link rel="stylesheet" href="${PATHS.style}">
<link rel="icon" type="image/svg+xml" href="${PATHS.sign}">
</head>
<body>
<header><img src="${PATHS.sign}" alt=""><span><bdi>${name}</bdi></span></header>
<main>
<h1>${words.text('heading')}</h1>
<p class="lede">${words.say('lede', device)}</p>
${reach(view)}
${openPorts(view)}
${refused(view)}
</main>
<footer><p>${words.text('footer')} <a href="${PATHS.page}">${words.text('now')}</a></p></footer>
</body>
</html>
`
  return text
}

function reach({ uplink, words }: View): Html {
  const is = reachOf(uplink)
  const address = uplink.is === 'down' ? words.text('none') : uplink.told
  const own =
    uplink.is === 'up' && uplink.told !== uplink.address
      ? html` ${words.say('ownAddress', html`<span class="mono">${uplink.address}</span>`)}`
      : NOTHING
  return html`<section class="reach ${is}" id="reach">
<div><h2>${words.text('address')}</h2><p class="mono" id="address">${address}</p></div>
<p><b>${words.text(is)}</b> ${words.text(`${is}Means`)}${own}</p>
</section>`
}

function openPorts(view: View): Html {
  const { rows, limit, words } = view
  const held = rows.filter(({ of }) => isOfClient(of)).length
  const open = rows.filter(({ of }) => stateOf(of) === 'on').length
  const idle = open === rows.length ? '' : words.fill('idle', rows.length - open)
  const count = rows.length === 0 ? NOTHING : html`<span>${words.say('allowed', held, limit)}</span>`
  return html`<section id="ports">
<div class="top"><h2>${rows.length === 0 ? words.text('openPorts') : `${words.count('openCount', open)}${idle}`}</h2>${count}</div>
${rows.length === 0 ? empty(view) : table(view)}
</section>`
}

const stateOf = (of: Row['of']): MappingState => ('owner' in of ? of.state : 'on')

const isOfClient = (of: Row['of']): boolean => 'owner' in of && of.owner.via !== 'operator'

function empty({ opensPorts, refusals, words }: View): Html {
  if (!opensPorts) {
    return html`<div class="empty"><p>${words.text('closedHere')}</p>
<p>${words.text('askOwner')}</p></div>`
  }
  return html`<div class="empty"><p>${words.text('nobodyAsked')}</p>
<p>${words.text('howTo')}</p>
<ul>
${(['games', 'torrents', 'others'] as const).map(each => html`<li>${words.text(each)}</li>\n`)}</ul>
<p>${words.text(refusals.length > 0 ? 'seeBelow' : 'noRefusals')}</p></div>`
}

const COLUMNS = ['port', 'purpose', 'leadsTo', 'timeLeft', 'traffic'] as const

function table({ rows, now, words }: View): Html {
  return html`<table>
<thead><tr>${COLUMNS.map(each => html`<th scope="col">${words.text(each)}</th>`)}</tr></thead>
<tbody>
${rows.map(row => tableRow(row, now, words))}
</tbody>
</table>`
}

function tableRow({ of, traffic }: Row, now: Instant, words: Words): Html {
  const isMapping = 'owner' in of
  const state = stateOf(of)
  const isPinhole = isMapping && of.pinhole !== undefined
  const name = isMapping ? nameOf(of.owner, of.label) : of.label
  const label = name === '' ? words.say('unnamed') : html`<bdi>${name}</bdi>`
  const who = isMapping ? whoAsked(of.owner, isPinhole, words) : words.text('firewallRule')
  const cells = [
    html`<span class="tag">${upper(of.transport)}</span><span class="port">${externalPort(of)}</span>${from(of, words)}`,
    html`<span class="name">${label}</span><small>${who}</small>${chip(state, words)}`,
    html`<span class="amount">${words.fill('portOf', of.internal.port)}</span><small class="mono">${of.internal.ip}</small>`,
    isMapping ? timeLeft(of, now, words) : words.say('noEnd'),
    amounts(traffic, words),
  ]
  return html`<tr class="${state === 'on' ? 'on' : 'idle'}">
${cells.map((cell, i) => html`<td data-label="${words.text(COLUMNS[i] as (typeof COLUMNS)[number])}">${cell}</td>\n`)}</tr>
`
}

const externalPort = ({ external }: Row['of']): number => (typeof external === 'number' ? external : external.port)

function from(of: Row['of'], words: Words): Html {
  if (!('owner' in of) || of.remote.ip === 'any') return NOTHING
  return html`<small>${words.say('onlyFrom', html`<span class="mono">${of.remote.ip}</span>`)}</small>`
}

const SERVICE = { upnp: 'UPnP', 'nat-pmp': 'NAT-PMP' } as const

/** NAT-PMP has no word for what a port is for, and ours is the name of the service. */
const nameOf = (owner: Owner, label: string): string => (owner.via === 'nat-pmp' ? '' : label)

const whoAsked = (owner: Owner, isPinhole: boolean, words: Words): string =>
  owner.via === 'operator' ? words.text('owner') : `${SERVICE[owner.via]}${isPinhole ? ', IPv6' : ''}`

const chip = (state: MappingState, words: Words): Html =>
  state === 'on' ? NOTHING : html`<span class="chip">${words.text(state)}</span>`

function timeLeft({ lease }: Mapping, now: Instant, words: Words): Html {
  if (lease === 'forever') return words.say('noEnd')
  const left = Math.ceil(between(now, lease.expires) / 1000)
  return html`<span class="amount">${duration(left)}</span><progress max="${lease.lifetime}" value="${Math.min(left, lease.lifetime)}" aria-label="${words.text('timeLeft')}"></progress>`
}

function amounts(traffic: Counted | undefined, words: Words): Html {
  if (traffic === undefined) return html`<span class="amount">–</span>`
  const { bytesIn, packetsIn, bytesOut, packetsOut } = traffic
  if (packetsIn + packetsOut === 0) return html`<span class="amount">${words.text('noTraffic')}</span>`
  const way = (arrow: string, title: 'received' | 'sent', amount: number, packets: number): Html =>
    html`<span class="amount" title="${words.text(title)}">${arrow} ${bytes(amount, words)} <small>${words.count('packets', packets)}</small></span>`
  return html`${way('↓', 'received', bytesIn, packetsIn)}${way('↑', 'sent', bytesOut, packetsOut)}`
}

function refused({ refusals, now, words }: View): Html {
  if (refusals.length === 0) return NOTHING
  return html`<section id="refused">
<div class="top"><h2>${words.text('refusedLately')}</h2></div>
<ul>
${refusals.map(each => refusal(each, now, words))}
</ul>
</section>`
}

function refusal({ wish, why, because, at, times }: Refused, now: Instant, words: Words): Html {
  const service = wish.owner.via === 'operator' ? NOTHING : words.say('by', SERVICE[wish.owner.via])
  const name = 'label' in wish ? nameOf(wish.owner, wish.label) : ''
  const label = name === '' ? NOTHING : words.say('forWhat', html`<bdi>${name}</bdi>`)
  const often = times === 1 ? NOTHING : words.say('times', times)
  const reason = IS_OWN_REASON[why] ? html`<small lang="en">${because}</small>` : NOTHING
  return html`<li><span>${asked(wish, words)}${label}${service}${often}</span><time>${ago(between(at, now) / 1000, words)}</time><p class="why">${words.text(why)}</p>${reason}</li>
`
}
