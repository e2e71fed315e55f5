/** What the page says: lengths of time, amounts, and refusals in words for somebody who is not the router's owner. */
import type { Refusal, Transport, Wish } from '../core/mapping.ts'
import type { Uplink } from '../core/uplink.ts'
import type { Words } from './page-texts.ts'

/** Two units at most, by their signs, which every language knows: `45 s`, `12 min`, `3 h 05 min`, `6 d 4 h`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds))
  if (whole < 60) return `${whole} s`
  const minutes = Math.floor(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${String(minutes % 60).padStart(2, '0')} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

export const ago = (seconds: number, words: Words): string =>
  seconds < 5 ? words.text('justNow') : words.fill('ago', duration(seconds))

/** Three digits at least: `0 B`, `999 B`, `1.20 kB`, `45.0 MB`, `731 GB`. */
export function bytes(count: number, words: Words): string {
  if (count < 1000) return `${count} B`
  let value = count
  let unit = -1
  do {
    value /= 1000
    unit++
  } while (value >= 999.5 && unit < UNITS.length - 1)
  const figures = value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0)
  return `${words.language === 'de' ? figures.replace('.', ',') : figures} ${UNITS[unit]}`
}

const UNITS = ['kB', 'MB', 'GB', 'TB', 'PB']

export const upper = (transport: Transport): string => transport.toUpperCase()

/** Whether the world reaches what is opened here; the name of a text. */
export const reachOf = (uplink: Uplink) => (uplink.is === 'down' ? 'down' : uplink.reach)

/** What a program asked for, as one would say it. */
export function asked(wish: Wish, words: Words): string {
  switch (wish.ask) {
    case 'map': {
      const { external, internal } = wish
      const by = upper(wish.transport)
      const port = external === 'any' ? words.fill('openAny', by) : words.fill('open', by, external)
      return external === internal.port ? port : words.fill('openTo', port, internal.port, internal.ip)
    }
    case 'unmap': {
      const by = upper(wish.transport)
      return wish.port === 'all' ? words.fill('closeAll', by) : words.fill('closePort', by, wish.port)
    }
    case 'revoke': {
      const { which } = wish
      const by = upper(wish.transport)
      if ('range' in which) return words.fill('closeRange', by, which.range.first, which.range.last)
      return words.fill('closePort', by, which.external)
    }
    case 'pinhole':
      return words.fill('openHole', upper(wish.transport), wish.internal.port, wish.internal.ip)
    case 'extend':
      return words.fill('keepHole', wish.pinhole)
    case 'close':
      return words.fill('closeHole', wish.pinhole)
  }
}

/**
 * Whether the core's own reason may be shown beside the words for a refusal. Where it may name another host, it may
 * not: what others have open is not this device's business (docs/decisions/050).
 */
export const IS_OWN_REASON: Readonly<Record<Refusal, boolean>> = {
  'not-allowed': true,
  'forwarding-off': true,
  'bad-host': true,
  'not-owner': false,
  quota: true,
  'no-port': false,
  conflict: false,
  reserved: true,
  absent: false,
  'no-uplink': true,
  busy: false,
  kernel: false,
}
