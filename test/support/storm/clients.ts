/** Hosts of the LAN that ask for everything that there is to ask, and remember what they were told. */
import type { Host } from '../host.ts'
import { LAN6, WORLD6 } from '../ipv6.ts'
import { LAN, WORLD } from '../lab.ts'
import { mapReply, mapRequest, PORT } from '../natpmp.ts'
import { monotonic } from '../process.ts'
import { HTTP_PORT, networkSoap, pinholeSoap, soap, statusOf } from '../upnp.ts'
import type { Dice } from './dice.ts'
import type { Fits, Model, Spot, Told } from './model.ts'

/** How long a client waits for its answer, ms. */
const PATIENCE = 3000

export class Client {
  readonly host: Host
  readonly ip6: string
  readonly #model: Model
  readonly #dice: Dice
  readonly #note: (text: string) => void
  /** Milliseconds of rest after a question that nobody answered. */
  #tired = 0
  asked = 0
  answered = 0

  constructor(host: Host, ip6: string, model: Model, dice: Dice, note: (text: string) => void) {
    this.host = host
    this.ip6 = ip6
    this.#model = model
    this.#dice = dice
    this.#note = note
  }

  async step(): Promise<void> {
    this.asked++
    const deed = this.#dice.pick<() => Promise<string>>([
      [8, () => this.#natPmpMap(this.#transport(), this.#inside())],
      [3, () => this.#natPmpUnmap(this.#transport(), this.#dice.chance(0.15) ? 0 : this.#inside())],
      [8, () => this.#add(this.#transport(), this.#port())],
      [3, () => this.#revoke()],
      [2, () => this.#burst()],
      [1, () => this.#range()],
      [4, () => this.#addPinhole()],
      [2, () => this.#changePinhole()],
      [1, () => this.#read()],
      [2, () => this.#switch()],
    ])
    const said = await deed()
    this.#tired = said.includes('nothing') ? 100 : 0
    if (this.#tired === 0) this.answered++
    this.#note(`${this.host.name}: ${said}`)
  }

  /** Milliseconds until the next wish. */
  pause(): number {
    return this.#dice.between(0, 60) + this.#tired
  }

  get #name(): string {
    return this.host.name
  }

  #port(): number {
    return this.#dice.chance(0.9)
      ? this.#dice.between(4000, 4007)
      : this.#dice.one([22, 80, 3389, 5000, 5001, 5351, 65535])
  }

  #inside(): number {
    return this.#dice.chance(0.95) ? this.#dice.between(4000, 4005) : this.#dice.one([22, 80, 3389])
  }

  #transport(): 'tcp' | 'udp' {
    return this.#dice.one(['tcp', 'udp'])
  }

  /** Many at once, so that they are decided in one turn; none of them meets another. */
  async #burst(): Promise<string> {
    const dice = this.#dice
    const isNatPmp = dice.chance(0.5)
    const spots = (['tcp', 'udp'] as const)
      .flatMap(transport => [4000, 4001, 4002, 4003, 4004, 4005].map(port => [transport, port] as const))
      .filter(() => dice.chance(0.7))
    const ask = ([transport, port]: (typeof spots)[number]) => {
      if (!isNatPmp) return dice.chance(0.7) ? this.#add(transport, port, false) : this.#revokeAt(transport, port, '')
      return dice.chance(0.7) ? this.#natPmpMap(transport, port) : this.#natPmpUnmap(transport, port)
    }
    const said = await Promise.all(spots.map(ask))
    return `at once:\n    ${said.join('\n    ')}`
  }

  async #natPmpMap(transport: 'tcp' | 'udp', internal: number): Promise<string> {
    const dice = this.#dice
    const external = dice.chance(0.2) ? 0 : this.#port()
    const lifetime = dice.one([1, 5, 20, 120, 3600, 3600, 700_000, 4_294_967_295])
    const text = `natpmp map ${transport} ${internal} to ${external} for ${lifetime}`
    const sent = monotonic()
    const heard = await this.host.udpAsk([LAN, PORT], mapRequest({ transport, internal, external, lifetime }), PATIENCE)
    const got = monotonic()
    const fits: Fits = spot =>
      spot.pinhole === undefined && spot.transport === transport && spot.internalPort === internal
    if (heard.got !== 'reply') {
      this.#model.doubt(this.#name, fits)
      return `${text}: nothing`
    }
    const reply = mapReply(heard.hex)
    if (reply.result === 0) {
      this.#model.granted({
        host: this.#name,
        transport,
        external: reply.external,
        internalPort: internal,
        pinhole: undefined,
        remote: '',
        enabled: true,
        via: 'nat-pmp',
        mixed: false,
        earliest: sent + reply.lifetime,
        latest: got + reply.lifetime,
      })
    }
    return `${text}: ${reply.result}, ${reply.external} for ${reply.lifetime}`
  }

  async #natPmpUnmap(transport: 'tcp' | 'udp', internal: number): Promise<string> {
    const text = `natpmp unmap ${transport} ${internal || 'all'}`
    const payload = mapRequest({ transport, internal, external: 0, lifetime: 0 })
    const heard = await this.host.udpAsk([LAN, PORT], payload, PATIENCE)
    const fits: Fits = spot =>
      spot.pinhole === undefined && spot.transport === transport && (internal === 0 || spot.internalPort === internal)
    if (heard.got !== 'reply') {
      this.#model.doubt(this.#name, fits)
      return `${text}: nothing`
    }
    const { result } = mapReply(heard.hex)
    if (result === 0) this.#model.removed(this.#name, fits)
    // The operator's stay, the client's own go all the same.
    else this.#model.doubt(this.#name, fits)
    return `${text}: ${result}`
  }

