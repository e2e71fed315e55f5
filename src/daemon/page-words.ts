/** What the page says: lengths of time, amounts, and refusals in words for somebody who is not the router's owner. */
import type { Refusal, Transport, Wish } from '../core/mapping.ts'
import type { Uplink } from '../core/uplink.ts'

/** Two units at most: `45 s`, `12 min`, `3 h 05 min`, `6 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export const ago = (seconds: number): string => (seconds < 5 ? 'just now' : `${duration(seconds)} ago`)

/** Three digits at least: `0 B`, `999 B`, `1.20 kB`, `45.0 MB`, `731 GB`. */
export function bytes(count: number): string {
  if (count < 1000) return `${count} B`
  let value = count
  let unit = -1
  do {
    value /= 1000
    unit++
  } while (value >= 999.5 && unit < UNITS.length - 1)
  return `${value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)} ${UNITS[unit]}`
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB']

/** `1,204` */
export const grouped = (count: number): string => String(count).replace(/\B(?=(\d{3})+$)/g, ',')

export const counted = (count: number, one: string): string => `${grouped(count)} ${one}${count === 1 ? '' : 's'}`

export const upper = (transport: Transport): string => transport.toUpperCase()

/** Whether the world reaches what is opened here. */
export interface Reach {
  readonly is: 'public' | 'private' | 'shared' | 'down'
  readonly title: string
  readonly meaning: string
}

export function reachOf(uplink: Uplink): Reach {
  const is = uplink.is === 'down' ? 'down' : uplink.reach
  return { is, ...REACH[is] }
}

const REACH: Readonly<Record<Reach['is'], Omit<Reach, 'is'>>> = {
  public: {
    title: 'Public address',
    meaning: 'The internet can reach this router, and through it the ports that are open here.',
  },
  private: {
    title: 'Private address',
    meaning:
      'There is another router between this one and the internet, and it stops what comes from there. Open the ports in that router too, or let it work as a bridge.',
  },
  shared: {
    title: 'Shared address',
    meaning:
      'The provider shares one address among many customers (carrier-grade NAT), so nobody on the internet can reach what is opened here. Ask the provider for an address of your own; over IPv6 it may work as it is.',
  },
  down: {
    title: 'No connection',
    meaning: 'The router has no external address at the moment. Nothing can be opened until it has one.',
  },
}

/** What a program asked for, as one would say it. */
export function asked(wish: Wish): string {
  switch (wish.ask) {
    case 'map': {
      const { transport, external, internal } = wish
      const port = external === 'any' ? `any ${upper(transport)} port` : `${upper(transport)} port ${external}`
      return external === internal.port ? `Open ${port}` : `Open ${port} to port ${internal.port} of ${internal.ip}`
    }
    case 'unmap':
      return wish.port === 'all'
        ? `Close every ${upper(wish.transport)} port`
        : `Close ${upper(wish.transport)} ${wish.port}`
    case 'revoke': {
      const { which, transport } = wish
      if ('range' in which) return `Close ${upper(transport)} ports ${which.range.first} to ${which.range.last}`
      return `Close ${upper(transport)} port ${which.external}`
    }
    case 'pinhole':
      return `Open ${upper(wish.transport)} port ${wish.internal.port} of ${wish.internal.ip}`
    case 'extend':
      return `Keep IPv6 pinhole ${wish.pinhole} open`
    case 'close':
      return `Close IPv6 pinhole ${wish.pinhole}`
  }
}

/**
 * `isOwn`: the core's own reason may be shown. Where it may name another host, it may not: what others have open is not
 * this device's business (docs/decisions/050).
 */
export const REFUSED: Readonly<Record<Refusal, { readonly text: string; readonly isOwn: boolean }>> = {
  'not-allowed': { text: "The router's rules do not allow it.", isOwn: true },
  'forwarding-off': { text: 'This router does not open ports on request.', isOwn: true },
  'bad-host': { text: 'The address is no device of this network.', isOwn: true },
  'not-owner': { text: "The port belongs to another device, or to the router's owner.", isOwn: false },
  quota: { text: 'This device, or all together, hold as many ports as they may.', isOwn: true },
  'no-port': { text: 'Every port that the rules allow is taken.', isOwn: false },
  conflict: { text: 'Another device has this port.', isOwn: false },
  reserved: { text: 'The router itself uses this port.', isOwn: true },
  absent: { text: 'There was nothing like that to change.', isOwn: false },
  'no-uplink': { text: 'The router had no external address.', isOwn: true },
  busy: { text: 'The router had too much to do.', isOwn: false },
  kernel: { text: "The router's firewall did not take it.", isOwn: false },
}
