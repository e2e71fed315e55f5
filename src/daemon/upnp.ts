/** The switch of UPnP: while it is off there is no socket, no timer and nothing in memory. */
import type { Instant } from '../base/time.ts'
import type { UpnpPlan } from './situation.ts'
import type { Timed } from './timers.ts'
import type { UpnpParts } from './upnp-service.ts'
import { UpnpService } from './upnp-service.ts'

export class Upnp implements Timed {
  readonly #parts: UpnpParts
  #service: UpnpService | undefined

  constructor(parts: UpnpParts) {
    this.#parts = parts
  }

  /** `192.168.1.1:5000`, one for each address that is served. */
  get listening(): readonly string[] {
    return this.#service?.listening ?? []
  }

  /** What keeps it from serving; for people. */
  get trouble(): string | undefined {
    return this.#service?.trouble
  }

  get wakeAt(): Instant | undefined {
    return this.#service?.wakeAt
  }

  wake(now: Instant): void {
    this.#service?.wake(now)
  }

  /** Stops what is not in the plan any more, before the kernel's rules follow. */
  keep(plan: UpnpPlan | undefined): void {
    if (plan === undefined) this.close()
    else this.#service?.keep(plan)
  }

  /** Serves exactly what is planned. Never rejects; what stays shut is tried again. */
  async set(plan: UpnpPlan | undefined): Promise<void> {
    this.keep(plan)
    if (plan === undefined) return
    this.#service ??= new UpnpService(this.#parts, plan)
    await this.#service.set(plan)
  }

  /** Mappings, uplink or link may be others now: subscribers hear of it. Cheap, and may be called too often. */
  changed(): void {
    this.#service?.changed()
  }

  /** Says goodbye and lets go of everything. */
  close(): void {
    this.#service?.close()
    this.#service = undefined
  }
}
