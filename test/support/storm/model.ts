/** What the clients were told, and which differences between that and the daemon's list can be explained. */
import { Closing } from './closing.ts'
import { denied, type Law } from './law.ts'
import { type Row, shown, type View } from './view.ts'

/** What somebody may hold. */
export interface Spot {
  readonly host: string
  readonly transport: 'tcp' | 'udp'
  readonly external: number
  readonly internalPort: number
  readonly pinhole: number | undefined
}

export interface Told extends Spot {
  readonly remote: string
  readonly enabled: boolean
  readonly via: 'nat-pmp' | 'upnp'
  /** Both services asked: the longer promise counts. */
  readonly mixed: boolean
  /** The end of the lease lies between the two, seconds of CLOCK_MONOTONIC. */
  readonly earliest: number
  readonly latest: number
}

export type Fits = (spot: Spot) => boolean

/** Whole seconds, and the time on the way. */
const SLACK = 3

export const keyOf = ({ host, transport, external, pinhole }: Spot): string =>
  pinhole === undefined ? `${host} ${transport} ${external}` : `${host} pinhole ${pinhole}`

export class Model {
  readonly held = new Map<string, Told>()
  readonly closing = new Closing()
  /** In force since the last judgement; the last one is in force now. */
  laws: Law[]
  /** Requests that nobody answered: either outcome is right. */
  #unsure: { readonly host: string; readonly fits: Fits }[] = []
  /** May be gone, and why. */
  #excuses: { readonly why: string; readonly fits: (told: Told) => boolean }[] = []
  /** What a lease file may still bring back. */
  readonly #returning = new Set<string>()
  readonly #ever = new Set<string>()
  #wasLost = false
  /** Link address of each host, by its addresses of IPv4 and IPv6. */
  readonly macs = new Map<string, string>()
  /** By link address. */
  #counts = new Map<string, number>()
  readonly hostOf: (ip: string) => string | undefined
  /** By key: what another device than the present one opened, as far as we know. */
  suspended = new Set<string>()

  constructor(law: Law, hostOf: (ip: string) => string | undefined) {
    this.laws = [law]
    this.hostOf = hostOf
  }

  get law(): Law {
    return this.laws.at(-1) as Law
  }

