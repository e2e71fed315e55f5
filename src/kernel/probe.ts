/**
 * What this kernel's nf_tables can do, found out by trying: version numbers lie, since vendors carry patches back.
 * One batch is abandoned by leaving its end away; the other lives for a moment in a table of its own.
 */
import { KernelError } from '../base/fail.ts'
import { conntrackStats } from '../wire/conntrack.ts'
import { FLAG, message } from '../wire/netlink.ts'
import { Writer } from '../wire/netlink-attributes.ts'
import type { Element } from '../wire/nftables.ts'
import { Batch, decode, FAMILY, HOOK, request, SET_FLAG } from '../wire/nftables.ts'
import { NAT, REGISTER, VERDICT } from '../wire/nftables-expressions.ts'
import type { Exchange, Failure, Machine } from './exchange.ts'
import type { Features } from './ruleset.ts'

const SCRATCH = 'portico_probe'
const KEY = { value: Uint8Array.of(0, 80) }
const INET_SERVICE = 13 // nft's datatype numbers

/** Rejects with `KernelError` when nf_tables cannot be used at all: EPERM without CAP_NET_ADMIN. */
export async function probe(exchange: Exchange, machine: Machine): Promise<Features> {
  const tried = await tryOut(exchange, machine)
  const updatesTimeouts = await triesTimeouts(exchange, machine)
  return { ...tried, updatesTimeouts }
}

async function tryOut(exchange: Exchange, machine: Machine): Promise<Omit<Features, 'updatesTimeouts'>> {
  const batch = new Batch(new Writer(machine.littleEndian))
  const table = SCRATCH
  batch.add('newTable', 0, FAMILY.inet, { name: table, flags: 0 })
  addScratchSet(batch, SET_FLAG.map | SET_FLAG.timeout)
  batch.add('newChain', FLAG.create, FAMILY.inet, { table, name: 'scratch' })
  const lookup = batch.add('newRule', FLAG.create | FLAG.append, FAMILY.inet, {
    table,
    chain: 'scratch',
    expressions: [
      { name: 'payload', data: { dreg: 1, base: 2, offset: 2, length: 2 } },
      { name: 'lookup', data: { sreg: 1, set: 'scratch', setId: 1 } },
    ],
  })
  addTranslation(batch)
  const destroy = batch.add('destroyElements', 0, FAMILY.inet, { table, set: 'scratch', elements: [{ key: KEY }] })
  const failures = await exchange.batch('trying out nf_tables', batch, 'abandoned')
  const fatal = failures.find(each => each.message !== lookup && each.message !== destroy)
  if (fatal !== undefined) throw refusal(fatal)
  const works = (number: number) => !failures.some(failure => failure.message === number)
  return { looksUpMapsAsSets: works(lookup), destroysElements: works(destroy) }
}

/**
 * Conntrack is there and tells: without it flows would go on after their mapping, and no traffic would be counted.
 * Rejects with `KernelError`. Asked before the service starts, so that one line says it and not one for each removal.
 */
export async function probeConntrack(exchange: Exchange, { littleEndian }: Machine): Promise<void> {
  const { type, payload } = conntrackStats(littleEndian)
  await exchange.ask('asking conntrack', sequence =>
    message({ type, flags: FLAG.request, sequence }, payload, new Uint8Array(0), littleEndian),
  )
}

async function triesTimeouts(exchange: Exchange, machine: Machine): Promise<boolean> {
  const element = (timeout: number): Element => ({ key: KEY, timeout })
  const first = new Batch(new Writer(machine.littleEndian))
  first.add('newTable', 0, FAMILY.inet, { name: SCRATCH, flags: 0 })
  first.add('deleteTable', 0, FAMILY.inet, { name: SCRATCH }) // left over from a probe that was killed
  first.add('newTable', 0, FAMILY.inet, { name: SCRATCH, flags: 0 })
  addScratchSet(first, SET_FLAG.timeout)
  addElement(first, element(60_000))
  await commit(exchange, first)
  const again = new Batch(new Writer(machine.littleEndian))
  addElement(again, element(120_000))
  await commit(exchange, again)
  const reply = await exchange.ask('reading an element', sequence => {
    const elements = [{ key: KEY }]
    return request(
      'getElements',
      0,
      sequence,
      FAMILY.inet,
      { table: SCRATCH, set: 'scratch', elements },
      machine.littleEndian,
    )
  })
  const seen = decode(reply, machine.littleEndian)
  const last = new Batch(new Writer(machine.littleEndian))
  last.add('deleteTable', 0, FAMILY.inet, { name: SCRATCH })
  await commit(exchange, last)
  return seen.name === 'newElements' && (seen.body.elements?.[0]?.timeout ?? 0) > 60_000
}

/** A chain and a rule that translate: modules of their own, which a router may lack (kmod-nft-nat). */
function addTranslation(batch: Batch): void {
  const hook = { number: HOOK.prerouting, priority: -100 + 5 }
  batch.add('newChain', FLAG.create, FAMILY.inet, {
    table: SCRATCH,
    name: 'translation',
    type: 'nat',
    policy: VERDICT.accept,
    hook,
  })
  batch.add('newRule', FLAG.create | FLAG.append, FAMILY.inet, {
    table: SCRATCH,
    chain: 'translation',
    expressions: [
      { name: 'immediate', data: { dreg: REGISTER.first, data: { value: Uint8Array.of(127, 0, 0, 1) } } },
      { name: 'nat', data: { type: NAT.destination, family: FAMILY.ipv4, addressMin: REGISTER.first } },
    ],
  })
}

function addScratchSet(batch: Batch, flags: number): void {
  const map = (flags & SET_FLAG.map) === 0 ? {} : { dataType: INET_SERVICE, dataLength: 2 }
  const key = { keyType: INET_SERVICE, keyLength: 2 }
  batch.add('newSet', FLAG.create, FAMILY.inet, { table: SCRATCH, name: 'scratch', flags, ...key, ...map, id: 1 })
}

function addElement(batch: Batch, element: Element): void {
  batch.add('newElements', FLAG.create, FAMILY.inet, { table: SCRATCH, set: 'scratch', elements: [element] })
}

async function commit(exchange: Exchange, batch: Batch): Promise<void> {
  const [failure] = await exchange.batch('trying out nf_tables', batch)
  if (failure !== undefined) throw refusal(failure)
}

const refusal = (failure: Failure): KernelError =>
  new KernelError(`trying out nf_tables (message ${failure.message})`, failure.code, failure.said)
