/**
 * A storm: rounds in which clients, the owner, the line, the firewall and the processes do everything at once, and
 * after each the question whether all agree (`model.ts`, `view.ts`, `watcher.ts`, `traffic.ts`).
 */
import { readdirSync, readFileSync } from 'node:fs'
import { A6, addIpv6, B6 } from '../ipv6.ts'
import { type Lab, makeLab } from '../lab.ts'
import { monotonic, sleep } from '../process.ts'
import { type Engine, startDaemon } from '../server.ts'
import { Client } from './clients.ts'
import { Router } from './deeds.ts'
import { Dice } from './dice.ts'
import { guestTries } from './guest.ts'
import { CALM, uciOf } from './law.ts'
import { Model } from './model.ts'
import { OUTSIDE, SERVED, Traffic } from './traffic.ts'
import { Watcher } from './watcher.ts'

export interface StormOptions {
  readonly engine: Engine
  readonly seed: number
  readonly rounds: number
  /** Names of deeds (`deeds.ts`); all if absent. */
  readonly only?: readonly string[]
  /** Called with each line of the course of things. */
  readonly note?: (text: string) => void
}

export interface Course {
  readonly rounds: number
  readonly asked: number
  readonly answered: number
  readonly deeds: number
  readonly restarts: number
  readonly knocks: number
  /** Looks while the LAN was cut off. */
  readonly closed: number
  /** Seconds until all agreed, the longest. */
  readonly slowest: number
  /** Of the daemon, every ten rounds, under the same configuration. */
  readonly descriptors: readonly number[]
  readonly kilobytes: readonly number[]
  readonly logBytes: number
}

/** Rejects with what is wrong, the course of the last rounds, the log, and the state of the lab. */
export async function storm(options: StormOptions): Promise<Course> {
  const lab = await makeLab()
  try {
    const storm = new Storm(lab, options)
    await storm.begin()
    for (let round = 1; round <= options.rounds; round++) await storm.round(round)
    return await storm.end()
  } finally {
    await lab.close()
  }
}

const MACS = { a: '02:00:00:00:0a:01', b: '02:00:00:00:0b:01' }
/** Every so many rounds the calm law holds, and what the daemon uses is measured. */
const CALM_EACH = 10

class Storm {
  readonly #lab: Lab
  readonly #options: StormOptions
  readonly #dice: Dice
  readonly #guestDice: Dice
  readonly #lines: string[] = []
  /** Where the last two rounds begin in `#lines`. */
  #marks: readonly [number, number] = [0, 0]
  #router!: Router
  #clients: readonly Client[] = []
  #watcher!: Watcher
  #traffic!: Traffic
  readonly #descriptors: number[] = []
  readonly #kilobytes: number[] = []

  constructor(lab: Lab, options: StormOptions) {
    this.#lab = lab
    this.#options = options
    this.#dice = new Dice(options.seed)
    this.#guestDice = this.#dice.split()
  }

