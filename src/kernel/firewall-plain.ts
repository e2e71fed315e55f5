/**
 * The short way for what nearly every turn is: ordinary mappings (`kinds.ts`) that are alone at their internal endpoint
 * are made, renewed or removed. Then each set has one element for each mapping, and nothing needs to be compared; everything else goes
 * through `plan`, and so does what the kernel refuses here.
 */
import type { Instant } from '../base/time.ts'
import type { Change, Mapping } from '../core/mapping.ts'
import { sameEndpoint } from '../core/mapping.ts'
import { FLAG } from '../wire/netlink.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { Batch, type Sendable } from '../wire/nftables.ts'
import type { PlainSet } from './elements.ts'
import { ElementWriter, Numbers } from './elements.ts'
import type { MappingIndex } from './firewall-index.ts'
import { keyOf, sameInternal } from './firewall-index.ts'
import type { Act } from './firewall-plan.ts'
import { head, sameBody, sameLease } from './firewall-plan.ts'
import { isOrdinary } from './kinds.ts'
import type { Features } from './ruleset.ts'

/** A list of elements is one attribute of at most 65535 bytes, and no element is longer than 300. */
const MOST = 200
const ROOM = 4096
/** Of NFTA_SET_ELEM_LIST_ELEMENTS, just before the first element. */
const LIST_HEADER = 4
/** `dnat4` last: what has no fixed length then stands at the end of the datagram. */
const SETS: readonly PlainSet[] = ['snat4', 'taken', 'dnat4']

export class PlainWriter {
  readonly #littleEndian: boolean
  readonly #features: Features
  readonly #elements: ElementWriter
  readonly #heads: Record<Act, Record<PlainSet, Uint8Array>>
  readonly #writer: Writer
  /** Of the mappings that are being written; the objects serve again and again. */
  readonly #numbers: Numbers[] = []
  readonly #prepared: Partial<Record<Act, Prepared>> = {}
  /** Filled by `#sort`, for each writing anew. */
  readonly #deleted: Mapping[] = []
  readonly #refreshed: Mapping[] = []
  readonly #created: Mapping[] = []

  constructor(littleEndian: boolean, features: Features) {
    this.#littleEndian = littleEndian
    this.#features = features
    this.#elements = new ElementWriter(littleEndian)
    this.#writer = new Writer(littleEndian, ROOM)
    this.#heads = heads(littleEndian, features)
  }

