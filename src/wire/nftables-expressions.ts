/**
 * Expressions of nf_tables rules and sets (linux/netfilter/nf_tables.h): what a rule loads, compares, looks up and
 * does. All numbers are big-endian; the bytes of `value` lie as in the register (packet fields in network order,
 * meta and ct fields in the order of the machine).
 */
import { Malformed } from '../base/fail.ts'
import type { Attributes, Kind, Source, Values, Writer } from './netlink-attributes.ts'
import { attributes, be16, be32, be64, beS32, eachAttribute, list, raw, string, u8 } from './netlink-attributes.ts'

/**
 * enum nft_registers: 1 names all 16 bytes of a register of which 8 (NFT_REG32_00) is the first word, 9 the next; 2 the
 * 16 bytes that begin with word 4.
 */
export const REGISTER = {
  verdict: 0,
  first: 1,
  second: 2,
  word0: 8,
  word1: 9,
  word2: 10,
  word3: 11,
  word5: 13,
  word9: 17,
  word10: 18,
} as const

/** `verdict.code` of a verdict register: NF_DROP, NF_ACCEPT (linux/netfilter.h), enum nft_verdicts. */
export const VERDICT = { drop: 0, accept: 1, continue: -1, break: -2, jump: -3, goto: -4, return: -5 } as const

/** enum nft_meta_keys */
export const META = { mark: 3, iifname: 6, oifname: 7, nfproto: 15, l4proto: 16 } as const

/** enum nft_ct_keys */
export const CT = {
  state: 0,
  status: 2,
  protocol: 10,
  protoSource: 11,
  protoDestination: 12,
  destinationIp: 20,
} as const

/** enum nft_payload_bases */
export const PAYLOAD = { link: 0, network: 1, transport: 2 } as const

/** enum nft_cmp_ops */
export const COMPARE = { equal: 0, notEqual: 1, less: 2, lessOrEqual: 3, greater: 4, greaterOrEqual: 5 } as const

/** enum nft_nat_types */
export const NAT = { source: 0, destination: 1 } as const

/** NF_NAT_RANGE_*, linux/netfilter/nf_nat.h */
export const NAT_RANGE = { random: 4, persistent: 8, fullyRandom: 16 } as const

/** enum nft_verdict_attributes */
const verdict = attributes('verdict', { code: [1, beS32], chain: [2, string], chainId: [3, be32] })

/** enum nft_data_attributes: the content of a register. */
export const data = attributes('data', { value: [1, raw], verdict: [2, verdict] })

