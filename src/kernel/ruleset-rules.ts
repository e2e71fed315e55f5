/** The rules of `inet portico`, expression by expression, as nft itself would send them (`ruleset.ts` says what for). */
import { FLAG } from '../wire/netlink.ts'
import type { Batch } from '../wire/nftables.ts'
import { FAMILY } from '../wire/nftables.ts'
import type { Expression } from '../wire/nftables-expressions.ts'
import { COMPARE, CT, META, NAT, NAT_RANGE, PAYLOAD, REGISTER, VERDICT } from '../wire/nftables-expressions.ts'
import type { ChainName, Features, SetName } from './ruleset.ts'
import { CHAINS, hostBytes, SETS, TABLE, text, tlv, UDATA_COMMENT } from './ruleset.ts'

/** Adds chains and rules. `replace`: the chains are there, and the rules in them go first. */
export function addRules(
  batch: Batch,
  act: 'add' | 'replace',
  markBit: number,
  features: Features,
  littleEndian: boolean,
): void {
  const all = rules(markBit, features, littleEndian)
  for (const [name, { hook, comment }] of Object.entries(CHAINS)) {
    if (act === 'replace') batch.add('deleteRule', 0, FAMILY.inet, { table: TABLE, chain: name })
    const userdata = tlv(UDATA_COMMENT, text(comment))
    const base =
      hook === undefined
        ? {}
        : { type: hook.type, policy: VERDICT.accept, hook: { number: hook.number, priority: hook.priority } }
    if (act === 'add') batch.add('newChain', FLAG.create, FAMILY.inet, { table: TABLE, name, ...base, userdata })
  }
  for (const [chain, list] of Object.entries(all)) {
    for (const expressions of list) {
      batch.add('newRule', FLAG.create | FLAG.append, FAMILY.inet, { table: TABLE, chain, expressions })
    }
  }
}

/** The rules of each chain, in order. */
export function rules(markBit: number, features: Features, littleEndian: boolean): Record<ChainName, Expression[][]> {
  const mapped = features.looksUpMapsAsSets ? lookup('snat4') : lookup('snat4', REGISTER.first)
  const host = (value: number) => hostBytes(value, littleEndian)
  const mark: Expression[] = [
    meta(META.mark, REGISTER.first),
    bitwise(host(~markBit >>> 0), host(markBit)),
    { name: 'meta', data: { key: META.mark, sreg: REGISTER.first } },
  ]
  return {
    prerouting: [
      [...device('iifname', 'external'), ...destination(), lookup('dnat4', REGISTER.first), nat(NAT.destination)],
      [...device('iifname', 'internal'), ...destination(), lookup('dnat4', REGISTER.first), nat(NAT.destination)],
      [...device('iifname', 'external'), ...fromTo(), lookup('dnat4from', REGISTER.first), nat(NAT.destination)],
      [...device('iifname', 'internal'), ...fromTo(), lookup('dnat4from', REGISTER.first), nat(NAT.destination)],
    ],
    postrouting: [
      [...device('oifname', 'external'), ...origin(), lookup('snat4', REGISTER.first), nat(NAT.source)],
      [
        ...device('iifname', 'internal'),
        ...device('oifname', 'external'),
        meta(META.l4proto, REGISTER.first),
        port('source', REGISTER.word1),
        lookup('taken'),
        { name: 'masq', data: { flags: NAT_RANGE.random } },
      ],
      [
        ...device('iifname', 'internal'),
        ...device('oifname', 'internal'),
        ...ctHas(CT.status, host(IPS_DST_NAT)),
        ...destination(),
        mapped,
        { name: 'immediate', data: { dreg: REGISTER.verdict, data: { verdict: HAIRPIN } } },
      ],
    ],
    hairpin: [
      [...origin(), lookup('snat4', REGISTER.first), nat(NAT.source)],
      [
        { name: 'ct', data: { key: CT.destinationIp, dreg: REGISTER.first, direction: IP_CT_DIR_ORIGINAL } },
        { name: 'nat', data: { type: NAT.source, family: FAMILY.ipv4, addressMin: REGISTER.first } },
      ],
    ],
    pinholes: PINHOLE_KEYS.map(remote => [...pinhole(remote), lookup('pinhole6'), ...mark]),
    forward: [
      [
        ...ctHas(CT.state, host(CT_STATE_NEW)),
        ...ctHas(CT.status, host(IPS_DST_NAT)),
        ...destination(),
        mapped,
        ...mark,
      ],
      [
        ...ctHas(CT.state, host(CT_STATE_NEW)),
        meta(META.nfproto, REGISTER.first),
        compare(COMPARE.equal, Uint8Array.of(FAMILY.ipv6)),
        ...device('iifname', 'external6'),
        ...device('oifname', 'internal'),
        { name: 'immediate', data: { dreg: REGISTER.verdict, data: { verdict: PINHOLES } } },
      ],
    ],
    input: [
      [
        ...device('iifname', 'internal', 'not'),
        meta(META.l4proto, REGISTER.first),
        port('destination', REGISTER.word1),
        lookup('guarded'),
        { name: 'immediate', data: { dreg: REGISTER.verdict, data: { verdict: { code: VERDICT.drop } } } },
      ],
      // To an address of ours that is not the device's own: the sender's network is another than he would have it.
      [
        meta(META.l4proto, REGISTER.first),
        port('destination', REGISTER.word1),
        lookup('guarded'),
        ...addressType(FIB.destination, COMPARE.equal, host(RTN_LOCAL)),
        ...addressType(FIB.destination | FIB.incoming, COMPARE.notEqual, host(RTN_LOCAL)),
        { name: 'immediate', data: { dreg: REGISTER.verdict, data: { verdict: { code: VERDICT.drop } } } },
      ],
    ],
  }
}

