import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import { FLAG, messages } from '../../../src/wire/netlink.ts'
import { source, Writer } from '../../../src/wire/netlink-attributes.ts'
import type { NftMessage } from '../../../src/wire/nftables.ts'
import { Batch, decode, dump, elements, FAMILY, nameOf, request } from '../../../src/wire/nftables.ts'
import type { SeenElement } from '../../../src/wire/nftables-elements.ts'
import { eachElement } from '../../../src/wire/nftables-elements.ts'
import { expression } from '../../../src/wire/nftables-expressions.ts'
import { hexBytes, hexOf, vector, vectorsOf } from '../../support/vectors.ts'
import addBigText from '../../vectors/nft/add-element.big-endian.hex?raw'
import addText from '../../vectors/nft/add-element.hex?raw'
import ruleText from '../../vectors/nft/append-rule.hex?raw'
import ruleGenerationText from '../../vectors/nft/append-rule-generation.hex?raw'
import ruleReplyText from '../../vectors/nft/append-rule-reply.hex?raw'
import deleteText from '../../vectors/nft/delete-element.hex?raw'
import missingText from '../../vectors/nft/delete-missing-rule.hex?raw'
import expressionsBigText from '../../vectors/nft/expressions.big-endian.hex?raw'
import expressionsText from '../../vectors/nft/expressions.hex?raw'
import getText from '../../vectors/nft/get-element.hex?raw'
import getReplyText from '../../vectors/nft/get-element-reply.hex?raw'
import ownerText from '../../vectors/nft/owner-table.hex?raw'
import rulesetBigText from '../../vectors/nft/ruleset.big-endian.hex?raw'
import rulesetText from '../../vectors/nft/ruleset.hex?raw'

const LITTLE = true
const BIG = false
const only = (text: string): Uint8Array => {
  const found = vectorsOf(text)
  return vector(found, [...found.keys()][0] as string)
}

/** Decodes every message of a batch and writes it again by the same tables. */
function again(bytes: Uint8Array, littleEndian: boolean): Uint8Array {
  const all = messages(bytes, littleEndian)
  const batch = new Batch(new Writer(littleEndian))
  for (const message of all.slice(1, -1)) {
    const { name, family, body } = decode(message, littleEndian)
    batch.add(name, message.flags & ~FLAG.request, family, body as never)
  }
  return batch.finish(all[0]?.sequence ?? 0)
}

/** Without what our batch adds: the acknowledgement of the last message, and the sequence number where it is odd. */
function plain(bytes: Uint8Array, littleEndian: boolean, sequences: 'keep' | 'drop'): string {
  const copy = bytes.slice()
  const view = new DataView(copy.buffer)
  for (let at = 0; at < copy.length; ) {
    view.setUint16(at + 6, view.getUint16(at + 6, littleEndian) & ~FLAG.ack, littleEndian)
    if (sequences === 'drop') view.setUint32(at + 8, 0, littleEndian)
    at += (view.getUint32(at, littleEndian) + 3) & ~3
  }
  return hexOf(copy)
}

describe('captured batches', () => {
  test.each([
    ['a whole ruleset', rulesetText, LITTLE, 'keep'],
    ['every expression', expressionsText, LITTLE, 'keep'],
    ['one element', addText, LITTLE, 'keep'],
    ['the deletion of an element', deleteText, LITTLE, 'keep'],
    ['a rule with a comment', ruleText, LITTLE, 'keep'],
    ['the deletion of a rule', missingText, LITTLE, 'keep'],
    ['an owner table', ownerText, LITTLE, 'drop'],
    ['a whole ruleset, big endian', rulesetBigText, BIG, 'keep'],
    ['every expression, big endian', expressionsBigText, BIG, 'keep'],
    ['one element, big endian', addBigText, BIG, 'keep'],
  ] as const)('%s: decoded and encoded, it is the same bytes', (_what, text, littleEndian, sequences) => {
    const bytes = only(text)
    expect(plain(again(bytes, littleEndian), littleEndian, sequences)).toBe(plain(bytes, littleEndian, sequences))
  })

  test.each([
    ['a whole ruleset', rulesetText],
    ['every expression', expressionsText],
  ])('%s holds no expression that the tables do not know', (_what, text) => {
    expect(dump(only(text), LITTLE)).not.toMatch(/unknown|malformed|other/)
  })

  test.each([
    ['a whole ruleset', rulesetText, rulesetBigText],
    ['every expression', expressionsText, expressionsBigText],
  ])('%s says the same in both byte orders', (_what, little, big) => {
    const read = (text: string, littleEndian: boolean) =>
      messages(only(text), littleEndian)
        .slice(1, -1)
        .map(message => decode(message, littleEndian))
    expect(read(big, BIG)).toEqual(read(little, LITTLE))
  })

  test('an element with comment and timeout', () => {
    const [, message] = messages(only(addText), LITTLE)
    expect(decode(message as never, LITTLE)).toEqual({
      name: 'newElements',
      family: FAMILY.inet,
      resource: 0,
      body: {
        table: 'pmap',
        set: 'dnat4',
        setId: 1,
        elements: [
          {
            timeout: 90_000,
            key: { value: hexBytes('0600000023280000') },
            data: { value: hexBytes('c0a8011423290000') },
            userdata: hexBytes('000668656c6c6f00'),
          },
        ],
      },
    })
  })
})

