/** What the daemon lists and what the kernel holds, all of it, and where they differ. */
import { request } from 'node:http'
import type { Lab } from '../lab.ts'
import { monotonic } from '../process.ts'
import type { Server } from '../server.ts'

export interface Row {
  readonly transport: 'tcp' | 'udp'
  readonly external: number
  readonly address: string
  readonly ip: string
  readonly internalPort: number
  readonly service: 'nat-pmp' | 'upnp' | 'static'
  /** '' is anybody. */
  readonly remote: string
  readonly remotePort: number
  readonly pinhole: number | undefined
  readonly state: 'on' | 'disabled' | 'suspended'
  /** Seconds; undefined is for ever. */
  readonly left: number | undefined
  readonly mac: string | undefined
}

/** Answered between the two moments, seconds of CLOCK_MONOTONIC. */
export interface View {
  readonly asked: number
  readonly at: number
  readonly rows: readonly Row[]
  /** Whether the LAN is cut off. */
  readonly isClosed: boolean
}

/** One line to the control socket, without a program in between: it is asked very often. */
export function control(server: Server, ...words: readonly string[]): Promise<{ exit: number; text: string }> {
  return new Promise((resolve, reject) => {
    const body = JSON.stringify({ words, json: true, width: 200 })
    const asked = request(
      {
        socketPath: `${server.runDirectory}/portico.sock`,
        path: '/console',
        method: 'POST',
        timeout: 20_000,
        headers: { host: 'portico', 'content-length': body.length, connection: 'close' },
      },
      answer => {
        let text = ''
        answer.setEncoding('utf8').on('data', part => (text += part))
        answer.on('end', () => resolve({ exit: Number(answer.headers['exit-status'] ?? -1), text }))
        answer.on('error', reject)
      },
    )
    asked.on('timeout', () => asked.destroy(new Error('the control socket does not answer')))
    asked.on('error', reject)
    asked.end(body)
  })
}

export async function listed(server: Server): Promise<View> {
  const asked = monotonic()
  const { exit, text } = await control(server, '/ip upnp mappings print')
  if (exit !== 0) throw new Error(`mappings print: ${exit} ${text}`)
  const rows = JSON.parse(text) as readonly Readonly<Record<string, unknown>>[]
  return { asked, at: monotonic(), rows: rows.map(rowOf), isClosed: await isCutOff(server) }
}

const rowOf = (row: Readonly<Record<string, unknown>>): Row => ({
  transport: row['protocol'] as Row['transport'],
  external: row['dst-port'] as number,
  address: row['dst-address'] as string,
  ip: row['internal-address'] as string,
  internalPort: row['internal-port'] as number,
  service: row['service'] as Row['service'],
  remote: (row['src-address'] as string | undefined) ?? '',
  remotePort: (row['src-port'] as number | undefined) ?? 0,
  pinhole: row['pinhole'] as number | undefined,
  state: row['disabled'] === true ? 'disabled' : row['invalid'] === true ? 'suspended' : 'on',
  left: row['timeout'] as number | undefined,
  mac: row['mac'] as string | undefined,
})

/** Whether the daemon says that the LAN is cut off. */
export async function isCutOff(server: Server): Promise<boolean> {
  const { exit, text } = await control(server, 'status')
  if (exit !== 0) throw new Error(`status: ${exit} ${text}`)
  const { closed } = JSON.parse(text) as { closed: readonly { readonly device: string }[] }
  const devices = closed.map(({ device }) => device).join()
  if (devices !== '' && devices !== 'br-lan') throw new Error(`cut off is ${devices}`)
  return devices !== ''
}

export const shown = (row: Row): string =>
  `${row.pinhole === undefined ? '' : `pinhole ${row.pinhole} `}${row.transport} ${row.address}:${row.external} -> ${row.ip}:${row.internalPort}${row.remote === '' ? '' : ` from ${row.remote}`} ${row.service} ${row.state} ${row.left ?? 'ever'} ${row.mac ?? '-'}`

interface Element {
  readonly key: string
  readonly data: string
  readonly left: number | undefined
}

export interface Kernel {
  readonly at: number
  /** By name of the set; undefined where there is no table. */
  readonly sets: ReadonlyMap<string, readonly Element[]> | undefined
  /** What is cut off, and what it reaches all the same; '' where there is no such table. */
  readonly closed: string
}

const SETS = ['dnat4', 'dnat4from', 'idle4', 'pinhole6', 'idle6', 'snat4', 'taken']
const DEVICES = ['internal', 'external', 'external6']
const CUT = ['closed', 'near']

export async function held(lab: Lab): Promise<Kernel> {
  const [sets, cut] = await Promise.all([setsOf(lab, 'portico'), setsOf(lab, 'portico_closed')])
  const devices = (name: string) => (cut?.get(name) ?? []).map(({ key }) => key).sort()
  const closed = cut === undefined ? '' : `${devices('closed').join()} near ${devices('near').join()}`
  return { at: monotonic(), sets, closed }
}

