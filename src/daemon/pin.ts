/**
 * A client's mapping becomes the owner's: a `config mapping` at the end of `/etc/config/portico`. Whatever stands in
 * the file stays as it is, byte for byte, with the owner's comments and order.
 */

import { joined } from '../base/bytes.ts'
import { reasonOf } from '../base/fail.ts'
import { utf8Encode } from '../base/text.ts'
import { load } from '../config/load.ts'
import { describe } from '../config/problems.ts'
import type { Pinned } from '../control/world.ts'
import type { Mapping } from '../core/mapping.ts'
import { isForAnybody } from '../core/mapping.ts'
import type { Platform } from '../platform/platform.ts'
import { parseUci, quoteUci } from '../wire/uci.ts'

/** Why it cannot be said in the configuration; `undefined` when it can. */
function unpinnable(mapping: Mapping): (Pinned & { readonly ok: false }) | undefined {
  if (mapping.owner.via === 'operator') return no('static', 'it stands in the configuration already')
  if (mapping.pinhole !== undefined) {
    return no('pinhole', 'it is an IPv6 pinhole, and the address of its host may change: write a rule of the firewall')
  }
  if (!isForAnybody(mapping))
    return no('remote', 'it is open to one remote host only: write a redirect of the firewall')
  return undefined
}

/** Appends the section to the file at `path`. Never throws. */
export function pinTo(
  platform: Pick<Platform, 'readFile' | 'writeFile'>,
  path: string,
  mapping: Mapping,
  comment: string,
): Pinned {
  const refused = unpinnable(mapping)
  if (refused !== undefined) return refused
  try {
    const before = platform.readFile(path) ?? new Uint8Array(0)
    const mistake = mistakeIn(before, path)
    if (mistake !== undefined) return no('broken', `the configuration has to be mended first: ${mistake}`)
    const section = freeName(before, path, mapping)
    const after = withSection(before, section, mapping, comment)
    const clash = mistakeIn(after, path)
    if (clash !== undefined) return no('broken', `the configuration does not allow it: ${clash}`)
    platform.writeFile(path, after)
    return { ok: true, section }
  } catch (error) {
    return no('write', `${path} cannot be written: ${reasonOf(error)}`)
  }
}

const no = (why: (Pinned & { ok: false })['why'], because: string) => ({ ok: false, why, because }) as const

function mistakeIn(bytes: Uint8Array, path: string): string | undefined {
  const names = { portico: path, network: '', firewall: '' }
  const { config, problems } = load({ portico: bytes }, names)
  const error = problems.find(({ weight }) => weight === 'error')
  if (error !== undefined) return describe(error)
  return config === undefined ? 'it cannot be read' : undefined
}

/** `pinned_tcp_8080`, or with a number behind it where that is taken. */
function freeName(bytes: Uint8Array, path: string, { transport, external }: Mapping): string {
  const taken = new Set(parseUci(bytes, path).sections.map(({ name }) => name))
  const plain = `pinned_${transport}_${external.port}`
  let name = plain
  for (let n = 2; taken.has(name); n++) name = `${plain}_${n}`
  return name
}

function withSection(before: Uint8Array, section: string, mapping: Mapping, comment: string): Uint8Array {
  const { transport, external, internal } = mapping
  const options: readonly (readonly [name: string, value: string])[] = [
    ['protocol', transport],
    ['external_port', String(external.port)],
    ['internal_address', internal.ip],
    ['internal_port', String(internal.port)],
    ...(comment === '' ? [] : [['comment', comment] as const]),
  ]
  const lines = options.map(([name, value]) => `\toption ${name} ${quoteUci(value)}\n`)
  // A last line without its end must not run into ours.
  const gap = before.length === 0 ? '' : before.at(-1) === NEWLINE ? '\n' : '\n\n'
  return joined([before, utf8Encode(`${gap}config mapping ${quoteUci(section)}\n${lines.join('')}`)])
}

const NEWLINE = 0x0a