describe('replies', () => {
  const body = (text: string) => decode(messages(only(text), LITTLE)[0] as never, LITTLE)

  test('an element with its counter and the time that is left', () => {
    const { name, resource, body: read } = body(getReplyText) as Extract<NftMessage, { name: 'newElements' }>
    expect([name, resource]).toEqual(['newElements', 3])
    expect(read.elements?.[0]).toEqual({
      key: { value: hexBytes('0600000023280000') },
      data: { value: hexBytes('c0a8011423290000') },
      expression: { name: 'counter', data: { bytes: 0, packets: 0 } },
      timeout: 90_000,
      expiration: 89_996,
      userdata: hexBytes('000668656c6c6f00'),
    })
  })

  test('a rule with its handle', () => {
    expect(body(ruleReplyText)).toEqual({
      name: 'newRule',
      family: FAMILY.inet,
      resource: 5,
      body: {
        table: 'pmap',
        chain: 'forward',
        handle: 12,
        expressions: [{ name: 'counter', data: { bytes: 0, packets: 0 } }],
        userdata: hexBytes('0003633100'),
      },
    })
  })

  test('a generation with its author', () => {
    expect(body(ruleGenerationText).body).toEqual({ id: 5, processId: 17672, processName: 'nft' })
  })

  test('what is no message of nf_tables is malformed', () => {
    const message = { type: 0x0102, flags: 0, sequence: 1, portId: 1, payload: new Uint8Array(4) }
    expect(() => decode(message, LITTLE)).toThrow(Malformed)
    expect(() => decode({ ...message, type: 0x0a00, payload: new Uint8Array(3) }, LITTLE)).toThrow(Malformed)
  })
})

describe('requests', () => {
  test('one element is asked for', () => {
    const bytes = only(getText)
    const [message] = messages(bytes, LITTLE)
    const { body } = decode(message as never, LITTLE)
    const made = request('getElements', FLAG.ack, 1, FAMILY.inet, body as never, LITTLE)
    expect(hexOf(made).length).toBe(hexOf(bytes).length)
    expect(decode(messages(made, LITTLE)[0] as never, LITTLE).body).toEqual(body)
  })

  test('a batch numbers its messages and asks for the last acknowledgement only', () => {
    const batch = new Batch(new Writer(LITTLE))
    batch.add('newTable', 0, FAMILY.inet, { name: 'a' })
    batch.add('deleteTable', 0, FAMILY.inet, { name: 'a' })
    const sent = messages(batch.finish(40), LITTLE)
    expect(sent.map(({ sequence }) => sequence)).toEqual([40, 41, 42, 43])
    expect(sent.map(({ flags }) => flags)).toEqual([1, 1, 5, 1])
    expect(sent.map(({ type }) => nameOf(type))).toEqual([undefined, 'newTable', 'deleteTable', undefined])
  })

  test('an abandoned batch has no end', () => {
    const batch = new Batch(new Writer(LITTLE))
    batch.add('newTable', 0, FAMILY.inet, { name: 'a' })
    expect(messages(batch.finish(1, 'abandoned'), LITTLE).map(({ flags }) => flags)).toEqual([1, 5])
  })

  test('an expression that is not known keeps its bytes', () => {
    const read = (text: Uint8Array) => expression.read(source(text, LITTLE), 0, text.length)
    const bytes = hexBytes('0a000100717565756500' + '0000' + '0c000280' + '0600010000070000')
    const value = read(bytes)
    expect(value).toEqual({ name: 'other', called: 'queue', data: hexBytes('0600010000070000') })
    const batch = new Batch(new Writer(LITTLE))
    batch.add('newRule', 0, FAMILY.inet, { table: 't', chain: 'c', expressions: [value] })
    expect(hexOf(batch.finish(1))).toContain(hexOf(bytes))
    expect(() => read(hexBytes('0c0002800600010000070000'))).toThrow(Malformed)
  })
})

describe('elements, read without a table', () => {
  const collect = (payload: Uint8Array, littleEndian: boolean) => {
    const found: unknown[] = []
    eachElement(payload, littleEndian, 8, 8, seen => found.push(copied(seen)))
    return found
  }
  const copied = ({ bytes, key, keyLength, data, dataLength, userdata, userdataLength, ...rest }: SeenElement) => ({
    key: hexOf(bytes.subarray(key, key + keyLength)),
    data: hexOf(bytes.subarray(data, data + dataLength)),
    userdata: hexOf(bytes.subarray(userdata, userdata + userdataLength)),
    timeout: rest.timeout,
    expiration: rest.expiration,
  })

  test.each([
    ['the reply to a request', getReplyText, 0, LITTLE],
    ['two elements in one message', rulesetText, 6, LITTLE],
    ['the same, big endian', rulesetBigText, 6, BIG],
  ])('%s says the same as by the table', (_what, text, place, littleEndian) => {
    const { payload } = messages(only(text), littleEndian)[place] as { payload: Uint8Array }
    const expected = elements.decode(payload, littleEndian, 4).elements?.map(element => ({
      key: hexOf(element.key?.value ?? new Uint8Array(0)),
      data: hexOf(element.data?.value ?? new Uint8Array(0)),
      userdata: hexOf(element.userdata ?? new Uint8Array(0)),
      timeout: element.timeout ?? 0,
      expiration: element.expiration ?? 0,
    }))
    expect(expected?.length).toBeGreaterThan(0)
    expect(collect(payload, littleEndian)).toEqual(expected)
  })

  const listOf = (item: string) => hexBytes(`01000000${'2c000380'}${item}`)
  test.each([
    ['an element beyond its list', listOf(`30000180${'00'.repeat(36)}`)],
    ['a key of another length', listOf(`28000180${'0c000180'}${'08000100'}01020304${'00'.repeat(24)}`)],
    ['stray bytes', hexBytes('01000000' + '0102')],
    ['a timeout of four bytes', listOf(`28000180${'0800040000000001'}${'00'.repeat(28)}`)],
  ])('%s is malformed', (_what, payload) => {
    expect(() => collect(payload, LITTLE)).toThrow(Malformed)
  })
})