  /** The batch, good until the next one is written; `undefined` when the changes are not that plain. */
  write(changes: readonly Change[], index: MappingIndex, now: Instant): Sendable | undefined {
    if (changes.length > MOST) return undefined
    this.#deleted.length = this.#refreshed.length = this.#created.length = 0
    for (let i = 0; i < changes.length; i++) {
      if (!this.#sort(changes[i] as Change, index)) return undefined
    }
    if (changes.length === 1) {
      const one = this.#one(now)
      if (one !== undefined) return one
    }
    const batch = new Batch(this.#writer)
    this.#add(batch, 'delete', this.#deleted, now)
    this.#add(batch, 'refresh', this.#refreshed, now)
    this.#add(batch, 'create', this.#created, now)
    return batch
  }

  /** False for a change that is not plain. */
  #sort(change: Change, index: MappingIndex): boolean {
    const { act, mapping } = change
    // `isOrdinary`, without a call: this is the path of every request.
    if (mapping.state !== 'on' || mapping.remote.ip !== 'any' || mapping.pinhole !== undefined) return false
    if (act === 'add') {
      if (mapping.lease === 'forever' || index.holds(keyOf(mapping))) return false
      this.#created.push(mapping)
      return true
    }
    const was = act === 'remove' ? mapping : change.was
    if (!isOrdinary(was)) return false
    const key = keyOf(mapping)
    if (!index.holdsOnly(key, was)) return false
    if (act === 'remove') {
      this.#deleted.push(mapping)
      return true
    }
    if (was.lease === 'forever' || mapping.lease === 'forever' || sameLease(was.lease, mapping.lease)) return false
    if (!sameEndpoint(was.external, mapping.external) || !sameInternal(was, mapping)) return false
    if (!this.#features.updatesTimeouts) {
      this.#deleted.push(was)
      this.#created.push(mapping)
      return true
    }
    if (!sameBody(was, mapping)) return false
    this.#refreshed.push(mapping)
    return true
  }

  /** For a single mapping: the batch that is prepared for this act. */
  #one(now: Instant): Sendable | undefined {
    const created = this.#created[0]
    const deleted = this.#deleted[0]
    if (created !== undefined && deleted !== undefined) return undefined
    const act = created !== undefined ? 'create' : deleted !== undefined ? 'delete' : 'refresh'
    const mapping = created ?? deleted ?? (this.#refreshed[0] as Mapping)
    const numbers = this.#numbersOf(0, act, mapping, now)
    if (numbers.long) return undefined
    let prepared = this.#prepared[act]
    if (prepared === undefined) {
      const batch = new Batch(new Writer(this.#littleEndian, 1024))
      this.#add(batch, act, [mapping], now)
      const sizes = SETS.map(set => this.#heads[act][set].length)
      prepared = new Prepared(this.#elements, act, batch, sizes, mapping)
      this.#prepared[act] = prepared
    }
    prepared.fill(numbers, mapping)
    return prepared
  }

  #numbersOf(place: number, act: Act, mapping: Mapping, now: Instant): Numbers {
    let numbers = this.#numbers[place]
    if (numbers === undefined) {
      numbers = new Numbers()
      this.#numbers[place] = numbers
    }
    numbers.endpoints(mapping)
    numbers.lease(act === 'delete' ? 'forever' : mapping.lease, now)
    return numbers
  }

  #add(batch: Batch, act: Act, mappings: readonly Mapping[], now: Instant): void {
    if (mappings.length === 0) return
    const to = batch.writer
    for (let n = 0; n < mappings.length; n++) this.#numbersOf(n, act, mappings[n] as Mapping, now)
    for (let i = 0; i < SETS.length; i++) {
      const set = SETS[i] as PlainSet
      const start = to.length
      batch.mark()
      to.put(this.#heads[act][set])
      const list = to.length - 4
      for (let n = 0; n < mappings.length; n++) {
        const numbers = this.#numbers[n] as Numbers
        if (act === 'delete') this.#elements.keyNumbers(to, n + 1, set, numbers)
        else this.#elements.putNumbers(to, n + 1, set, numbers, act === 'create' ? mappings[n] : undefined)
      }
      to.view.setUint16(list, to.length - list, this.#littleEndian)
      to.view.setUint32(start, to.length - start, this.#littleEndian)
    }
  }
}

/** A whole batch with one element in each set, in which only the numbers change from one sending to the next. */
class Prepared implements Sendable {
  readonly size = SETS.length
  readonly #elements: ElementWriter
  readonly #act: Act
  readonly #writer: Writer
  /** Where the messages begin: BEGIN, one for each set, END. */
  readonly #messages: number[]
  /** Where the element of each set begins: its list is all that follows the head of the message. */
  readonly #at: readonly number[]
  /** What the `dnat4` element ends with at the moment. */
  #userdata: Uint8Array

  constructor(elements: ElementWriter, act: Act, batch: Batch, headSizes: readonly number[], sample: Mapping) {
    this.#elements = elements
    this.#act = act
    this.#writer = batch.writer
    const { length } = batch.finish(0)
    const messages: number[] = []
    for (let at = 0; at < length; at += this.#writer.view.getUint32(at, this.#writer.littleEndian)) messages.push(at)
    this.#messages = messages
    this.#at = headSizes.map((size, n) => (messages[n + 1] as number) + size)
    this.#userdata = elements.userdata(sample)
  }

  fill(numbers: Numbers, mapping: Mapping): void {
    const { view } = this.#writer
    const shape = this.#act === 'delete' ? 'key' : 'timed'
    for (let i = 0; i < SETS.length; i++) {
      this.#elements.refill(view, this.#at[i] as number, SETS[i] as PlainSet, shape, numbers)
    }
    if (this.#act !== 'create') return
    const userdata = this.#elements.userdata(mapping)
    if (userdata !== this.#userdata) this.#endWith(userdata)
  }

  finish(sequence: number, end: 'commit' | 'abandoned' = 'commit'): Uint8Array {
    const { bytes, view, littleEndian, length } = this.#writer
    const messages = this.#messages
    for (let i = 0; i < messages.length; i++) view.setUint32((messages[i] as number) + 8, sequence + i, littleEndian)
    return bytes.subarray(0, end === 'commit' ? length : messages[messages.length - 1])
  }

  /** Other userdata for the element of `dnat4`, which is the last before END; all lengths around it follow. */
  #endWith(userdata: Uint8Array): void {
    const to = this.#writer
    const last = this.#messages.length - 1
    const end = to.bytes.slice(this.#messages[last], to.length)
    const [message, element] = [this.#messages[last - 1] as number, this.#at[SETS.length - 1] as number]
    to.length = (this.#messages[last] as number) - this.#userdata.length
    to.put(userdata)
    to.view.setUint16(element, to.length - element, to.littleEndian)
    to.view.setUint16(element - LIST_HEADER, to.length - element + LIST_HEADER, to.littleEndian)
    to.view.setUint32(message, to.length - message, to.littleEndian)
    this.#messages[last] = to.length
    to.put(end)
    this.#userdata = userdata
  }
}

function heads(littleEndian: boolean, features: Features): Record<Act, Record<PlainSet, Uint8Array>> {
  const gone = features.destroysElements ? 'destroyElements' : 'deleteElements'
  const of = (name: 'newElements' | typeof gone, flags: number): Record<PlainSet, Uint8Array> => ({
    dnat4: head(name, flags, 'dnat4', littleEndian),
    snat4: head(name, flags, 'snat4', littleEndian),
    taken: head(name, flags, 'taken', littleEndian),
  })
  return {
    delete: of(gone, 0),
    create: of('newElements', FLAG.create | FLAG.exclusive),
    refresh: of('newElements', FLAG.create),
  }
}
