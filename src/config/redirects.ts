/**
 * The owner's static redirects, as the port choice must see them: their external ports are not ours to give, and a
 * client that asks for the endpoint of one is told its port (RFC 6886 §3.3: a mapping that exists is repeated).
 */

import type { Endpoint, Ip, Port, PortRange } from '../base/ip.ts'
import { inRange } from '../base/ip.ts'
import type { Transport } from '../core/mapping.ts'
import type { ListedRedirect } from '../core/surroundings.ts'
import type { FirewallFile, Redirect } from './firewall-file.ts'
import type { NetifdInterface } from './netifd.ts'

export interface StaticRedirects {
  /** Name of the redirect that has this external port; `undefined` when none has. */
  taken(transport: Transport, external: Port): string | undefined
  /** External port under which a redirect already makes this endpoint reachable for everybody. */
  portOf(transport: Transport, internal: Endpoint): Port | undefined
  /** What clients may hear of, in the file's order: each external port under which everybody reaches a host. */
  readonly listed: readonly ListedRedirect[]
}

const NO_REDIRECTS: StaticRedirects = { taken: () => undefined, portOf: () => undefined, listed: [] }

/**
 * Redirects whose packets come in by the external interface. `address` is the external address where it is known:
 * redirects for another (`src_dip`) are then left out.
 */
export function staticRedirects(
  firewall: FirewallFile | undefined,
  zones: ReadonlySet<string>,
  address: Ip | undefined,
): StaticRedirects {
  const valid = (firewall?.redirects ?? []).filter(redirect => {
    if (redirect.from !== '*' && !zones.has(redirect.from)) return false
    return redirect.destination === undefined || address === undefined || inRange(address, redirect.destination)
  })
  if (valid.length === 0) return NO_REDIRECTS
  const bits: Readonly<Record<Transport, Uint8Array>> = { tcp: portBits(valid, 'tcp'), udp: portBits(valid, 'udp') }
  const owner = (transport: Transport, external: Port): Redirect | undefined =>
    isSet(bits[transport], external)
      ? valid.find(({ transports, external: ranges }) => transports.includes(transport) && covers(ranges, external))
      : undefined
  const hosts = byHost(valid)
  return {
    taken: (transport, external) => owner(transport, external)?.name,
    portOf(transport, internal) {
      for (const redirect of hosts.get(internal.ip) ?? []) {
        const external = redirect.transports.includes(transport) ? externalFor(redirect, internal.port) : undefined
        // An earlier redirect may take the packets of this port away.
        if (external !== undefined && owner(transport, external) === redirect) return external
      }
      return undefined
    },
    listed: listedOf(valid, owner),
  }
}

/** Names of the firewall zones that own an interface, by network, by device or by netifd's `data.zone`. */
export function zonesOf(
  firewall: FirewallFile | undefined,
  netifd: readonly NetifdInterface[] | undefined,
  role: { readonly name: string; readonly device: string },
): ReadonlySet<string> {
  const here = (netifd ?? []).filter(({ name, device }) => name === role.name || device === role.device)
  const networks = new Set([role.name, ...here.map(({ name }) => name)])
  const zones = (firewall?.zones ?? []).filter(
    zone =>
      zone.devices.some(device => isDevice(device, role.device)) || zone.networks.some(name => networks.has(name)),
  )
  return new Set([...zones.map(({ name }) => name), ...here.flatMap(({ zone }) => zone ?? [])])
}

/** fw4.uc parse_zone: `tun+` is every device whose name begins with `tun`. */
const isDevice = (pattern: string, device: string): boolean =>
  pattern.endsWith('+') ? device.startsWith(pattern.slice(0, -1)) : pattern === device

const covers = (ranges: readonly PortRange[], port: Port): boolean =>
  ranges.some(({ first, last }) => first <= port && port <= last)

/** One bit a port: the answer for a free port, by far the most frequent question, does not depend on how many there are. */
function portBits(redirects: readonly Redirect[], transport: Transport): Uint8Array {
  const bits = new Uint8Array(8192)
  for (const { transports, external } of redirects) {
    if (!transports.includes(transport)) continue
    for (const { first, last } of external) {
      for (let port: number = first; port <= last; port++) {
        const at = port >> 3
        bits[at] = (bits[at] as number) | (1 << (port & 7))
      }
    }
  }
  return bits
}

const isSet = (bits: Uint8Array, port: Port): boolean => (((bits[port >> 3] as number) >> (port & 7)) & 1) === 1

/** Redirects that everybody can use, by the host they lead to. */
function byHost(redirects: readonly Redirect[]): ReadonlyMap<Ip, readonly Redirect[]> {
  const hosts = new Map<Ip, Redirect[]>()
  for (const redirect of redirects) {
    if (redirect.restricted || redirect.internal === undefined) continue
    const before = hosts.get(redirect.internal)
    if (before === undefined) hosts.set(redirect.internal, [redirect])
    else before.push(redirect)
  }
  return hosts
}

/** Ports of one redirect that are listed one by one, and rows in all: a redirect of all ports is no list. */
const LISTED_PORTS = 64
const LISTED_ROWS = 1024

function listedOf(
  redirects: readonly Redirect[],
  owner: (transport: Transport, external: Port) => Redirect | undefined,
): readonly ListedRedirect[] {
  const rows: ListedRedirect[] = []
  for (const redirect of redirects) {
    if (redirect.restricted || redirect.internal === undefined) continue
    for (const external of portsOf(redirect.external, LISTED_PORTS)) {
      const port = internalFor(redirect, external)
      if (port === undefined) continue
      for (const transport of redirect.transports) {
        if (owner(transport, external) !== redirect || rows.length >= LISTED_ROWS) continue
        rows.push({ transport, external, internal: { ip: redirect.internal, port }, label: redirect.name })
      }
    }
  }
  return rows
}

function portsOf(ranges: readonly PortRange[], most: number): readonly Port[] {
  const ports: Port[] = []
  for (const { first, last } of ranges) {
    for (let port: number = first; port <= last && ports.length < most; port++) ports.push(port as Port)
  }
  return ports
}

/** The other way of `externalFor`, for one external port; `undefined` where nft spreads the ports. */
function internalFor(redirect: Redirect, external: Port): Port | undefined {
  const { internalPorts } = redirect
  if (internalPorts !== undefined && internalPorts.first === internalPorts.last) return internalPorts.first
  return externalFor(redirect, external) === external ? external : undefined
}

/** nft keeps the port where the target range holds it, so equal ranges lead each port to itself. */
function externalFor({ external, internalPorts }: Redirect, port: Port): Port | undefined {
  if (internalPorts === undefined) return covers(external, port) ? port : undefined
  if (internalPorts.first === internalPorts.last) return port === internalPorts.first ? external[0]?.first : undefined
  const same =
    external.length === 1 && external[0]?.first === internalPorts.first && external[0].last === internalPorts.last
  return same && covers(external, port) ? port : undefined
}
