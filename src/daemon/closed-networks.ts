/**
 * Internal networks that a client has cut off from the world (WANCommonInterfaceConfig:1, EnabledForInternet). They stay
 * so while this process lives and the owner's configuration lets clients do it, and no longer: nothing is kept for the
 * next start. What is said of them is what the kernel has confirmed.
 */
import { reasonOf } from '../base/fail.ts'
import type { Ip, Mac } from '../base/ip.ts'
import type { Log } from '../base/log.ts'
import type { Clock } from '../base/time.ts'
import type { Journal } from '../core/journal.ts'
import type { ClosedTable } from '../kernel/closed-table.ts'
import type { Difference } from '../kernel/firewall-read.ts'
import type { ClosingPlan } from './situation.ts'

export interface ClosedNetworksParts {
  readonly clock: Clock
  readonly log: Log
  readonly journal: Pick<Journal, 'record'>
  readonly table: Pick<ClosedTable, 'begin' | 'set' | 'restore'>
  /** Nobody knows what the kernel holds: `restore` is to be called. */
  readonly doubt: () => void
  /** Other networks are closed now. */
  readonly changed: () => void
}

/** Who asks, at which device. */
export interface Asker {
  readonly ip: Ip
  readonly mac: Mac | undefined
}

export class ClosedNetworks {
  readonly #parts: ClosedNetworksParts
  #plan: ClosingPlan = NO_PLAN
  #closed: ReadonlyMap<string, Ip> = new Map()
  /** One thing at a time. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(parts: ClosedNetworksParts) {
    this.#parts = parts
  }

  /** Devices, and who asked for it; another map after each change. */
  get closed(): ReadonlyMap<string, Ip> {
    return this.#closed
  }

  /** Opens what a process before us left closed. Rejects with `KernelError`. */
  begin(): Promise<void> {
    return this.#inTurn(async () => {
      const { table, log } = this.#parts
      if (await table.begin()) log('info', 'upnp', 'networks that were cut off from the Internet reach it again')
    })
  }

  /** By a client; `done` also when it is so already. Never rejects. */
  switch(device: string, open: boolean, by: Asker): Promise<'done' | 'failed'> {
    return this.#inTurn(async () => {
      const isOpen = !this.#closed.has(device)
      if (isOpen === open) return 'done'
      // The configuration has changed meanwhile.
      if (!open && !this.#plan.closable.includes(device)) return 'failed'
      const next = new Map(this.#closed)
      if (open) next.delete(device)
      else next.set(device, by.ip)
      try {
        await this.#write(next)
      } catch (error) {
        const what = open ? `network ${device} stays cut off` : `network ${device} could not be cut off`
        this.#parts.log('error', 'kernel', `${what}, as ${by.ip} asked: ${reasonOf(error)}`)
        this.#parts.doubt()
        return 'failed'
      }
      this.#become(next, `asked by ${by.ip}${by.mac === undefined ? '' : ` (${by.mac})`}`)
      return 'done'
    })
  }

  /** What may be closed now, and the way out: other networks open again. Rejects with `KernelError`; call it again. */
  follow(plan: ClosingPlan): Promise<void> {
    return this.#inTurn(() => this.#follow(plan, 'no device may cut it off any more'))
  }

  /** Opens everything, and closes nothing any more. Never rejects. */
  end(): Promise<void> {
    return this.#inTurn(() => this.#follow(NO_PLAN, 'the service ends')).catch((error: unknown) => {
      this.#parts.log('error', 'kernel', `networks stay cut off: ${reasonOf(error)}`)
    })
  }

  /** For `keeper.ts`: compares, and writes anew what somebody else changed. Rejects with `KernelError`. */
  restore(): Promise<readonly Difference[]> {
    return this.#inTurn(() => this.#parts.table.restore())
  }

  async #follow(plan: ClosingPlan, because: string): Promise<void> {
    this.#plan = plan
    const kept = new Map([...this.#closed].filter(([device]) => plan.closable.includes(device)))
    await this.#write(kept)
    if (kept.size < this.#closed.size) this.#become(kept, because)
  }

  #write(closed: ReadonlyMap<string, Ip>): Promise<void> {
    return this.#parts.table.set({ closed: [...closed.keys()], near: this.#plan.near })
  }

  #become(next: ReadonlyMap<string, Ip>, because: string): void {
    const { clock, journal, changed } = this.#parts
    const before = this.#closed
    this.#closed = next
    for (const device of new Set([...before.keys(), ...next.keys()])) {
      if (before.has(device) === next.has(device)) continue
      journal.record({ what: 'network', device, isOpen: !next.has(device), because }, clock.now())
    }
    changed()
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const run = this.#last.then(work)
    this.#last = run.then(nothing, nothing)
    return run
  }
}

const NO_PLAN: ClosingPlan = { closable: [], near: [] }

const nothing = () => undefined