  async begin(): Promise<void> {
    const lab = this.#lab
    await addIpv6(lab)
    // A device that takes over an address is heard at once.
    await lab.router.must(['sysctl', '-q', 'net.ipv4.neigh.br-lan.locktime=0'])
    const echoes = [lab.a, lab.b].flatMap(host =>
      SERVED.flatMap(port => [host.udpEcho(port, '::'), host.tcpEcho(port, '::')]),
    )
    await Promise.all([...echoes, lab.world.udpEcho(OUTSIDE)])
    const hosts: Readonly<Record<string, string>> = { [lab.a.ip]: 'a', [lab.b.ip]: 'b', [A6]: 'a', [B6]: 'b' }
    const model = new Model(CALM, ip => hosts[ip])
    const { engine } = this.#options
    const server = await startDaemon(lab, { engine, uci: uciOf(CALM) })
    const note = (text: string) => this.#note(text)
    this.#router = new Router(lab, engine, model, this.#dice.split(), server, note)
    await this.#router.present(lab.a, A6, MACS.a)
    await this.#router.present(lab.b, B6, MACS.b)
    this.#clients = [
      new Client(lab.a, A6, model, this.#dice.split(), note),
      new Client(lab.b, B6, model, this.#dice.split(), note),
    ]
    this.#watcher = new Watcher(lab, this.#router, model)
    this.#traffic = new Traffic(this.#router, this.#dice.split())
  }

  async round(round: number): Promise<void> {
    this.#marks = [this.#marks[1], this.#lines.length]
    this.#note(`round ${round} of seed ${this.#options.seed}`)
    const isCalm = round % CALM_EACH === 0
    const problems = await this.#noise(isCalm)
    this.#note('quiet')
    problems.push(...(await this.#watcher.settle()))
    if (problems.length === 0) problems.push(...(await this.#traffic.look(this.#watcher.view)))
    if (isCalm && problems.length === 0) {
      this.#descriptors.push(await fewest(this.#router.server.pid))
      this.#kilobytes.push(residentOf(this.#router.server.pid))
    }
    if (problems.length > 0) await this.#fail(problems)
  }

  async end(): Promise<Course> {
    const { deeds, restarts, log, server } = this.#router
    const logBytes = log.length + server.output.length
    if ((await server.stop()) !== 0) await this.#fail(['it did not end well'])
    const sum = (of: (client: Client) => number) => this.#clients.reduce((all, client) => all + of(client), 0)
    return {
      rounds: this.#options.rounds,
      asked: sum(({ asked }) => asked),
      answered: sum(({ answered }) => answered),
      deeds,
      restarts,
      knocks: this.#traffic.knocks,
      closed: this.#traffic.closed,
      slowest: this.#watcher.slowest,
      descriptors: this.#descriptors,
      kilobytes: this.#kilobytes,
      logBytes,
    }
  }

  /** Everybody at once; what the guest got that it should not. */
  async #noise(isCalm: boolean): Promise<string[]> {
    const troubles = this.#dice.pick([
      [2, 0],
      [4, 1],
      [3, 2],
      [2, 4],
      [1, 7],
    ] as const)
    const wishes = this.#dice.between(2, 12)
    let isTroubled = troubles > 0
    const ask = async (client: Client) => {
      for (let n = 0; n < wishes || (isTroubled && n < 60); n++) {
        await client.step()
        if (troubles > 0) await sleep(client.pause())
      }
    }
    const befall = async () => {
      for (let n = 0; n < troubles; n++) {
        await sleep(this.#router.dice.between(0, 60))
        await this.#router.befall(this.#options.only)
      }
      if (isCalm) await this.#router.calm()
      isTroubled = false
    }
    const isTried = this.#guestDice.chance(0.3)
    const [got] = await Promise.all([
      isTried ? guestTries(this.#lab.guest, this.#guestDice) : undefined,
      befall(),
      ...this.#clients.map(ask),
    ])
    return got === undefined ? [] : [got]
  }

  #note(text: string): void {
    const line = `${monotonic().toFixed(3)} ${text}`
    this.#lines.push(line)
    this.#options.note?.(line)
  }

  async #fail(problems: readonly string[]): Promise<never> {
    const { log, server } = this.#router
    const course = this.#lines.slice(this.#marks[0]).join('\n')
    const said = (log + server.output).split('\n').slice(-150).join('\n')
    const state = await stateOf(this.#lab)
    throw new Error(`seed ${this.#options.seed}:\n${problems.join('\n')}\n\n${course}\n\nlog:\n${said}\n\n${state}`)
  }
}

async function stateOf({ a, b, router, world }: Lab): Promise<string> {
  const asked = [
    ...[router, world, a, b].flatMap(host => ['ip -6 route', 'ip neigh'].map(line => [host, line] as const)),
    [router, 'ip address'] as const,
    [router, 'nft list table inet portico'] as const,
    [router, 'nft list table inet portico_closed'] as const,
  ]
  const said = await Promise.all(asked.map(([host, line]) => host.run(line.split(' '))))
  return asked.map(([{ name }, line], n) => `${name}: ${line}\n${said[n]?.stdout}${said[n]?.stderr}`).join('\n')
}

/** Descriptors, without the connections of a moment. */
async function fewest(pid: number): Promise<number> {
  let least = Number.POSITIVE_INFINITY
  for (let n = 0; n < 5; n++) {
    least = Math.min(least, readdirSync(`/proc/${pid}/fd`).length)
    await sleep(50)
  }
  return least
}

const residentOf = (pid: number): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])
