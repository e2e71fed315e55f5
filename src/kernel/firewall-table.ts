/** The table as a whole: built, configured, compared, taken away. Knows what it told the kernel, not when to say it. */
import { KernelError } from '../base/fail.ts'
import type { Clock, Instant, Milliseconds } from '../base/time.ts'
import { between, milliseconds } from '../base/time.ts'
import type { Mapping } from '../core/mapping.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import { Batch, FAMILY } from '../wire/nftables.ts'
import type { Exchange, Machine } from './exchange.ts'
import type { MappingIndex } from './firewall-index.ts'
import { longest } from './firewall-index.ts'
import type { Operation, OperationWriter } from './firewall-plan.ts'
import type { Difference, Structure } from './firewall-read.ts'
import { isMissing, TableReader } from './firewall-read.ts'
import { bodySetOf } from './kinds.ts'
import type { Features, MappingSet, Settings } from './ruleset.ts'
import { addTable, TABLE } from './ruleset.ts'
import { addRules, rules } from './ruleset-rules.ts'
import { addSettings, addState } from './ruleset-state.ts'

export interface TableParts {
  readonly exchange: Exchange
  readonly machine: Machine
  readonly clock: Clock
  readonly features: Features
  readonly writer: OperationWriter
}

const MISSING: Difference = { where: 'table', is: 'missing', what: TABLE }

export class KernelTable {
  readonly reader: TableReader
  readonly #parts: TableParts
  #settings: Settings | undefined
  /** As it was after the last building; handles included. */
  #structure: Structure | undefined
  #lag = milliseconds(0)

  constructor(parts: TableParts) {
    this.#parts = parts
    this.reader = new TableReader(parts.exchange, parts.machine, parts.clock)
  }

  /** What it was last built or configured with. */
  get settings(): Settings | undefined {
    return this.#settings
  }

  /** A batch was begun at that time and is committed now: leases in it end that much later in the kernel. */
  noteCommit(begun: Instant): void {
    this.noteLag(between(begun, this.#parts.clock.now()))
  }

  /** Leases may differ by so much from what the kernel has. */
  noteLag(lag: Milliseconds): void {
    if (lag > this.#lag) this.#lag = lag
  }

  /** Everything in one batch; what the table held is gone. */
  async build(settings: Settings, index: MappingIndex, epochStart: Instant): Promise<void> {
    const { machine, features, clock } = this.#parts
    const batch = new Batch(new Writer(machine.littleEndian, 65536))
    addTable(batch, settings.capacity, machine.littleEndian)
    addSettings(batch, 'add', settings)
    addState(batch, epochStart, machine.littleEndian)
    const now = clock.now()
    for (const [set, operations] of Object.entries(elementsOf(index)) as [MappingSet, Operation[]][]) {
      this.#parts.writer.add(batch, [], 'create', set, operations, now, 'together')
    }
    addRules(batch, 'add', settings.markBit, features, machine.littleEndian)
    await commit(this.#parts.exchange, 'building the table', batch)
    this.noteCommit(now)
    await this.#built(settings)
  }

  /** Devices, ports and rules anew; mappings stay. The caller sees to it that the capacity is the same. */
  async configure(settings: Settings): Promise<void> {
    const { machine, features } = this.#parts
    const batch = new Batch(new Writer(machine.littleEndian, 8192))
    addSettings(batch, 'replace', settings)
    addRules(batch, 'replace', settings.markBit, features, machine.littleEndian)
    await commit(this.#parts.exchange, 'configuring the table', batch)
    await this.#built(settings)
  }

  async remove(): Promise<void> {
    await removeTable(this.#parts.exchange, this.#parts.machine, TABLE)
    this.#settings = undefined
    this.#structure = undefined
  }

  /** The chains, rules and sets that there should be are there, as far as numbers tell. */
  async isComplete(): Promise<boolean> {
    return (await this.reader.structure(this.#ruleCount(0)))?.complete === true
  }

  /** What the sets of mappings hold beyond or short of the index. */
  mappingDifferences(index: MappingIndex, sets?: readonly MappingSet[]): Promise<Difference[]> {
    return this.reader.mappingDifferences(index, this.#lag, sets)
  }

  async differences(index: MappingIndex): Promise<Difference[]> {
    const settings = this.#settings
    if (settings === undefined) return []
    try {
      return await this.#compared(index, settings)
    } catch (error) {
      // Taken away while we looked: that is what was to be found out.
      if (isMissing(error)) return [MISSING]
      throw error
    }
  }

  async #compared(index: MappingIndex, settings: Settings): Promise<Difference[]> {
    const structure = await this.reader.structure(this.#ruleCount(settings.markBit))
    if (structure === undefined) return [MISSING]
    const altered = (['chains', 'rules', 'sets'] as const).filter(part => structure[part] !== this.#structure?.[part])
    if (altered.length > 0) return altered.map(where => ({ where, is: 'altered', what: where }))
    const strange = await this.reader.settingDifferences(settings)
    return [...strange, ...(await this.mappingDifferences(index))]
  }

  async #built(settings: Settings): Promise<void> {
    this.#settings = settings
    const structure = await this.reader.structure(this.#ruleCount(settings.markBit))
    // Somebody may have been quicker than our look back: then the next comparison finds a difference.
    this.#structure = structure?.complete === true ? structure : undefined
  }

  #ruleCount(markBit: number): number {
    const { features, machine } = this.#parts
    return Object.values(rules(markBit, features, machine.littleEndian)).flat().length
  }
}

/** A table of ours with all that is in it; rejects with `KernelError`. */
export async function removeTable(exchange: Exchange, { littleEndian }: Machine, name: string): Promise<void> {
  const batch = new Batch(new Writer(littleEndian))
  addRemoval(batch, name)
  await commit(exchange, 'removing the table', batch)
}

/** Whether it is there or not. */
export function addRemoval(batch: Batch, name: string): void {
  batch.add('newTable', 0, FAMILY.inet, { name, flags: 0 }) // deleting what is not there would fail
  batch.add('deleteTable', 0, FAMILY.inet, { name })
}

/** All of it or nothing; rejects with `KernelError`. */
export async function commit(exchange: Exchange, doing: string, batch: Batch): Promise<void> {
  const [failure] = await exchange.batch(doing, batch)
  if (failure !== undefined) throw new KernelError(`${doing} (message ${failure.message})`, failure.code, failure.said)
}

/** All elements of all mappings, as operations. */
function elementsOf(index: MappingIndex): Record<MappingSet, Operation[]> {
  const all: Record<MappingSet, Operation[]> = {
    dnat4: [],
    snat4: [],
    taken: [],
    dnat4from: [],
    idle4: [],
    pinhole6: [],
    idle6: [],
  }
  const create = (set: MappingSet, mapping: Mapping, lease = mapping.lease): void => {
    all[set].push({ act: 'create', set, mapping, lease, change: -1 })
  }
  for (const list of index.byEndpoint()) {
    for (const mapping of list) {
      create(bodySetOf(mapping), mapping)
      create('taken', mapping)
    }
    const [oldest] = list
    if (oldest !== undefined) create('snat4', oldest, longest(list))
  }
  for (const mapping of index.others()) create(bodySetOf(mapping), mapping)
  return all
}