async function setsOf(lab: Lab, table: string): Promise<ReadonlyMap<string, readonly Element[]> | undefined> {
  const { status, stdout } = await lab.router.run(['nft', '-j', 'list', 'table', 'inet', table])
  if (status !== 0) return undefined
  const { nftables } = JSON.parse(stdout) as { nftables: readonly { map?: NftSet; set?: NftSet }[] }
  const sets = new Map<string, Element[]>()
  for (const entry of nftables) {
    const set = entry.map ?? entry.set
    if (set !== undefined && [...SETS, ...DEVICES, ...CUT].includes(set.name))
      sets.set(set.name, (set.elem ?? []).map(elementOf))
  }
  return sets
}

interface NftSet {
  readonly name: string
  readonly elem?: readonly unknown[]
}

function elementOf(each: unknown): Element {
  const [from, to] = Array.isArray(each) ? each : [each, undefined]
  const { elem } = from as { elem?: { val: unknown; expires?: number } }
  return { key: textOf(elem?.val ?? from), data: to === undefined ? '' : textOf(to), left: elem?.expires }
}

const textOf = (value: unknown): string =>
  typeof value === 'object' ? ((value as { concat?: readonly unknown[] }).concat ?? []).join(' ') : String(value)

/** Seconds by which two clocks that were read one after the other may differ. */
const SLACK = 3

/** Where the kernel is not what the list says. */
export function contradictions({ at, rows, isClosed }: View, kernel: Kernel, isUp: boolean): string[] {
  const { sets } = kernel
  if (sets === undefined) return ['there is no table in the kernel']
  const passed = kernel.at - at
  const found: string[] = []
  const cut = isClosed ? 'br-lan near br-guest,br-lan' : ''
  if (kernel.closed !== cut) found.push(`cut off is ${kernel.closed || 'nothing'}, not ${cut || 'nothing'}`)
  const wanted = new Map<string, { data: string; left: number | undefined }>()
  const out = new Map<string, Row[]>()
  for (const row of rows) {
    const { set, key, data } = bodyOf(row)
    if (wanted.has(`${set} ${key}`)) found.push(`two owners: ${shown(row)}`)
    wanted.set(`${set} ${key}`, { data, left: row.left })
    if (row.state !== 'on' || row.pinhole !== undefined) continue
    wanted.set(`taken ${row.transport} ${row.external}`, { data: '', left: row.left })
    const inside = `${row.ip} ${row.transport} ${row.internalPort}`
    out.set(inside, [...(out.get(inside) ?? []), row])
  }
  for (const name of DEVICES) {
    const keys = (sets.get(name) ?? []).map(({ key }) => key).join()
    const want = name === 'internal' ? 'br-lan' : 'wan0'
    if (keys !== want && (isUp || name === 'internal')) found.push(`${name} is ${keys}`)
  }
  for (const [name, elements] of sets) {
    if (DEVICES.includes(name)) continue
    for (const { key, data, left } of elements) {
      if (name === 'snat4') {
        const all = out.get(key) ?? []
        out.delete(key)
        const good = all.some(row => `${row.address} ${row.external}` === data)
        if (!good) found.push(`snat4 ${key} : ${data}, listed are ${all.map(shown).join(', ') || 'none'}`)
        const longest = all.some(row => row.left === undefined) ? undefined : Math.max(...all.map(row => row.left ?? 0))
        if (good && !near(longest, left, passed)) found.push(`snat4 ${key}: ${left} s left, listed ${longest}`)
        continue
      }
      const want = wanted.get(`${name} ${key}`)
      wanted.delete(`${name} ${key}`)
      if (want === undefined) found.push(`only in the kernel: ${name} ${key} : ${data}`)
      else if (want.data !== data) found.push(`${name} ${key} : ${data}, listed ${want.data}`)
      else if (!near(want.left, left, passed)) found.push(`${name} ${key}: ${left} s left, listed ${want.left}`)
    }
  }
  for (const [name, { left }] of wanted) if (!(left !== undefined && left <= SLACK)) found.push(`only listed: ${name}`)
  for (const [key, all] of out)
    if (all.some(row => row.left === undefined || row.left > SLACK)) found.push(`no way out: ${key}`)
  return found
}

function near(a: number | undefined, b: number | undefined, passed: number): boolean {
  if (a === undefined || b === undefined) return a === b
  return Math.abs(a - passed - b) <= SLACK
}

function bodyOf(row: Row): { set: string; key: string; data: string } {
  if (row.pinhole !== undefined) {
    const key = `${row.remote === '' ? '::' : row.remote} ${row.remotePort} ${row.ip} ${row.transport} ${row.internalPort}`
    return { set: row.state === 'on' ? 'pinhole6' : 'idle6', key, data: '' }
  }
  const end = `${row.address} ${row.transport} ${row.external}`
  const data = `${row.ip} ${row.internalPort}`
  if (row.state !== 'on') return { set: 'idle4', key: end, data }
  return row.remote === '' ? { set: 'dnat4', key: end, data } : { set: 'dnat4from', key: `${row.remote} ${end}`, data }
}
