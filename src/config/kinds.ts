/**
 * The kinds of value an option can have. A kind reads the text of a UCI file, prints a value as such a text, and says
 * in JSON schema and in words what is allowed. Reading makes a value of the right shape where it can and `undefined`
 * where it cannot; whether the value lies in range is the schema's business (`validate.generated.ts`).
 */
import { directoryOf } from '../base/files.ts'
import type { Ip, IpRange, Mac, Port, PortRange } from '../base/ip.ts'
import { parseIpRange, parseIpv4, parseMac } from '../base/ip.ts'
import type { Service } from '../core/mapping.ts'

export type Schema = Readonly<Record<string, unknown>>

export type KindName =
  | 'flag'
  | 'count'
  | 'seconds'
  | 'choice'
  | 'port'
  | 'port-range'
  | 'address'
  | 'address-range'
  | 'mac'
  | 'name'
  | 'text'
  | 'path'
  | 'mark'

export interface Kind<T> {
  readonly name: KindName
  /** Ends the sentence "expected …". */
  readonly expected: string
  readonly schema: Schema
  /** Whole numbers: the range, both ends included. */
  readonly range?: readonly [number, number]
  /** Every text there is, for completion and choice lists. */
  readonly choices?: readonly string[]
  read(text: string): T | undefined
  /** What `read` would take back. */
  print(value: T): string
}

const TRUE = ['1', 'on', 'true', 'yes', 'enabled']
const FALSE = ['0', 'off', 'false', 'no', 'disabled']

/** The words of OpenWrt's `lib/functions.sh` get_bool. */
export const flag: Kind<boolean> = {
  name: 'flag',
  expected: `yes or no (also ${[...TRUE, ...FALSE].filter(word => word !== 'yes' && word !== 'no').join(', ')})`,
  schema: { type: 'boolean' },
  choices: ['1', '0'],
  read: text => (TRUE.includes(text) ? true : FALSE.includes(text) ? false : undefined),
  print: value => (value ? '1' : '0'),
}

/** A whole decimal number, both limits included. */
export function count<T extends number = number>(least: number, most: number, unit?: 'seconds'): Kind<T> {
  return {
    name: unit ?? 'count',
    expected: `a whole number${unit === undefined ? '' : ` of ${unit}`} ${least}..${most}`,
    schema: { type: 'integer', minimum: least, maximum: most },
    range: [least, most],
    read: text => (/^[0-9]{1,15}$/.test(text) ? (Number(text) as T) : undefined),
    print: value => String(value),
  }
}

/** One of a few words: how UCI spells it, and what the program calls it. */
export function choice<T extends string>(words: Readonly<Record<string, T>>): Kind<T> {
  const texts = Object.keys(words)
  return {
    name: 'choice',
    expected: texts.length === 1 ? (texts[0] as string) : `${texts.slice(0, -1).join(', ')} or ${texts.at(-1)}`,
    schema: { type: 'string', enum: Object.values(words) },
    choices: texts,
    read: text => (Object.hasOwn(words, text) ? words[text] : undefined),
    print: value => texts.find(text => words[text] === value) ?? value,
  }
}

export const service: Kind<Service> = choice<Service>({ upnp: 'upnp', nat_pmp: 'nat-pmp' })

const PORT: Schema = { type: 'integer', minimum: 1, maximum: 65535 }
const DECIMAL = /^[0-9]{1,6}$/

export const port: Kind<Port> = {
  name: 'port',
  expected: 'a port 1..65535',
  schema: PORT,
  range: [1, 65535],
  read: text => (DECIMAL.test(text) ? (Number(text) as Port) : undefined),
  print: value => String(value),
}

