/** Whether the world gets where the list says and nowhere else, and whether flows end with their permission. */
import type { Host, UdpFlow } from '../host.ts'
import { A6, WORLD6 } from '../ipv6.ts'
import { type Lab, WORLD } from '../lab.ts'
import { monotonic, until } from '../process.ts'
import type { Router } from './deeds.ts'
import type { Dice } from './dice.ts'
import { listed, type Row, shown, type View } from './view.ts'

/** Ports behind which every host answers. */
export const SERVED = [4000, 4001, 4002, 4003, 4004, 4005]
/** Leases that end while we look say nothing, seconds. */
const SOON = 8
/** Running flows at one time. */
const FLOWS = 3
/** Port behind which the world answers. */
export const OUTSIDE = 53

const isOpen = (row: Row): boolean => row.state === 'on' && ['', WORLD, WORLD6].includes(row.remote)
const isServed = (row: Row): boolean => SERVED.includes(row.internalPort)
const nameOf = (lab: Lab, { ip }: Row): string => (ip === lab.a.ip || ip === A6 ? 'a' : 'b')
const dialled = (row: Row): readonly [string, number] => [
  row.pinhole === undefined ? row.address : row.ip,
  row.external,
]
const sameWay = (a: Row, b: Row): boolean =>
  a.transport === b.transport &&
  a.external === b.external &&
  (a.pinhole === undefined ? b.pinhole === undefined : a.ip === b.ip)

const isAlive = ({ left }: Row, { at }: View): boolean => left === undefined || left - (monotonic() - at) > SOON

export class Traffic {
  readonly #router: Router
  readonly #dice: Dice
  #flows: { readonly row: Row; readonly flow: UdpFlow; readonly kills: number }[] = []
  knocks = 0
  /** Looks at a LAN that was cut off. */
  closed = 0
  /** So that nobody takes an old answer for a new one. */
  #words = 0

  constructor(router: Router, dice: Dice) {
    this.#router = router
    this.#dice = dice
  }

