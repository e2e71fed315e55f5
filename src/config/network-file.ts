/** What Portico needs of `/etc/config/network` where no netifd can be asked: which device a network has. */
import type { UciFile, UciSection } from '../wire/uci.ts'
import { flag } from './kinds.ts'

export interface NetworkFile {
  /** Network name to layer 3 device; `undefined` for a network that is disabled or names none. */
  readonly devices: ReadonlyMap<string, string | undefined>
}

/**
 * At most linux/if.h IFNAMSIZ less the NUL. The kernel admits nearly every character; what no tool makes, and what
 * option `interface` does not admit either, is no device here.
 */
export const isDeviceName = (name: string): boolean =>
  /^[A-Za-z0-9_.@+-]{1,15}$/.test(name) && name !== '.' && name !== '..'

export function networkFile(file: UciFile): NetworkFile {
  const interfaces = new Map<string, UciSection>()
  for (const section of file.sections) if (section.type === 'interface') interfaces.set(section.name, section)
  const devices = new Map<string, string | undefined>()
  for (const name of interfaces.keys()) devices.set(name, deviceOf(name, interfaces))
  return { devices }
}

/** The words of an option or list, split at blanks as netifd and fw4 do. */
export function words(section: UciSection, name: string): readonly string[] {
  const value = section.options.get(name)?.value
  if (value === undefined) return []
  return (typeof value === 'string' ? [value] : value).flatMap(text => text.split(/\s+/)).filter(word => word !== '')
}

export function single(section: UciSection, name: string): string | undefined {
  const value = section.options.get(name)?.value
  return typeof value === 'string' ? value : undefined
}

/** Protocols that make a device of their own (`ppp.sh`, `wireguard.sh` and others): what stands before the name. */
const OWN_DEVICE: Readonly<Record<string, string>> = {
  pppoe: 'pppoe-',
  pppoa: 'pppoa-',
  ppp: 'ppp-',
  pptp: 'pptp-',
  l2tp: 'l2tp-',
  '3g': '3g-',
  wireguard: '',
  '6in4': '6in4-',
  '6rd': '6rd-',
  '6to4': '6to4-',
}

/** `@wan` borrows the device of another network; longer chains than this are a mistake. */
const MOST_ALIASES = 8

function deviceOf(start: string, interfaces: ReadonlyMap<string, UciSection>): string | undefined {
  let name = start
  for (let step = 0; step < MOST_ALIASES; step++) {
    const section = interfaces.get(name)
    if (section === undefined || flag.read(single(section, 'disabled') ?? '0') === true) return undefined
    const proto = single(section, 'proto') ?? ''
    if (Object.hasOwn(OWN_DEVICE, proto)) return checked(`${OWN_DEVICE[proto]}${name}`)
    if (single(section, 'type') === 'bridge') return checked(`br-${name}`)
    const device = words(section, 'device')[0] ?? words(section, 'ifname')[0]
    if (device === undefined || !device.startsWith('@')) return checked(device)
    name = device.slice(1)
  }
  return undefined
}

const checked = (device: string | undefined): string | undefined =>
  device !== undefined && isDeviceName(device) ? device : undefined
