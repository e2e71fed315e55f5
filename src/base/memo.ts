/** Answers that were worked out before, for questions that come again and again. Bounded: when full it starts anew. */
export class Memo<Key, Value> {
  readonly #most: number
  readonly #known = new Map<Key, Value>()

  constructor(most: number) {
    this.#most = most
  }

  get(key: Key): Value | undefined {
    return this.#known.get(key)
  }

  set(key: Key, value: Value): void {
    if (this.#known.size >= this.#most) this.#known.clear()
    this.#known.set(key, value)
  }
}