  /** What is wrong, in words. */
  async look(view: View): Promise<string[]> {
    if (!this.#router.isUp) return []
    if (view.isClosed) this.closed++
    const alive = view.rows.filter(row => isAlive(row, view))
    const open = alive.filter(row => isOpen(row) && isServed(row))
    // Several flows may lead to one endpoint of IPv6.
    const shut = alive.filter(row => !isOpen(row) && !view.rows.some(each => each !== row && sameWay(each, row)))
    const some = (of: readonly Row[]) => (of.length === 0 ? [] : [this.#dice.one(of)])
    const wrong = await Promise.all([
      ...[...some(open), ...some(open), ...some(open)].map(row =>
        view.isClosed ? this.#stopped(row.transport, dialled(row), row) : this.#through(row),
      ),
      this.#out(this.#router.lab.a, !view.isClosed),
      this.#out(this.#router.lab.guest, true),
      ...some(shut).map(row => this.#stopped(row.transport, dialled(row), row)),
      this.#unlisted(view),
      this.#flowsOf(view, open),
    ])
    this.knocks += wrong.length
    return wrong.flat()
  }

  /** Whether a host gets out, and only where it may. */
  async #out(host: Host, may: boolean): Promise<string[]> {
    for (let attempt = 0; attempt < 4; attempt++) {
      const word = `out ${this.#words++}`
      const heard = await host.udpAsk([WORLD, OUTSIDE], word, may ? 1000 : 250)
      const isThrough = heard.got === 'reply' && heard.text.endsWith(word)
      if (!may) return isThrough ? [`${host.name} gets out of a network that is cut off`] : []
      if (isThrough) return []
    }
    return [`${host.name} does not get out`]
  }

  async #through(row: Row): Promise<string[]> {
    const { world } = this.#router.lab
    for (let attempt = 0; attempt < 4; attempt++) {
      const said = await ask(world, row.transport, dialled(row), 1000)
      if (said.startsWith(`${nameOf(this.#router.lab, row)} saw `)) return []
    }
    // On a machine with much to do its lease may have ended meanwhile.
    return (await this.#isListed(row)) ? [`the world does not get through: ${shown(row)}`] : []
  }

  async #isListed(row: Row): Promise<boolean> {
    return (await listed(this.#router.server)).rows.some(each => sameWay(each, row) && (each.left ?? SOON) > 2)
  }

  async #stopped(transport: Row['transport'], to: readonly [string, number], row?: Row): Promise<string[]> {
    const said = await ask(this.#router.lab.world, transport, to, 250)
    if (said === '') return []
    return [
      `the world gets through by ${transport} ${to.join(':')} (${said})${row === undefined ? '' : `: ${shown(row)}`}`,
    ]
  }

  async #unlisted(view: View): Promise<string[]> {
    const { address, model } = this.#router
    const external = this.#dice.between(4000, 4007)
    const transport = this.#dice.one(['tcp', 'udp'] as const)
    const isListed = view.rows.some(row => row.external === external && row.transport === transport)
    if (isListed || address === undefined || model.law.redirect?.external === external) return []
    return this.#stopped(transport, [address, external])
  }

  /** Flows that began when they were allowed must not go on when they are not. */
  async #flowsOf(view: View, open: readonly Row[]): Promise<string[]> {
    const { lab, kills } = this.#router
    const wrong: string[] = []
    for (const each of [...this.#flows]) {
      const now = view.rows.find(row => sameWay(row, each.row))
      const goesOn = now !== undefined && isOpen(now) && now.ip === each.row.ip && now.address === each.row.address
      if (goesOn && now.internalPort === each.row.internalPort) {
        if (isAlive(now, view)) wrong.push(...(await this.#passes(each.flow, now, !view.isClosed)))
        continue
      }
      this.#flows = this.#flows.filter(other => other !== each)
      // Of what ended while a killed daemon was away nobody knows (docs/decisions/008).
      if (kills === each.kills && !goesOn && now?.ip !== each.row.ip)
        wrong.push(...(await this.#ends(each.row, each.flow)))
      await each.flow.close()
    }
    if (view.isClosed) return wrong
    const row =
      this.#flows.length < FLOWS ? open.find(each => each.transport === 'udp' && each.pinhole === undefined) : undefined
    if (row === undefined || this.#flows.some(each => sameWay(each.row, row))) return wrong
    const flow = await lab.world.udpFlow()
    const heard = await flow.ask(dialled(row), 'flow', 1000)
    if (heard.got === 'reply') this.#flows.push({ row, flow, kills })
    else await flow.close()
    return wrong
  }

  /** A flow that nobody ended is silent while the network is cut off, and goes on afterwards. */
  async #passes(flow: UdpFlow, row: Row, may: boolean): Promise<string[]> {
    for (let attempt = 0; attempt < 4; attempt++) {
      const word = `on ${this.#words++}`
      const heard = await flow.ask(dialled(row), word, may ? 1000 : 250)
      const isThrough = heard.got === 'reply' && heard.text.endsWith(word)
      if (!may) return isThrough ? [`a flow goes on in a network that is cut off: ${shown(row)}`] : []
      if (isThrough) return []
    }
    return (await this.#isListed(row)) ? [`a flow does not go on: ${shown(row)}`] : []
  }

  async #ends(row: Row, flow: UdpFlow): Promise<string[]> {
    const name = nameOf(this.#router.lab, row)
    const isOver = async () => {
      const heard = await flow.ask(dialled(row), 'again', 250)
      // Another host may have the port by now.
      return heard.got !== 'reply' || !heard.text.startsWith(`${name} saw `) || undefined
    }
    return until('it is over', isOver).then(
      () => [],
      () => [`a flow goes on although its mapping is gone: ${shown(row)}`],
    )
  }
}

async function ask(world: Host, transport: 'tcp' | 'udp', to: readonly [string, number], ms: number): Promise<string> {
  const heard = transport === 'udp' ? await world.udpAsk(to, 'knock', ms) : await world.tcpAsk(to, 'knock', ms)
  return heard.got === 'reply' ? heard.text : ''
}
