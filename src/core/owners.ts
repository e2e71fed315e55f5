/** One owner for all mappings of a client of one service: it would be a tenth of their memory. */
import type { Ip } from '../base/ip.ts'
import type { Owner, Service } from './mapping.ts'

export type ClientOwner = Exclude<Owner, { readonly via: 'operator' }>

/** Whose owner is remembered; after so many it begins anew. */
const CLIENTS = 1024

export class Owners {
  readonly #via: Service
  readonly #known = new Map<Ip, ClientOwner>()

  constructor(via: Service) {
    this.#via = via
  }

  of(client: Ip): ClientOwner {
    let owner = this.#known.get(client)
    if (owner === undefined) {
      if (this.#known.size >= CLIENTS) this.#known.clear()
      owner = { via: this.#via, client }
      this.#known.set(client, owner)
    }
    return owner
  }
}
