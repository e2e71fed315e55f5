import { describe, expect, test } from 'vitest'
import type { Endpoint, Ip, Port } from '../../../src/base/ip.ts'
import { isIpv4 } from '../../../src/base/ip.ts'
import { ipv6Flows, neighbourNews, translatedFlows } from '../../../src/kernel/filter.ts'
import type { BpfInstruction } from '../../../src/platform/platform.ts'
import { conntrackFormat, IPCTNL, IPS } from '../../../src/wire/conntrack.ts'
import { message } from '../../../src/wire/netlink.ts'
import { neighbourFormat, RTM } from '../../../src/wire/rtnetlink.ts'

/** Carries a program out as the kernel does (net/core/filter.c); loads are in network order. */
function passes(program: readonly BpfInstruction[], bytes: Uint8Array, littleEndian: boolean): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let [a, x] = [0, 0]
  for (let at = 0; at < program.length; at++) {
    const { code, jt, jf, k } = program[at] as BpfInstruction
    if (code === 0x06) return k !== 0
    else if (code === 0x20 && k >= 0xffff_f000) a = attributeAt(view, a, x, littleEndian)
    else if (code === 0x20) a = view.getUint32(k)
    else if (code === 0x28) a = view.getUint16(k)
    else if (code === 0x30) a = view.getUint8(k)
    else if (code === 0x40) a = view.getUint32(x + k)
    else if (code === 0x00) a = k
    else if (code === 0x01) x = k
    else if (code === 0x07) x = a
    else if (code === 0x15) at += a === k ? jt : jf
    else if (code === 0x45) at += (a & k) !== 0 ? jt : jf
    else throw new Error(`instruction ${code}`)
  }
  throw new Error('it falls off the end')
}

/** SKF_AD_NLATTR (net/core/filter.c, bpf_skb_get_nlattr). */
function attributeAt(view: DataView, start: number, type: number, littleEndian: boolean): number {
  for (let at = start; at + 4 <= view.byteLength; ) {
    if ((view.getUint16(at + 2, littleEndian) & 0x3fff) === type) return at
    at += (view.getUint16(at, littleEndian) + 3) & ~3
  }
  return 0
}

const at = (ip: string, port: number): Endpoint => ({ ip: ip as Ip, port: port as Port })
const NONE = new Uint8Array(0)

function flow(from: Endpoint, to: Endpoint, status: number | undefined, littleEndian: boolean): Uint8Array {
  const four = isIpv4(from.ip)
  const tuple = (a: Endpoint, b: Endpoint) => ({
    ip: four ? { source: a.ip, destination: b.ip } : { source6: a.ip, destination6: b.ip },
    protocol: { number: 17, sourcePort: a.port, destinationPort: b.port },
  })
  const body = { original: tuple(from, to), reply: tuple(to, from), id: 0x20, status }
  const payload = conntrackFormat.encode({ family: four ? 2 : 10 }, body, littleEndian)
  return message({ type: IPCTNL.delete, flags: 0, sequence: 0 }, payload, NONE, littleEndian)
}

describe.each([
  ['little endian', true],
  ['big endian', false],
])('%s', (_order, littleEndian) => {
  const [v4, w4] = [at('198.51.100.9', 5555), at('11.22.33.44', 8080)]
  const [v6, w6] = [at('2001:db8:f::1', 5555), at('2001:db8::10', 8080)]

  test.each<[string, Endpoint, Endpoint, number | undefined, boolean, boolean]>([
    ['through a mapping', v4, w4, IPS.seenReply | IPS.destinationTranslated, true, false],
    ['hairpin', v4, w4, IPS.destinationTranslated | IPS.sourceTranslated, true, false],
    ['an ordinary one, masqueraded', v4, w4, IPS.seenReply | IPS.assured | IPS.sourceTranslated, false, false],
    ['not translated', v4, w4, IPS.confirmed, false, false],
    ['without a status', v4, w4, undefined, false, false],
    ['of IPv6', v6, w6, IPS.seenReply, false, true],
    ['of IPv6, translated', v6, w6, IPS.destinationTranslated, false, true],
  ])('the end of a flow %s', (_what, from, to, status, translated, six) => {
    const bytes = flow(from, to, status, littleEndian)
    expect(passes(translatedFlows, bytes, littleEndian)).toBe(translated)
    expect(passes(ipv6Flows, bytes, littleEndian)).toBe(six)
  })

  test.each<[string, number, number, boolean]>([
    ['reachable', RTM.newNeighbour, 0x02, true],
    ['stale', RTM.newNeighbour, 0x04, true],
    ['failed', RTM.newNeighbour, 0x20, true],
    ['permanent', RTM.newNeighbour, 0x80, true],
    ['incomplete', RTM.newNeighbour, 0x01, false],
    ['delay', RTM.newNeighbour, 0x08, false],
    ['probe', RTM.newNeighbour, 0x10, false],
    ['without asking', RTM.newNeighbour, 0x40, false],
    ['deleted', RTM.delNeighbour, 0x10, true],
  ])('a neighbour that is %s', (_what, type, state, wanted) => {
    const payload = neighbourFormat.encode({ family: 2, index: 3, state }, { ip: w4.ip }, littleEndian)
    const bytes = message({ type, flags: 0, sequence: 0 }, payload, NONE, littleEndian)
    expect(passes(neighbourNews(littleEndian), bytes, littleEndian)).toBe(wanted)
  })
})
