/** What the journal records: a closed list of events, and for each its one line of text. */
import type { Endpoint, Ip, Mac, Port } from '../base/ip.ts'
import { isIpv4 } from '../base/ip.ts'
import type { Severity } from '../base/log.ts'
import { oneLine } from '../base/text.ts'
import type { Mapping, Owner, Refusal, Remote, Transport, Wish } from './mapping.ts'
import { isForAnybody } from './mapping.ts'
import type { NoiseKind } from './noise.ts'
import type { Uplink } from './uplink.ts'

export type Event =
  | { readonly what: 'granted'; readonly mapping: Mapping; readonly asked: Port | 'any' }
  /** By another service or another device than before; plain renewals are not recorded. */
  | { readonly what: 'renewed'; readonly mapping: Mapping; readonly was: Mapping }
  /** Leads elsewhere now, for somebody else, or is used or not used from now on. */
  | { readonly what: 'changed'; readonly mapping: Mapping; readonly was: Mapping }
  | { readonly what: 'refused'; readonly wish: Wish; readonly why: Refusal; readonly because: string }
  /** The address behind it belongs to another device now, and to its own again; `seen`: the device that is there. */
  | { readonly what: 'suspended'; readonly mapping: Mapping; readonly seen: Mac }
  | { readonly what: 'resumed'; readonly mapping: Mapping; readonly seen: Mac }
  | { readonly what: 'expired'; readonly mapping: Mapping }
  /** `because`: who or what ended it: `by its client`, `by the operator`, a rule. */
  | { readonly what: 'removed'; readonly mapping: Mapping; readonly because: string }
  | { readonly what: 'uplink'; readonly uplink: Uplink }
  /** An internal network that a client has cut off from the world, or that is open again; `because`: who or what did it. */
  | { readonly what: 'network'; readonly device: string; readonly isOpen: boolean; readonly because: string }
  | { readonly what: 'moved'; readonly count: number; readonly to: Ip }
  | { readonly what: 'adopted'; readonly count: number }
  /** A `config mapping` that cannot be made. */
  | {
      readonly what: 'static-refused'
      readonly transport: Transport
      readonly external: Port
      readonly because: string
    }
  | { readonly what: 'kernel'; readonly doing: string; readonly said: string }
  | {
      readonly what: 'noise'
      readonly kind: NoiseKind
      readonly from: Ip | 'others'
      readonly count: number
      readonly seconds: number
    }
  /** More lines than the log should bear: the ring has them, the log has their number. */
  | { readonly what: 'quiet'; readonly count: number }

type What = Event['what']

/** An uplink that the world can reach is no news; any other is what the owner should see. */
export const severityOf = (event: Event): Severity =>
  event.what === 'uplink' && event.uplink.is === 'up' && event.uplink.reach === 'public' ? 'info' : SEVERITY[event.what]

const SEVERITY: Record<What, Severity> = {
  granted: 'info',
  renewed: 'info',
  changed: 'info',
  refused: 'info',
  suspended: 'warning',
  resumed: 'info',
  expired: 'info',
  removed: 'info',
  uplink: 'warning',
  network: 'info',
  moved: 'info',
  adopted: 'info',
  'static-refused': 'warning',
  kernel: 'error',
  noise: 'warning',
  quiet: 'warning',
}

/** One line without a line end; text from clients has gone through `oneLine`. */
export function textOf(event: Event): string {
  const texts: { readonly [W in What]: (event: Extract<Event, { readonly what: W }>) => string } = TEXT
  return (texts[event.what] as (event: Event) => string)(event)
}

