/** `ubus call network.interface dump` (netifd `ubus.c`): which device a network has now, if it is up. */
import { Malformed } from '../base/fail.ts'
import type { Ip } from '../base/ip.ts'
import { parseIpv4 } from '../base/ip.ts'
import { utf8Decode } from '../base/text.ts'
import { isDeviceName } from './network-file.ts'
import { validateNetifd } from './validate.generated.ts'

export interface NetifdInterface {
  readonly name: string
  readonly up: boolean
  /** `l3_device`: where the addresses are (`pppoe-wan`, `br-lan`). Absent when the interface is down. */
  readonly device: string | undefined
  readonly addresses: readonly Ip[]
  /** Holds an IPv4 default route of the main table. */
  readonly hasDefaultRoute: boolean
  /** Firewall zone that the interface's protocol asks for (`data.zone`). */
  readonly zone: string | undefined
}

/** A router with a thousand interfaces prints less. */
const MOST_BYTES = 1 << 20

/** Throws `Malformed` for what netifd would not print. */
export function parseNetifd(bytes: Uint8Array): readonly NetifdInterface[] {
  if (bytes.length > MOST_BYTES) throw new Malformed(`interface dump has ${bytes.length} bytes`)
  const dump = parsedJson(utf8Decode(bytes))
  if (!isDump(dump)) {
    const error = (validateNetifd as unknown as Validate).errors?.[0]
    throw new Malformed(
      `interface dump: unexpected ${error?.keyword ?? 'value'} at ${error?.instancePath || 'the top'}`,
    )
  }
  return dump.interface.map(readInterface)
}

interface Validate {
  readonly errors: readonly { readonly instancePath: string; readonly keyword: string }[] | null
}

interface Dump {
  readonly interface: readonly DumpedInterface[]
}

interface DumpedInterface {
  readonly interface: string
  readonly up: boolean
  readonly l3_device?: string
  readonly 'ipv4-address'?: readonly { readonly address: string }[]
  readonly route?: readonly { readonly target: string; readonly mask: number; readonly table?: number | string }[]
  readonly data?: { readonly zone?: string }
}

function parsedJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Besides SyntaxError an engine may run out of stack on deep nesting; both mean the same here.
    throw new Malformed('interface dump is no JSON')
  }
}

const isDump = (value: unknown): value is Dump => validateNetifd(value)

function readInterface(dumped: DumpedInterface): NetifdInterface {
  const addresses = (dumped['ipv4-address'] ?? []).flatMap(({ address }) => parseIpv4(address) ?? [])
  return {
    name: dumped.interface,
    up: dumped.up,
    device: dumped.up && isDeviceName(dumped.l3_device ?? '') ? dumped.l3_device : undefined,
    addresses,
    hasDefaultRoute: (dumped.route ?? []).some(
      ({ target, mask, table }) => target === '0.0.0.0' && mask === 0 && table === undefined,
    ),
    zone: dumped.data?.zone,
  }
}
