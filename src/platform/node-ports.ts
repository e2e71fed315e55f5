/**
 * Which ports this machine's sockets use, on Node: the tables in /proc/net (proc(5)), read strictly. On QuickJS the
 * kernel is asked by a bind; Node cannot bind without going through its event loop.
 */
import type { Ip, Port } from '../base/ip.ts'
import { ANY_IPV4, ipFrom, isIpv4 } from '../base/ip.ts'

/** `0: 0100007F:0035 00000000:0000 0A ...`: number, local address and port, remote ones, state. */
const ROW = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) (?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4} ([0-9A-F]{2}) /

/** include/net/tcp_states.h: a connection that is over does not keep its port from a new listener. */
const TCP_TIME_WAIT = '06'

const ANY_IPV6 = '::' as Ip

/**
 * Whether a row of these tables holds the port, on this address or on all. A socket on `::` may take IPv4 too, which
 * the tables do not tell, so it counts for both.
 */
export function portInTables(tables: readonly string[], littleEndian: boolean, address: Ip, port: Port): boolean {
  for (const table of tables) {
    for (const line of table.split('\n').slice(1)) {
      const row = ROW.exec(line)
      if (row === null || row[3] === TCP_TIME_WAIT || Number.parseInt(row[2] as string, 16) !== port) continue
      const local = addressOf(row[1] as string, littleEndian)
      if (local === address || local === ANY_IPV6 || (local === ANY_IPV4 && isIpv4(address))) return true
      if (local.startsWith('::ffff:') && local === mapped(address)) return true
    }
  }
  return false
}

/** The address is printed as 32-bit words of this machine. */
function addressOf(hex: string, littleEndian: boolean): Ip {
  const bytes = new Uint8Array(hex.length / 2)
  for (let i = 0; i < bytes.length; i++) {
    const at = littleEndian ? (i & ~3) + 3 - (i & 3) : i
    bytes[at] = Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16)
  }
  return ipFrom(bytes, 0, bytes.length as 4 | 16)
}

function mapped(address: Ip): Ip {
  if (!isIpv4(address)) return address
  const bytes = new Uint8Array(16).fill(0xff, 10, 12)
  bytes.set(address.split('.').map(Number), 12)
  return ipFrom(bytes, 0, 16)
}