const TEXT: { readonly [W in What]: (event: Extract<Event, { readonly what: W }>) => string } = {
  granted: ({ mapping, asked }) =>
    `granted ${shown(mapping)} to ${whose(mapping.owner)} for ${leaseOf(mapping)}` +
    `${asked !== 'any' && asked !== mapping.external.port ? `, instead of ${asked}` : ''}${labelOf(mapping)}`,
  renewed: ({ mapping, was }) =>
    `renewed ${shown(mapping)} for ${leaseOf(mapping)} by ${whose(mapping.owner)}${seen(mapping)}, ` +
    `before by ${whose(was.owner)}${seen(was)}`,
  changed: ({ mapping, was }) =>
    `changed ${shown(mapping)} for ${leaseOf(mapping)} by ${whose(mapping.owner)}${seen(mapping)}${labelOf(mapping)}, ` +
    `before ${shown(was)}`,
  refused: ({ wish, why, because }) =>
    `refused ${whose(wish.owner)} ${askedBy(wish)}: ${why}, ${oneLine(because, 160)}`,
  suspended: ({ mapping, seen: mac }) =>
    `suspended ${shown({ ...mapping, state: 'on' })} of ${whose(mapping.owner)}${seen(mapping)}${labelOf(mapping)}: ${mac} has its address`,
  resumed: ({ mapping, seen: mac }) =>
    `resumed ${shown(mapping)} of ${whose(mapping.owner)}${labelOf(mapping)}: ${mac} has its address again`,
  expired: ({ mapping }) => `expired ${shown(mapping)} of ${whose(mapping.owner)}${labelOf(mapping)}`,
  removed: ({ mapping, because }) =>
    `removed ${shown(mapping)} of ${whose(mapping.owner)}${labelOf(mapping)}: ${oneLine(because, 160)}`,
  uplink: ({ uplink }) =>
    uplink.is === 'down'
      ? `external interface ${uplink.device ?? '(none)'} is down: ${oneLine(uplink.why, 160)}`
      : `external interface ${uplink.device} has ${uplink.address}${REACH[uplink.reach]}` +
        `${uplink.told === uplink.address ? '' : `, clients are told ${uplink.told}`}`,
  network: ({ device, isOpen, because }) =>
    isOpen
      ? `network ${device} reaches the Internet again: ${oneLine(because, 160)}`
      : `network ${device} is cut off from the Internet: ${oneLine(because, 160)}`,
  moved: ({ count, to }) => `moved ${count} mappings to ${to}`,
  adopted: ({ count }) => `adopted ${count} mappings that the kernel holds`,
  'static-refused': ({ transport, external, because }) =>
    `static mapping ${transport} ${external} is left out: ${oneLine(because, 160)}`,
  kernel: ({ doing, said }) => `${doing}: ${oneLine(said, 240)}`,
  noise: ({ kind, from, count, seconds }) => `${NOISE[kind](count)} from ${from} in ${seconds} s`,
  quiet: ({ count }) => `${count} more lines left out here; /log print has the latest`,
}

const NOISE: Readonly<Record<NoiseKind, (count: number) => string>> = {
  malformed: count => `dropped ${count} malformed datagrams`,
  senseless: count => `refused ${count} UPnP calls that mean nothing`,
  reflected: count => `dropped ${count} datagrams that are responses`,
  stranger: count => `dropped ${count} datagrams of no internal host`,
  'too-many': count => `dropped ${count} requests above the limit`,
  busy: count => `dropped ${count} requests for which there was no place`,
}

const REACH: Record<Extract<Uplink, { readonly is: 'up' }>['reach'], string> = {
  public: '',
  private: ' (private: the world cannot reach it)',
  shared: ' (shared by the provider, RFC 6598: the world cannot reach it)',
}

function shown({ transport, external, internal, remote, state, pinhole }: Mapping): string {
  const where = `${shownEndpoint(internal)}${remoteOf(remote)}${state === 'on' ? '' : ` (${state})`}`
  return pinhole === undefined
    ? `${transport} ${shownEndpoint(external)} -> ${where}`
    : `pinhole ${pinhole} ${transport} ${where}`
}

const shownEndpoint = ({ ip, port }: Endpoint) => (isIpv4(ip) ? `${ip}:${port}` : `[${ip}]:${port}`)

const remoteOf = (remote: Remote) =>
  isForAnybody({ remote }) ? '' : ` from ${remote.ip}${remote.port === 'any' ? '' : ` port ${remote.port}`}`

/** What a wish asks, without who. */
function askedBy(wish: Wish): string {
  switch (wish.ask) {
    case 'map':
      return `${wish.transport} internal port ${wish.internal.port}, external ${wish.external}${remoteOf(wish.remote)}`
    case 'unmap':
      return `deletion of ${wish.transport} internal port ${wish.port}`
    case 'revoke': {
      const { which, transport } = wish
      if ('range' in which) return `deletion of ${transport} ${which.range.first}-${which.range.last}`
      return `deletion of ${transport} ${which.external}${which.remote === 'any' ? '' : ` from ${which.remote}`}`
    }
    case 'pinhole':
      return `pinhole ${wish.transport} ${shownEndpoint(wish.internal)}${remoteOf(wish.remote)}`
    case 'extend':
      return `extension of pinhole ${wish.pinhole}`
    case 'close':
      return `deletion of pinhole ${wish.pinhole}`
  }
}

const whose = (owner: Owner) => (owner.via === 'operator' ? 'the operator' : `${owner.via} ${owner.client}`)

const leaseOf = ({ lease }: Mapping) => (lease === 'forever' ? 'ever' : `${lease.lifetime} s`)

const labelOf = ({ label }: Mapping) => (label === '' ? '' : ` (${oneLine(label, 64)})`)

const seen = ({ mac }: Mapping) => (mac === undefined ? '' : ` (${mac})`)