const IPS_DST_NAT = 0x20 // linux/netfilter/nf_conntrack_common.h
const IP_CT_DIR_ORIGINAL = 0
const CT_STATE_NEW = 8 // NF_CT_STATE_BIT(IP_CT_NEW)
export const NFT_LOOKUP_F_INV = 1 // linux/netfilter/nf_tables.h
const HAIRPIN = { code: VERDICT.jump, chain: 'hairpin' } as const
const PINHOLES = { code: VERDICT.jump, chain: 'pinholes' } as const

/** The ways in which a pinhole may name its remote endpoint, each a key to look up. */
const PINHOLE_KEYS = [
  { ip: 'any', port: 'any' },
  { ip: 'one', port: 'any' },
  { ip: 'any', port: 'one' },
  { ip: 'one', port: 'one' },
] as const

export const meta = (key: number, dreg: number): Expression => ({ name: 'meta', data: { key, dreg } })

/** linux/rtnetlink.h */
const RTN_LOCAL = 2
/** linux/netfilter/nf_tables.h: enum nft_fib_flags, NFT_FIB_RESULT_ADDRTYPE */
const FIB = { destination: 2, incoming: 8 } as const
const FIB_ADDRESS_TYPE = 3

/** What kind of address it is: for the machine, or, with `FIB.incoming`, for the device that the packet came in by. */
function addressType(flags: number, operation: number, type: Uint8Array): Expression[] {
  return [{ name: 'fib', data: { flags, result: FIB_ADDRESS_TYPE, dreg: REGISTER.first } }, compare(operation, type)]
}

function device(which: 'iifname' | 'oifname', set: SetName, not?: 'not'): Expression[] {
  const inverted = not === undefined ? {} : { flags: NFT_LOOKUP_F_INV }
  return [
    meta(META[which], REGISTER.first),
    { name: 'lookup', data: { sreg: REGISTER.first, set, setId: SETS[set].id, ...inverted } },
  ]
}

function lookup(set: SetName, dreg?: number): Expression {
  const into = dreg === undefined ? {} : { dreg }
  return { name: 'lookup', data: { sreg: REGISTER.first, ...into, set, setId: SETS[set].id } }
}

