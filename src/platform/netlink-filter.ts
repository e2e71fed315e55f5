/** What a netlink socket shall let through, as the kernel takes it: classic BPF (linux/filter.h), for both engines. */
import type { BpfInstruction, NetlinkOptions } from './platform.ts'

/** BPF_LD | BPF_W | BPF_ABS, BPF_JMP | BPF_JEQ | BPF_K and BPF_RET | BPF_K, linux/bpf_common.h */
const LOAD_WORD = 0x20
const JUMP_EQUAL = 0x15
const RETURN = 0x06
const NLMSG_PID_AT = 12 // struct nlmsghdr, linux/netlink.h

/** `struct sock_filter` after `struct sock_filter`; `undefined` when everything passes. */
export function filterBytes({ ignoreFrom = [], filter }: NetlinkOptions): Uint8Array | undefined {
  if (filter !== undefined) return structures(filter.program)
  return ignoreFrom.length === 0 ? undefined : structures(ignoring(ignoreFrom))
}

/** Drops what names one of these port ids in its first header. */
function ignoring(ids: readonly number[]): readonly BpfInstruction[] {
  const jump = (id: number, n: number) => ({ code: JUMP_EQUAL, jt: ids.length - n, jf: 0, k: inNetworkOrder(id) })
  const plain = (code: number, k: number) => ({ code, jt: 0, jf: 0, k })
  return [plain(LOAD_WORD, NLMSG_PID_AT), ...ids.map(jump), plain(RETURN, 0xffff_ffff), plain(RETURN, 0)]
}

/** The id stands in this machine's byte order, and is loaded as if in the network's. */
const inNetworkOrder = (id: number): number => new DataView(Uint32Array.of(id).buffer).getUint32(0)

/** u16 code, u8 jt, u8 jf, u32 k, in this machine's byte order. */
function structures(program: readonly BpfInstruction[]): Uint8Array {
  const bytes = new ArrayBuffer(8 * program.length)
  const [halves, octets, words] = [new Uint16Array(bytes), new Uint8Array(bytes), new Uint32Array(bytes)]
  for (const [n, { code, jt, jf, k }] of program.entries()) {
    halves[4 * n] = code
    octets[8 * n + 2] = jt
    octets[8 * n + 3] = jf
    words[2 * n + 1] = k
  }
  return octets
}