  granted(told: Told): void {
    // What the owner has configured already is lent, and not the client's.
    const own = this.laws.flatMap(law => (law.redirect === undefined ? law.statics : [...law.statics, law.redirect]))
    const ip = [...this.macs.keys()].find(each => this.hostOf(each) === told.host)
    const isLent = own.some(
      each =>
        told.pinhole === undefined &&
        each.transport === told.transport &&
        each.external === told.external &&
        each.internal === told.internalPort &&
        each.ip === ip,
    )
    if (isLent) {
      this.doubt(told.host, spot => keyOf(spot) === keyOf(told))
      return
    }
    const key = keyOf(told)
    const before = this.held.get(key)
    // What another service of the host was promised for longer is not cut short (docs/decisions/024); what came back
    // from the lease file meanwhile was promised when nobody remembers.
    const isBack = [...this.#returning].some(text => keyOf(JSON.parse(text) as Spot) === key)
    const mixed = isBack || (before !== undefined && (before.mixed || before.via !== told.via))
    const promised = isBack ? Number.POSITIVE_INFINITY : (before?.latest ?? 0)
    const latest = mixed ? Math.max(promised, told.latest) : told.latest
    this.held.set(key, { ...told, mixed, latest })
    this.#ever.add(everOf(told))
  }

  removed(host: string, fits: Fits): void {
    for (const [key, told] of this.held) if (told.host === host && fits(told)) this.held.delete(key)
    for (const text of this.#returning) {
      const spot = JSON.parse(text) as Spot
      if (spot.host === host && fits(spot)) this.#returning.delete(text)
    }
  }

  doubt(host: string, fits: Fits): void {
    this.#unsure.push({ host, fits })
  }

  excuse(why: string, fits: (told: Told) => boolean): void {
    this.#excuses.push({ why, fits })
  }

  /** The table was lost: `all` that was ever granted may come back, or what is held now, or nothing that is not there. */
  lost(which: 'all' | 'held' | 'none'): void {
    this.#wasLost = true
    if (which === 'none') return
    for (const text of which === 'all' ? this.#ever : [...this.held.values()].map(everOf)) this.#returning.add(text)
  }

  /** Everything that is not as it must be. */
  judge({ at, rows }: View, address: string | undefined): string[] {
    const found: string[] = []
    const seen = new Set<string>()
    for (const row of rows) {
      found.push(...this.#judgeRow(row, at, seen).map(text => `${text}: ${shown(row)}`))
      if (address !== undefined && row.pinhole === undefined && row.address !== address) {
        found.push(`not moved to ${address}: ${shown(row)}`)
      }
    }
    for (const [key, told] of this.held) {
      if (seen.has(key) || this.#mayBeGone(told, at)) continue
      // It waits for the uplink.
      if (address === undefined && this.#returning.has(everOf(told))) continue
      found.push(`lost: ${JSON.stringify(told)} at ${at}`)
    }
    found.push(...this.#statics(rows, address !== undefined), ...this.#quotas(rows))
    return found
  }

  #judgeRow(row: Row, at: number, seen: Set<string>): string[] {
    if (row.service === 'static') return []
    const host = this.hostOf(row.ip)
    if (host === undefined) return ['nobody of ours']
    const why = denied(this.law, row)
    if (why !== undefined) return [`denied (${why})`]
    const spot = { host, ...row }
    const key = keyOf(spot)
    const mac = this.macs.get(row.ip)
    const wrong: string[] = []
    if (row.mac !== undefined && mac !== undefined && row.state !== 'disabled') {
      const state = row.mac === mac ? 'on' : 'suspended'
      if (row.state !== state) wrong.push(`its host is ${mac}`)
    }
    const told = this.held.get(key)
    seen.add(key)
    if (this.#isUnsure(spot)) return wrong
    if (this.#returning.has(everOf(spot))) return wrong
    if (told === undefined || told.internalPort !== row.internalPort || told.remote !== row.remote) {
      return [...wrong, `invented (known: ${JSON.stringify(told)})`]
    }
    if (told.enabled === (row.state === 'disabled')) wrong.push('enabled is not what was asked')
    const left = row.left ?? Number.POSITIVE_INFINITY
    // What comes back asks for what is left, and the longest lease may be another by now.
    if (!this.#wasLost && at + left < told.earliest - SLACK)
      wrong.push(`ends too early, ${told.earliest - at} s were promised`)
    if (at + left > told.latest + SLACK) wrong.push(`ends too late, ${told.latest - at} s were promised`)
    return wrong
  }

  #isUnsure(spot: Spot): boolean {
    return this.#unsure.some(({ host, fits }) => host === spot.host && fits(spot))
  }

  #mayBeGone(told: Told, at: number): boolean {
    if (told.earliest <= at + SLACK) return true
    if (this.#isUnsure(told)) return true
    if (this.#excuses.some(({ fits }) => fits(told))) return true
    const ips = [...this.macs.keys()].filter(each => this.hostOf(each) === told.host)
    for (const law of this.laws) {
      const taken = law.statics.some(each => each.transport === told.transport && each.external === told.external)
      if (taken && told.pinhole === undefined) return true
      for (const ip of ips) {
        if (ip.includes(':') !== (told.pinhole !== undefined)) continue
        const row = { ...told, ip, address: '', remotePort: 0, state: 'on', left: 0, mac: undefined } as const
        if (denied(law, { ...row, service: told.via }) !== undefined) return true
        if (told.mixed && denied(law, { ...row, service: told.via === 'upnp' ? 'nat-pmp' : 'upnp' }) !== undefined)
          return true
      }
    }
    return false
  }

  #statics(rows: readonly Row[], all: boolean): string[] {
    const text = (each: { transport: string; external: number; ip: string }, port: number) =>
      `${each.transport} ${each.external} ${each.ip}:${port}`
    const there = new Set(rows.filter(row => row.service === 'static').map(row => text(row, row.internalPort)))
    const wanted = new Set(this.law.statics.map(each => text(each, each.internal)))
    const missing = all ? [...wanted].filter(each => !there.has(each)) : []
    const surplus = [...there].filter(each => !wanted.has(each))
    return [...missing.map(each => `static is missing: ${each}`), ...surplus.map(each => `static not wanted: ${each}`)]
  }

  /** Who renews what another device of the same address had takes it over, whatever the quota (docs/decisions/055). */
  #quotas(rows: readonly Row[]): string[] {
    const perHost = Math.max(...this.laws.map(law => law.perHost))
    const total = Math.max(...this.laws.map(law => law.total))
    const found: string[] = []
    for (const [mac, count] of countsOf(rows)) {
      const before = this.#counts.get(mac) ?? 0
      const others = [...this.#counts].filter(([other]) => other !== mac && other.slice(0, -2) === mac.slice(0, -2))
      const taken = others.reduce((sum, [, held]) => sum + held, 0)
      const most = mac === '' ? Math.max(total, before) : Math.max(perHost, before) + taken
      if (count > most) found.push(`${mac || 'all'} hold ${count}, ${most} are allowed`)
    }
    return found
  }

  /** What is listed now is what everybody knows. */
  accept({ asked, at, rows, isClosed }: View, isUp: boolean): void {
    this.closing.accept(isClosed ? 'closed' : 'open')
    this.#counts = countsOf(rows)
    this.laws = [this.law]
    this.#unsure = []
    this.#excuses = []
    if (isUp) this.#returning.clear()
    if (isUp) this.#wasLost = false
    const before = new Map(this.held)
    this.held.clear()
    this.suspended = new Set()
    for (const row of rows) {
      const host = this.hostOf(row.ip)
      if (row.service === 'static' || host === undefined) continue
      const spot = { host, ...row }
      const key = keyOf(spot)
      const left = row.left ?? Number.POSITIVE_INFINITY
      const told = before.get(key)
      const enabled = row.state === 'suspended' ? (told?.enabled ?? true) : row.state !== 'disabled'
      if (row.state === 'suspended') this.suspended.add(key)
      this.held.set(key, {
        ...spot,
        enabled,
        via: row.service,
        mixed: told?.mixed ?? false,
        earliest: asked + left - 1,
        latest: at + left + 1,
      })
      this.#ever.add(everOf(spot))
    }
  }
}

function countsOf(rows: readonly Row[]): Map<string, number> {
  const counts = new Map<string, number>()
  const add = (key: string) => counts.set(key, (counts.get(key) ?? 0) + 1)
  for (const { service, mac } of rows) {
    if (service === 'static') continue
    add('')
    if (mac !== undefined) add(mac)
  }
  return counts
}

/** The same whatever became of it meanwhile. */
const everOf = ({ host, transport, external, internalPort, pinhole }: Spot): string =>
  JSON.stringify({ host, transport, external, internalPort, pinhole: pinhole === undefined ? undefined : 0 })
