/** UPnP on the wire of a lab: searches, what is announced, events, and HTTP as it is written. */
import type { Host } from './host.ts'
import { LAN6 } from './ipv6.ts'
import { LAN, type Lab } from './lab.ts'
import type { Background } from './process.ts'
import { supportFile } from './root.ts'
import { defaultUci, type Engine, type PorticoUci, type Server, startDaemon } from './server.ts'

export const HTTP_PORT = 5000
export const GROUP = '239.255.255.250'

/** The daemon with UPnP on, in a lab that stands. */
export const startUpnp = (lab: Lab, engine: Engine, options: PorticoUci = {}): Promise<Server> =>
  startDaemon(lab, { engine, uci: upnpUci(options) })

export const upnpUci = (options: PorticoUci = {}) => defaultUci({ ...options, upnp: { enabled: '1', ...options.upnp } })

export interface SsdpHeard {
  /** Of a notice: the group it came to. */
  readonly group?: string
  readonly from: readonly [ip: string, port: number]
  readonly start: string
  /** Names in capitals. */
  readonly fields: Readonly<Record<string, string>>
  readonly length: number
}

const program = () => ['/usr/bin/python3', '-u', supportFile('upnp.py')]

/** One search with MX 1; everything that comes back within the time, in order. */
export async function searchFor(host: Host, st: string, to = GROUP, seconds = 2): Promise<readonly SsdpHeard[]> {
  const said = await host.must([...program(), 'search', to, String(seconds), st])
  return (JSON.parse(said) as { from: [string, number]; text: string }[]).map(heardOf)
}

export interface Ears {
  /** Everything so far. */
  readonly heard: readonly SsdpHeard[]
  close(): Promise<unknown>
}

/** What comes to the groups of SSDP on a device of a host. */
export async function listenTo(host: Host, device = 'eth0'): Promise<Ears> {
  const process = host.start([...program(), 'listen', device, '600'])
  await process.waitFor('listening')
  return {
    get heard() {
      return linesOf(process).map(line => heardOf(JSON.parse(line)))
    },
    close: () => process.kill(),
  }
}

export interface Event {
  readonly seq: number
  readonly sid: string
  readonly from: string
  readonly values: Readonly<Record<string, string>>
}

export interface Subscriber {
  readonly status: number
  /** The answer to SUBSCRIBE, as it came. */
  readonly answer: string
  readonly events: readonly Event[]
  close(): Promise<unknown>
}

/** Subscribes with a callback at its own address; `callback` is a port, or a port and a path. */
export async function subscribe(host: Host, path: string, callback: string, to = LAN): Promise<Subscriber> {
  const process = host.start([...program(), 'subscribe', to, String(HTTP_PORT), path, callback])
  const [line] = await process.waitFor(/\{"status".*\}/)
  const { status, text } = JSON.parse(line as string) as { status: number; text: string }
  return {
    status,
    answer: text,
    get events() {
      return linesOf(process)
        .filter(each => each.startsWith('{"seq"'))
        .map(each => JSON.parse(each) as Event)
    },
    close: () => process.kill(),
  }
}

/** Bytes as they are, by a device: link-local addresses too. What came back until the end of the connection. */
export const httpRaw = async (host: Host, to: string, request: string, device = 'eth0'): Promise<string> =>
  host.must([...program(), 'fetch', to, String(HTTP_PORT), device], { input: request })

/** A request with the fields that every client sends; the connection ends after it. */
export function request(
  method: string,
  path: string,
  fields: Readonly<Record<string, string>> = {},
  body = '',
  host = `${LAN}:${HTTP_PORT}`,
): string {
  const all = { Host: host, Connection: 'close', ...(body === '' ? {} : { 'Content-Length': body.length }), ...fields }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${path} HTTP/1.1`, ...lines, '', body].join('\r\n')
}

export const statusOf = (answer: string): number => Number(/^HTTP\/1\.1 (\d{3}) /.exec(answer)?.[1] ?? 0)

const CONNECTION = 'urn:schemas-upnp-org:service:WANIPConnection:2'

/** An action of WANIPConnection:2 as text; names and values of its arguments in order. */
export function soap(action: string, args: Readonly<Record<string, string | number>> = {}): string {
  const inner = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${CONNECTION}">${inner.join('')}</u:${action}></s:Body></s:Envelope>`
  const fields = { 'Content-Type': 'text/xml; charset="utf-8"', SOAPAction: `"${CONNECTION}#${action}"` }
  return request('POST', '/ctl/IPConn', fields, body)
}

const COMMON_INTERFACE = 'urn:schemas-upnp-org:service:WANCommonInterfaceConfig:1'

/** An action of WANCommonInterfaceConfig:1, at whichever address of the router. */
export function networkSoap(action: string, args: Readonly<Record<string, string | number>> = {}, at = LAN): string {
  const inner = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body = `<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><u:${action} xmlns:u="${COMMON_INTERFACE}">${inner.join('')}</u:${action}></s:Body></s:Envelope>`
  const fields = { 'Content-Type': 'text/xml', SOAPAction: `"${COMMON_INTERFACE}#${action}"` }
  return request('POST', '/ctl/CmnIfCfg', fields, body, `${at}:${HTTP_PORT}`)
}

const FIREWALL_CONTROL = 'urn:schemas-upnp-org:service:WANIPv6FirewallControl:1'

/** An action of WANIPv6FirewallControl:1, asked over IPv6. */
export function pinholeSoap(action: string, args: Readonly<Record<string, string | number>> = {}): string {
  const inner = Object.entries(args).map(([name, value]) => `<${name}>${value}</${name}>`)
  const body = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:${action} xmlns:u="${FIREWALL_CONTROL}">${inner.join('')}</u:${action}></s:Body></s:Envelope>`
  const fields = { 'Content-Type': 'text/xml', SOAPAction: `"${FIREWALL_CONTROL}#${action}"` }
  return request('POST', '/ctl/IP6FCtl', fields, body, `[${LAN6}]:${HTTP_PORT}`)
}

export const addPinhole = (client: string, port: number): string =>
  pinholeSoap('AddPinhole', {
    RemoteHost: '',
    RemotePort: 0,
    InternalClient: client,
    InternalPort: port,
    Protocol: 17,
    LeaseTime: 3600,
  })

/** The code of the UPnP error, 0 for a result. */
export const upnpCode = (answer: string): number =>
  statusOf(answer) === 200 ? 0 : Number(/<errorCode>(\d+)</.exec(answer)?.[1])

export const addMapping = (client: string, external: number, internal: number, transport = 'TCP', lease = 3600) =>
  soap('AddPortMapping', {
    NewRemoteHost: '',
    NewExternalPort: external,
    NewProtocol: transport,
    NewInternalPort: internal,
    NewInternalClient: client,
    NewEnabled: 1,
    NewPortMappingDescription: 'test',
    NewLeaseDuration: lease,
  })

function heardOf({ group, from, text }: { group?: string; from: [string, number]; text: string }): SsdpHeard {
  const [start = '', ...lines] = text.split('\r\n').slice(0, -2)
  const fields = Object.fromEntries(
    lines.map(line => [line.slice(0, line.indexOf(':')).toUpperCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  return { ...(group === undefined ? {} : { group }), from, start, fields, length: text.length }
}

const linesOf = (process: Background): readonly string[] =>
  process.output.split('\n').filter(line => line.startsWith('{'))
