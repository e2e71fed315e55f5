/** After the noise: waits until list, kernel and clients agree, and says where they do not. */
import { LAN, type Lab } from '../lab.ts'
import { addressReply, EXTERNAL_ADDRESS, PORT } from '../natpmp.ts'
import { monotonic, sleep } from '../process.ts'
import type { Router } from './deeds.ts'
import type { Model } from './model.ts'
import { contradictions, held, listed, type View } from './view.ts'

/** How long all may need until they agree, seconds. */
const PATIENCE = 40

export class Watcher {
  readonly #lab: Lab
  readonly #router: Router
  readonly #model: Model
  view: View = { asked: 0, at: 0, rows: [], isClosed: false }
  /** Seconds until all agreed, the longest. */
  slowest = 0
  /** How much of the log has been read. */
  #heard = 0
  /** When the epoch began, at the latest. */
  #epoch: number | undefined

  constructor(lab: Lab, router: Router, model: Model) {
    this.#lab = lab
    this.#router = router
    this.#model = model
  }

  /** What is still wrong when everybody has had time to agree. */
  async settle(): Promise<string[]> {
    const start = monotonic()
    for (;;) {
      const wrong = await this.#look()
      if (wrong.length > 0 && monotonic() < start + PATIENCE) {
        await sleep(100)
        continue
      }
      this.slowest = Math.max(this.slowest, monotonic() - start)
      wrong.push(...this.#complaints())
      if (wrong.length === 0) wrong.push(...(await this.#epochIsTrue()))
      if (wrong.length === 0) this.#model.accept(this.view, this.#router.isUp)
      return wrong
    }
  }

  async #look(): Promise<string[]> {
    const router = this.#router
    try {
      this.view = await listed(router.server)
      const kernel = await held(this.#lab)
      const address = router.isUp ? router.address : undefined
      return [
        ...this.#model.judge(this.view, address),
        ...this.#closing(),
        ...contradictions(this.view, kernel, router.isUp),
      ]
    } catch (error) {
      return [`cannot be asked: ${error}`]
    }
  }

  #closing(): string[] {
    const state = this.view.isClosed ? 'closed' : 'open'
    const possible = this.#model.closing.possible(this.#model.laws)
    return possible.has(state) ? [] : [`the LAN is ${state}, it can only be ${[...possible].join()}`]
  }

  #complaints(): string[] {
    const all = this.#router.log + this.#router.server.output
    const lines = all.slice(this.#heard).split('\n')
    this.#heard = all.length
    const isBad = (line: string) => /^\S*,error /.test(line) || /a fault of|mistake|[A-Z]\w*Error/.test(line)
    // Of the files that we break ourselves.
    return lines.filter(line => isBad(line) && !/^config,error \S+\/uci\/portico\b/.test(line))
  }

  /** RFC 6886 §3.6: it never falls back but where mappings were lost or the address is another. */
  async #epochIsTrue(): Promise<string[]> {
    const router = this.#router
    const { law } = this.#model
    if (!law.natPmp[0] || law.roles === 'upnp') return []
    const asked = monotonic()
    const heard = await this.#lab.a.udpAsk([LAN, PORT], EXTERNAL_ADDRESS, 10_000)
    if (heard.got !== 'reply') return ['nobody tells the address']
    const { epoch, address, result } = addressReply(heard.hex)
    const told = router.isUp ? (law.forcedIp ?? router.address) : undefined
    const wrong: string[] = []
    if (told !== undefined && (result !== 0 || address !== told)) wrong.push(`told ${address} (${result}), not ${told}`)
    if (told === undefined && result !== 3) wrong.push(`told ${address} (${result}) without an uplink`)
    if (this.#epoch !== undefined && asked - epoch > this.#epoch + 1.5 && !router.epochMayFall) {
      wrong.push(`the epoch began anew, ${epoch} s ago`)
    }
    this.#epoch = monotonic() - epoch
    // While nothing can be told the next address may still begin a new one.
    router.epochMayFall = router.epochMayFall && told === undefined
    return wrong
  }
}