/** Where the packet goes, as a key of `dnat4` and `snat4`. */
const destination = (): Expression[] => endpoint(16, 'destination') // offset of daddr in struct iphdr
/** Where it comes from. */
const origin = (): Expression[] => endpoint(12, 'source') // offset of saddr

function endpoint(offset: number, which: 'source' | 'destination'): Expression[] {
  return [
    meta(META.nfproto, REGISTER.first),
    compare(COMPARE.equal, Uint8Array.of(FAMILY.ipv4)),
    { name: 'payload', data: { dreg: REGISTER.first, base: PAYLOAD.network, offset, length: 4 } },
    meta(META.l4proto, REGISTER.word1),
    port(which, REGISTER.word2),
  ]
}

/** Who asks and where the packet goes, as a key of `dnat4from`. */
function fromTo(): Expression[] {
  return [
    meta(META.nfproto, REGISTER.first),
    compare(COMPARE.equal, Uint8Array.of(FAMILY.ipv4)),
    { name: 'payload', data: { dreg: REGISTER.first, base: PAYLOAD.network, offset: 12, length: 4 } },
    { name: 'payload', data: { dreg: REGISTER.word1, base: PAYLOAD.network, offset: 16, length: 4 } },
    meta(META.l4proto, REGISTER.word2),
    port('destination', REGISTER.word3),
  ]
}

/**
 * A key of `pinhole6`. What any remote endpoint may be is masked away rather than left out: that nft can show and load
 * (`ip6 saddr & ::`), and a constant in a key it cannot.
 */
function pinhole(remote: (typeof PINHOLE_KEYS)[number]): Expression[] {
  return [
    meta(META.nfproto, REGISTER.first),
    compare(COMPARE.equal, Uint8Array.of(FAMILY.ipv6)),
    { name: 'payload', data: { dreg: REGISTER.first, base: PAYLOAD.network, offset: 8, length: 16 } }, // saddr
    ...(remote.ip === 'any' ? [cleared(REGISTER.first, 16)] : []),
    port('source', REGISTER.second),
    ...(remote.port === 'any' ? [cleared(REGISTER.second, 2)] : []),
    { name: 'payload', data: { dreg: REGISTER.word5, base: PAYLOAD.network, offset: 24, length: 16 } }, // daddr
    meta(META.l4proto, REGISTER.word9),
    port('destination', REGISTER.word10),
  ]
}

const cleared = (register: number, length: number): Expression => ({
  name: 'bitwise',
  data: {
    sreg: register,
    dreg: register,
    length,
    mask: { value: new Uint8Array(length) },
    xor: { value: new Uint8Array(length) },
  },
})

/** Source and destination port lie first in the headers of TCP and UDP. */
function port(which: 'source' | 'destination', dreg: number): Expression {
  const offset = which === 'source' ? 0 : 2
  return { name: 'payload', data: { dreg, base: PAYLOAD.transport, offset, length: 2 } }
}

/** Address and port as a map delivers them: in the first two words. */
function nat(type: number): Expression {
  return { name: 'nat', data: { type, family: FAMILY.ipv4, addressMin: REGISTER.first, protoMin: REGISTER.word1 } }
}

function ctHas(key: number, bit: Uint8Array): Expression[] {
  const zero = new Uint8Array(4)
  return [{ name: 'ct', data: { key, dreg: REGISTER.first } }, bitwise(bit, zero), compare(COMPARE.notEqual, zero)]
}

function bitwise(mask: Uint8Array, xor: Uint8Array): Expression {
  return {
    name: 'bitwise',
    data: { sreg: REGISTER.first, dreg: REGISTER.first, length: 4, mask: { value: mask }, xor: { value: xor } },
  }
}

export const compare = (op: number, value: Uint8Array): Expression => ({
  name: 'cmp',
  data: { sreg: REGISTER.first, op, data: { value } },
})