/** RouterOS scripts write `0-1023` for the low ports: there is no port 0, so the range begins at 1. */
export const portRange: Kind<PortRange> = {
  name: 'port-range',
  expected: 'a port 1..65535 or a range such as 5000-5010',
  schema: {
    type: 'object',
    properties: { first: PORT, last: PORT },
    required: ['first', 'last'],
    additionalProperties: false,
  },
  read(text) {
    const dash = text.indexOf('-')
    const first = dash < 0 ? text : text.slice(0, dash)
    const last = dash < 0 ? text : text.slice(dash + 1)
    if (!DECIMAL.test(first) || !DECIMAL.test(last)) return undefined
    const from = dash > 0 && Number(first) === 0 && Number(last) > 0 ? 1 : Number(first)
    return { first: from, last: Number(last) } as PortRange
  },
  print: ({ first, last }) => (first === last ? `${first}` : `${first}-${last}`),
}

export const address: Kind<Ip> = {
  name: 'address',
  expected: 'an IPv4 address such as 192.168.1.10',
  schema: { type: 'string' },
  read: text => parseIpv4(text),
  print: value => value,
}

export const addressRange: Kind<IpRange> = {
  name: 'address-range',
  expected: 'an address, a prefix such as 192.168.1.0/24 or a range such as 192.168.1.10-192.168.1.20',
  schema: { type: 'object', properties: { first: { type: 'string' }, last: { type: 'string' } } },
  read: text => parseIpRange(text),
  print: ({ first, last }) => (first === last ? first : `${first}-${last}`),
}

export const mac: Kind<Mac> = {
  name: 'mac',
  expected: 'a MAC address such as 00:11:22:aa:bb:cc',
  schema: { type: 'string' },
  read: text => parseMac(text),
  print: value => value,
}

/** A network of `/etc/config/network` or a device. A colon or slash cannot be part of a device's name. */
export const networkName: Kind<string> = {
  name: 'name',
  expected: 'the name of a network such as lan or of a device such as br-lan',
  schema: { type: 'string', pattern: '^[A-Za-z0-9_.@+-]{1,64}$' },
  read: text => text,
  print: value => value,
}

/** Free text; it is made fit for one line where it is used. */
export const text: Kind<string> = {
  name: 'text',
  expected: 'one text',
  schema: { type: 'string' },
  read: value => value,
  print: value => value,
}

/**
 * A file that is replaced (written beside and renamed), or `none`. So the daemon must be able to write to its folder,
 * and in its jail gets all of it: no folder of the system or of many programs.
 */
export const path: Kind<string> = {
  name: 'path',
  expected: 'none, or the whole path of a file in a folder of its own, such as /etc/portico/leases',
  schema: { type: 'string', pattern: '^(none|/[A-Za-z0-9_./+-]{1,200})$' },
  read: value => (value === 'none' || hasOwnFolder(value) ? value : undefined),
  print: value => value,
}

/** Each name is one: nothing leads upwards. */
const PLAIN = /^(\/(?!\.{1,2}(\/|$))[A-Za-z0-9_.+-]+)+$/
/** The root and what stands in it, /etc, /root and /tmp among them; and the like of /var/run and /tmp/lib. */
const SHARED = /^\/[^/]*$|^\/(tmp|var)\/(cache|etc|lib|lock|log|run|spool|state)$/
/** With all that they hold. /etc/init.d, /etc/rc.d and the like are meant by `.d`. */
const SYSTEM =
  /^\/(bin|boot|dev|lib|lib32|lib64|overlay|proc|rom|sbin|sys|usr)\/|^\/etc\/([^/]+\.d|apk|capabilities|config|crontabs|dropbear|opkg|ssl|uci-defaults)(\/|$)/

const hasOwnFolder = (file: string): boolean =>
  PLAIN.test(file) && !SHARED.test(directoryOf(file)) && !SYSTEM.test(file.replace(/[^/]*$/, ''))

const BITS = Array.from({ length: 32 }, (_, bit) => 2 ** bit)

/** One bit of a packet mark, as `fw4` and `nft` write it. */
export const markBit: Kind<number> = {
  name: 'mark',
  expected: 'one bit of a packet mark, 0x1 to 0x80000000, such as 0x40000000',
  schema: { type: 'integer', enum: BITS },
  read: value => (/^(0x[0-9a-fA-F]{1,8}|[0-9]{1,10})$/.test(value) ? Number(value) : undefined),
  print: value => `0x${value.toString(16)}`,
}
