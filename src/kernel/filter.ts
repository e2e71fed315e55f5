/**
 * Socket filters for netlink notices: what is of no interest does not wake the daemon. Classic BPF (linux/filter.h); it
 * loads numbers in network order, so what is in the byte order of the machine is compared with its constants turned.
 */
import type { BpfInstruction } from '../platform/platform.ts'
import { IPS } from '../wire/conntrack.ts'
import { HEADER_SIZE } from '../wire/netlink.ts'
import { RTM } from '../wire/rtnetlink.ts'

/** linux/bpf_common.h, linux/filter.h: BPF_LD | BPF_W | BPF_ABS and so on. */
const LOAD_WORD = 0x20
const LOAD_HALF = 0x28
const LOAD_BYTE = 0x30
const LOAD_WORD_AT_INDEX = 0x40
const LOAD_NUMBER = 0x00
const SET_INDEX_TO_NUMBER = 0x01
const SET_INDEX = 0x07 // BPF_MISC | BPF_TAX
const JUMP_EQUAL = 0x15
const JUMP_ANY_BIT = 0x45
const RETURN = 0x06
/** SKF_AD_OFF + SKF_AD_NLATTR: from offset A, where the attribute of type X is; 0 when it is not there. */
const FIND_ATTRIBUTE = 0xffff_f000 + 12

const load = (code: number, k: number): BpfInstruction => ({ code, jt: 0, jf: 0, k })
const jump = (code: number, k: number, jt: number, jf: number): BpfInstruction => ({ code, jt, jf, k })
const PASS = load(RETURN, 0xffff_ffff)
const DROP = load(RETURN, 0)

const FAMILY_AT = HEADER_SIZE // of struct nfgenmsg
const CONNTRACK_ATTRIBUTES_AT = HEADER_SIZE + 4
const CTA_STATUS = 3
const AF_INET = 2
const AF_INET6 = 10

/** IPv4 entries of conntrack whose destination was translated. */
export const translatedFlows: readonly BpfInstruction[] = [
  load(LOAD_BYTE, FAMILY_AT),
  jump(JUMP_EQUAL, AF_INET, 0, 7),
  load(SET_INDEX_TO_NUMBER, CTA_STATUS),
  load(LOAD_NUMBER, CONNTRACK_ATTRIBUTES_AT),
  load(LOAD_WORD, FIND_ATTRIBUTE),
  jump(JUMP_EQUAL, 0, 3, 0),
  load(SET_INDEX, 0),
  load(LOAD_WORD_AT_INDEX, 4), // behind the header of the attribute
  jump(JUMP_ANY_BIT, IPS.destinationTranslated, 1, 0),
  DROP,
  PASS,
]

/** IPv6 entries of conntrack. */
export const ipv6Flows: readonly BpfInstruction[] = [
  load(LOAD_BYTE, FAMILY_AT),
  jump(JUMP_EQUAL, AF_INET6, 1, 0),
  DROP,
  PASS,
]

const NLMSG_TYPE_AT = 4 // struct nlmsghdr
const NDM_STATE_AT = HEADER_SIZE + 8 // struct ndmsg
/** linux/neighbour.h: NUD_INCOMPLETE, NUD_DELAY, NUD_PROBE, NUD_NOARP; the kernel is asking, or need not ask. */
const NUD_NO_NEWS = 0x01 | 0x08 | 0x10 | 0x40

/** Notices of neighbours that may carry another link address, or say that there is none any more. */
export function neighbourNews(littleEndian: boolean): readonly BpfInstruction[] {
  const turned = (value: number): number => (littleEndian ? ((value & 0xff) << 8) | (value >> 8) : value)
  return [
    load(LOAD_HALF, NLMSG_TYPE_AT),
    jump(JUMP_EQUAL, turned(RTM.newNeighbour), 0, 3),
    load(LOAD_HALF, NDM_STATE_AT),
    jump(JUMP_ANY_BIT, turned(NUD_NO_NEWS), 0, 1),
    DROP,
    PASS,
  ]
}
