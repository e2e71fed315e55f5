/** Bytes that have come and are not yet read: a queue that grows by doubling, so that many small pieces cost no more
 * than one large one. */
export class Inbox {
  #bytes = NOTHING
  #start = 0
  #end = 0

  get length(): number {
    return this.#end - this.#start
  }

  push(bytes: Uint8Array): void {
    if (this.#end + bytes.length > this.#bytes.length) this.#makeRoom(bytes.length)
    this.#bytes.set(bytes, this.#end)
    this.#end += bytes.length
  }

  /** The byte at `index`, counted from the first unread one; the caller stays below `length`. */
  at(index: number): number {
    return this.#bytes[this.#start + index] as number
  }

  /** A copy of the first `length` bytes, which are read with that. */
  take(length: number): Uint8Array {
    const taken = this.#bytes.slice(this.#start, this.#start + length)
    this.skip(length)
    return taken
  }

  /** The same as text, one character a byte (ISO 8859-1). */
  takeText(length: number): string {
    const text = this.peekText(length)
    this.skip(length)
    return text
  }

  /** The same, but they stay unread. */
  peekText(length: number): string {
    let text = ''
    // In pieces, since arguments are pushed on a stack; one call a character is 30 times slower on QuickJS.
    for (let at = 0; at < length; at += PIECE) {
      const piece = this.#bytes.subarray(this.#start + at, this.#start + Math.min(length, at + PIECE))
      text += String.fromCharCode.apply(undefined, piece as unknown as number[])
    }
    return text
  }

  skip(length: number): void {
    this.#start += length
    if (this.#start < this.#end) return
    this.#start = 0
    this.#end = 0
    if (this.#bytes.length > 16384) this.#bytes = NOTHING
  }

  #makeRoom(more: number): void {
    const size = Math.max(1024, 2 * (this.length + more))
    const wider = new Uint8Array(size)
    wider.set(this.#bytes.subarray(this.#start, this.#end))
    this.#end -= this.#start
    this.#start = 0
    this.#bytes = wider
  }
}

const PIECE = 4096
/** Shared by all that are empty. */
const NOTHING = new Uint8Array(0)
