/** What the kernel holds, as nft(8) tells it, and what the table says, as the console tells it. */
import type { Lab } from './lab.ts'
import type { Transport } from './natpmp.ts'
import type { Server } from './server.ts'

export interface Held {
  readonly transport: Transport
  /** `11.22.33.44:4001` */
  readonly external: string
  readonly internal: string
  /** Seconds left; undefined: for ever. */
  readonly expires: number | undefined
  readonly comment: string | undefined
}

export interface KernelView {
  /** Whether `table inet portico` is there. */
  readonly exists: boolean
  /** external -> internal */
  readonly forward: readonly Held[]
  /** internal -> external */
  readonly reverse: readonly Held[]
}

/** `udp 11.22.33.44:4001 -> 192.168.88.10:4000`: one text per mapping, so that sets compare. */
export const nameOf = ({ transport, external, internal }: Pick<Held, 'transport' | 'external' | 'internal'>): string =>
  `${transport} ${external} -> ${internal}`

export async function kernelView(lab: Lab): Promise<KernelView> {
  const { status, stdout } = await lab.router.run(['nft', '-j', 'list', 'table', 'inet', 'portico'])
  if (status !== 0) return { exists: false, forward: [], reverse: [] }
  const { nftables } = JSON.parse(stdout) as { nftables: readonly { map?: NftMap }[] }
  const elements = nftables.flatMap(({ map }) => map?.elem ?? []).flatMap(readElement)
  return {
    exists: true,
    forward: elements
      .filter(({ from }) => !isInternal(from))
      .map(({ from, to, ...rest }) => ({ ...rest, external: from, internal: to })),
    reverse: elements
      .filter(({ from }) => isInternal(from))
      .map(({ from, to, ...rest }) => ({ ...rest, external: to, internal: from })),
  }
}

/** The console's table. */
export async function tableView(server: Server): Promise<readonly Held[]> {
  const rows = (await server.json('/ip upnp mappings print')) as readonly Readonly<Record<string, unknown>>[]
  return rows.map(row => ({
    transport: row['protocol'] as Transport,
    external: `${row['dst-address']}:${row['dst-port']}`,
    internal: `${row['internal-address']}:${row['internal-port']}`,
    expires: row['timeout'] as number | undefined,
    comment: row['comment'] as string | undefined,
  }))
}

/** Whether table, forward map and reverse map say the same; the differences as text. */
export function differences(
  table: readonly Held[],
  { forward, reverse }: Pick<KernelView, 'forward' | 'reverse'>,
): string[] {
  const inTable = new Set(table.map(nameOf))
  const inForward = new Set(forward.map(nameOf))
  const inReverse = new Set(reverse.map(nameOf))
  const only = (here: ReadonlySet<string>, there: ReadonlySet<string>, text: string) =>
    [...here].filter(name => !there.has(name)).map(name => `${text}: ${name}`)
  return [
    ...only(inTable, inForward, 'in the table but not in the kernel'),
    ...only(inForward, inTable, 'in the kernel but not in the table'),
    ...only(inForward, inReverse, 'without its reverse in the kernel'),
    ...only(inReverse, inForward, 'a reverse without its mapping in the kernel'),
  ]
}

interface NftMap {
  readonly elem?: readonly (readonly [unknown, unknown])[]
}

interface Element {
  readonly from: string
  readonly to: string
  readonly transport: Transport
  readonly expires: number | undefined
  readonly comment: string | undefined
}

/** A key `address . protocol . port` with data `address . port`; anything else is no mapping. */
function readElement([key, data]: readonly [unknown, unknown]): readonly Element[] {
  const { elem } = key as { elem?: { val: unknown; expires?: number; comment?: string } }
  const { concat } = (elem?.val ?? key) as { concat?: readonly unknown[] }
  const target = (data as { concat?: readonly unknown[] }).concat
  if (concat?.length !== 3 || target?.length !== 2) return []
  const [address, transport, port] = concat
  return [
    {
      from: `${address}:${port}`,
      to: `${target[0]}:${target[1]}`,
      transport: transport as Transport,
      expires: elem?.expires,
      comment: elem?.comment,
    },
  ]
}

const isInternal = (endpoint: string): boolean => endpoint.startsWith('192.168.')