  async #call(text: string, to = LAN): Promise<{ status: number; code: number; text: string } | undefined> {
    const heard = await this.host.fetch(
      [to, this.#model.law.httpPort],
      text.replaceAll(`:${HTTP_PORT}\r\n`, `:${this.#model.law.httpPort}\r\n`),
      PATIENCE,
    )
    const status = statusOf(heard)
    if (status === 0) return undefined
    return { status, code: status === 200 ? 0 : Number(/<errorCode>(\d+)</.exec(heard)?.[1] ?? -status), text: heard }
  }

  async #add(transport: 'tcp' | 'udp', wished: number, any = this.#dice.chance(0.3)): Promise<string> {
    const dice = this.#dice
    const external = any && dice.chance(0.2) ? 0 : wished
    const internal = this.#inside()
    const lease = dice.one([0, 1, 5, 20, 120, 3600, 3600, 604_800])
    const remote = dice.chance(0.2) ? dice.one([WORLD, '203.0.113.5']) : ''
    const enabled = !dice.chance(0.15)
    const text = `upnp ${any ? 'any' : 'add'} ${transport} ${external} -> ${internal} for ${lease}${remote === '' ? '' : ` from ${remote}`}${enabled ? '' : ' disabled'}`
    const sent = monotonic()
    const said = await this.#call(
      soap(any ? 'AddAnyPortMapping' : 'AddPortMapping', {
        NewRemoteHost: remote,
        NewExternalPort: external,
        NewProtocol: transport.toUpperCase(),
        NewInternalPort: internal,
        NewInternalClient: this.host.ip,
        NewEnabled: enabled ? 1 : 0,
        NewPortMappingDescription: 'storm',
        NewLeaseDuration: lease,
      }),
    )
    const got = monotonic()
    if (said === undefined) {
      this.#model.doubt(
        this.#name,
        spot =>
          spot.pinhole === undefined &&
          spot.transport === transport &&
          (any ? spot.internalPort === internal || spot.external === external : spot.external === external),
      )
      return `${text}: nothing`
    }
    const granted = any ? Number(/<NewReservedPort>(\d+)</.exec(said.text)?.[1]) : external
    if (said.code === 0) this.#granted({ transport, external: granted, internal, remote, enabled, lease, sent, got })
    return `${text}: ${said.code} ${granted}`
  }

  #granted(given: {
    readonly transport: 'tcp' | 'udp'
    readonly external: number
    readonly internal: number
    readonly remote: string
    readonly enabled: boolean
    readonly lease: number
    readonly sent: number
    readonly got: number
  }): void {
    const leases = this.#leases(given.lease === 0 ? 604_800 : given.lease)
    this.#model.granted({
      host: this.#name,
      transport: given.transport,
      external: given.external,
      internalPort: given.internal,
      pinhole: undefined,
      remote: given.remote,
      enabled: given.enabled,
      via: 'upnp',
      mixed: false,
      earliest: given.sent + Math.min(...leases),
      latest: given.got + Math.max(...leases),
    })
  }

  /** What each of the laws that may be in force makes of it. */
  #leases(asked: number): readonly number[] {
    return this.#model.laws.map(({ minLease, maxLease }) => Math.min(Math.max(asked, minLease), maxLease))
  }

  async #revoke(): Promise<string> {
    const own = [...this.#model.held.values()].filter(each => each.host === this.#name && each.pinhole === undefined)
    const known = own.length > 0 && this.#dice.chance(0.7) ? this.#dice.one(own) : undefined
    const transport = known?.transport ?? this.#transport()
    const external = known?.external ?? this.#port()
    return this.#revokeAt(transport, external, known?.remote ?? '')
  }

  async #revokeAt(transport: 'tcp' | 'udp', external: number, remote: string): Promise<string> {
    const text = `upnp delete ${transport} ${external}${remote === '' ? '' : ` from ${remote}`}`
    const said = await this.#call(
      soap('DeletePortMapping', {
        NewRemoteHost: remote,
        NewExternalPort: external,
        NewProtocol: transport.toUpperCase(),
      }),
    )
    return this.#settle(
      text,
      said,
      spot => spot.pinhole === undefined && spot.transport === transport && spot.external === external,
    )
  }

  async #range(): Promise<string> {
    const transport = this.#transport()
    const first = this.#dice.between(4000, 4007)
    const last = Math.min(4007, first + this.#dice.between(0, 4))
    const args = { NewStartPort: first, NewEndPort: last, NewProtocol: transport.toUpperCase(), NewManage: 0 }
    const said = await this.#call(soap('DeletePortMappingRange', args))
    return this.#settle(
      `upnp delete ${transport} ${first}-${last}`,
      said,
      spot =>
        spot.pinhole === undefined && spot.transport === transport && spot.external >= first && spot.external <= last,
    )
  }

  #settle(text: string, said: { code: number } | undefined, fits: Fits): string {
    if (said === undefined) this.#model.doubt(this.#name, fits)
    else if (said.code === 0) this.#model.removed(this.#name, fits)
    return `${text}: ${said?.code ?? 'nothing'}`
  }

  async #addPinhole(): Promise<string> {
    const dice = this.#dice
    const port = this.#inside()
    const lease = dice.one([1, 5, 20, 120, 3600, 86_400])
    const remote = dice.chance(0.3) ? dice.one([WORLD6, '2a01:488:ee::5']) : ''
    const transport = this.#transport()
    const text = `pinhole ${transport} ${port} for ${lease}${remote === '' ? '' : ` from ${remote}`}`
    const sent = monotonic()
    const said = await this.#call(
      pinholeSoap('AddPinhole', {
        RemoteHost: remote,
        RemotePort: 0,
        InternalClient: this.ip6,
        InternalPort: port,
        Protocol: transport === 'udp' ? 17 : 6,
        LeaseTime: lease,
      }),
      LAN6,
    )
    const got = monotonic()
    if (said === undefined) {
      this.#model.doubt(
        this.#name,
        spot => spot.pinhole !== undefined && spot.transport === transport && spot.internalPort === port,
      )
      return `${text}: nothing`
    }
    const id = Number(/<UniqueID>(\d+)</.exec(said.text)?.[1])
    if (said.code === 0) {
      const leases = this.#leases(lease).map(each => Math.min(each, 86_400))
      this.#model.granted({
        host: this.#name,
        transport,
        external: port,
        internalPort: port,
        pinhole: id,
        remote,
        enabled: true,
        via: 'upnp',
        mixed: false,
        earliest: sent + Math.min(...leases),
        latest: got + Math.max(...leases),
      })
    }
    return `${text}: ${said.code} ${id}`
  }

  async #changePinhole(): Promise<string> {
    const own = [...this.#model.held.values()].filter(each => each.pinhole !== undefined)
    const known = own.length > 0 ? this.#dice.one(own) : undefined
    const id = known?.pinhole ?? this.#dice.between(1, 20)
    const close = this.#dice.chance(0.5)
    const lease = this.#dice.one([5, 60, 3600])
    const text = `pinhole ${close ? 'delete' : 'update'} ${id}${close ? '' : ` for ${lease}`}`
    const sent = monotonic()
    const said = await this.#call(
      close
        ? pinholeSoap('DeletePinhole', { UniqueID: id })
        : pinholeSoap('UpdatePinhole', { UniqueID: id, NewLeaseTime: lease }),
      LAN6,
    )
    const fits = (spot: Spot) => spot.pinhole === id
    if (close || said === undefined) return this.#settle(text, said, fits)
    const before = [...this.#model.held.values()].find(each => each.host === this.#name && fits(each))
    if (said.code === 0) {
      const leases = this.#leases(lease)
      const end = { earliest: sent + Math.min(...leases), latest: monotonic() + Math.max(...leases) }
      if (before === undefined) this.#model.doubt(this.#name, fits)
      else this.#model.granted({ ...(before as Told), ...end })
    }
    return `${text}: ${said.code}`
  }

  /** Cuts the network off, or opens it. */
  async #switch(): Promise<string> {
    const enabled = this.#dice.chance(0.55)
    const to = enabled ? 'open' : 'closed'
    const sent = monotonic()
    const said = await this.#call(networkSoap('SetEnabledForInternet', { NewEnabledForInternet: enabled ? 1 : 0 }))
    if (said?.code === 0) this.#model.closing.cause(to, sent, monotonic())
    // Not so where it is refused.
    else if (said === undefined || said.code === 501) this.#model.closing.cause(to, sent)
    return `network ${to}: ${said?.code ?? 'nothing'}`
  }

  async #read(): Promise<string> {
    const said = this.#dice.chance(0.5)
      ? await this.#call(soap('GetGenericPortMappingEntry', { NewPortMappingIndex: this.#dice.between(0, 5) }))
      : await this.#call(
          soap('GetListOfPortMappings', {
            NewStartPort: 0,
            NewEndPort: 65535,
            NewProtocol: 'UDP',
            NewManage: 0,
            NewNumberOfPorts: 0,
          }),
        )
    return `read: ${said?.code ?? 'nothing'}`
  }
}