const EXPRESSIONS = {
  meta: attributes('meta', { dreg: [1, be32], key: [2, be32], sreg: [3, be32] }), // enum nft_meta_attributes
  payload: attributes('payload', {
    // enum nft_payload_attributes
    dreg: [1, be32],
    base: [2, be32],
    offset: [3, be32],
    length: [4, be32],
    sreg: [5, be32],
    checksumType: [6, be32],
    checksumOffset: [7, be32],
    checksumFlags: [8, be32],
  }),
  cmp: attributes('cmp', { sreg: [1, be32], op: [2, be32], data: [3, data] }), // enum nft_cmp_attributes
  bitwise: attributes('bitwise', {
    // enum nft_bitwise_attributes: dreg = (sreg & mask) ^ xor
    sreg: [1, be32],
    dreg: [2, be32],
    length: [3, be32],
    mask: [4, data],
    xor: [5, data],
    op: [6, be32],
    data: [7, data],
  }),
  lookup: attributes('lookup', {
    // enum nft_lookup_attributes
    set: [1, string],
    sreg: [2, be32],
    dreg: [3, be32],
    setId: [4, be32],
    flags: [5, be32], // NFT_LOOKUP_F_INV 1
  }),
  immediate: attributes('immediate', { dreg: [1, be32], data: [2, data] }), // enum nft_immediate_attributes
  nat: attributes('nat', {
    // enum nft_nat_attributes
    type: [1, be32],
    family: [2, be32],
    addressMin: [3, be32],
    addressMax: [4, be32],
    protoMin: [5, be32],
    protoMax: [6, be32],
    flags: [7, be32],
  }),
  masq: attributes('masq', { flags: [1, be32], protoMin: [2, be32], protoMax: [3, be32] }), // enum nft_masq_attributes
  redir: attributes('redir', { protoMin: [1, be32], protoMax: [2, be32], flags: [3, be32] }), // nft_redir_attributes
  counter: attributes('counter', { bytes: [1, be64], packets: [2, be64] }), // enum nft_counter_attributes
  ct: attributes('ct', { dreg: [1, be32], key: [2, be32], direction: [3, u8], sreg: [4, be32] }), // nft_ct_attributes
  limit: attributes('limit', {
    // enum nft_limit_attributes
    rate: [1, be64],
    unit: [2, be64],
    burst: [3, be32],
    type: [4, be32],
    flags: [5, be32],
  }),
  log: attributes('log', {
    // enum nft_log_attributes
    group: [1, be16],
    prefix: [2, string],
    snaplen: [3, be32],
    threshold: [4, be16],
    level: [5, be32],
    flags: [6, be32],
  }),
  fib: attributes('fib', { dreg: [1, be32], result: [2, be32], flags: [3, be32] }), // enum nft_fib_attributes
  reject: attributes('reject', { type: [1, be32], icmpCode: [2, u8] }), // enum nft_reject_attributes
} as const

type Table = typeof EXPRESSIONS
type Content<A> = A extends Attributes<infer F> ? Values<F> : never

export type Expression =
  | { readonly [N in keyof Table]: { readonly name: N; readonly data: Content<Table[N]> } }[keyof Table]
  /** One that this table does not know; its attributes as they lie there. */
  | { readonly name: 'other'; readonly called: string; readonly data: Uint8Array }

const NFTA_EXPR_NAME = 1 // enum nft_expr_attributes
const NFTA_EXPR_DATA = 2

/** One expression: the name says how to read the data. */
export const expression: Kind<Expression> = {
  name: 'expression',
  nested: true,
  read(from, start, end) {
    const { called, first, last } = parts(from, start, end)
    const known = tableOf(called)
    if (known === undefined) return { name: 'other', called, data: from.bytes.slice(first, last) }
    return { name: called, data: known.read(from, first, last) } as Expression
  },
  write(to, value) {
    if (value.name === 'other') {
      to.attribute(NFTA_EXPR_NAME, string, value.called)
      to.attribute(NFTA_EXPR_DATA, { ...raw, nested: true }, value.data)
    } else {
      to.attribute(NFTA_EXPR_NAME, string, value.name)
      writeData(to, value)
    }
  },
  show(from, start, end, indent) {
    const { called, first, last } = parts(from, start, end)
    return [`${indent}${called}`, ...(tableOf(called) ?? raw).show(from, first, last, `${indent}  `)]
  },
}

export const expressions = list(expression)

function writeData(to: Writer, value: Exclude<Expression, { name: 'other' }>): void {
  to.attribute(NFTA_EXPR_DATA, EXPRESSIONS[value.name] as Kind<unknown>, value.data)
}

function tableOf(name: string): Kind<unknown> | undefined {
  return Object.hasOwn(EXPRESSIONS, name) ? EXPRESSIONS[name as keyof Table] : undefined
}

/** Name of the expression and where its data lies; an expression may have none (`first === last`). */
function parts(from: Source, start: number, end: number): { called: string; first: number; last: number } {
  let called: string | undefined
  let first = end
  let last = end
  eachAttribute(from, start, end, (type, begin, stop) => {
    if (type === NFTA_EXPR_NAME) called = string.read(from, begin, stop)
    if (type === NFTA_EXPR_DATA) {
      first = begin
      last = stop
    }
  })
  if (called === undefined) throw new Malformed(`nf_tables expression without a name at ${start}`)
  return { called, first, last }
}
