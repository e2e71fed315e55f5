/** UCI files: the parser may refuse with `Malformed`; the loader never throws, and what was written reads the same. */

import { readFileSync } from 'node:fs'
import { utf8Encode } from '../../src/base/text.ts'
import { fileNames, load } from '../../src/config/load.ts'
import { describe } from '../../src/config/problems.ts'
import { staticRedirects, zonesOf } from '../../src/config/redirects.ts'
import { resolvePolicy, staticMappings } from '../../src/config/resolve.ts'
import { resolveRoles } from '../../src/config/roles.ts'
import { parseUci, writeUci } from '../../src/wire/uci.ts'

const FILES = ['portico', 'network', 'firewall'].map(name => readFileSync(`test/vectors/uci/${name}.txt`))
// Whole files, their single sections, and words that are hard to get right.
const SECTIONS = FILES.flatMap(file => file.toString().split(/\n(?=config)/)).map(utf8Encode)
const HARD = [
  "c a b\no c 'd'\\''e'\"f\"g\\\nh#i\n",
  "config a 'b'\nlist c \"d\\\n e\"\noption c ''\n",
  'p x;c a\r\n',
].map(utf8Encode)
export const seeds: readonly Uint8Array[] = [...FILES.map(file => new Uint8Array(file)), ...SECTIONS, ...HARD]

const NAMES = fileNames('/etc/config')

export function target(bytes: Uint8Array): void {
  const { config, problems } = load({ portico: bytes, network: bytes, firewall: bytes }, NAMES)
  for (const problem of problems) if (/[\n\r]/.test(describe(problem))) throw new Error('a problem of several lines')
  if (config !== undefined) {
    const roles = resolveRoles(config, {
      netifd: undefined,
      defaultRoute: ['eth1'],
      defaultRoute6: [],
      usable: undefined,
    })
    if (roles.internal.some(({ device }) => device === 'eth1')) throw new Error('serves the default route')
    resolvePolicy(config, roles, undefined)
    staticMappings(config)
    const external = roles.external ?? { name: 'wan', device: 'eth1' }
    staticRedirects(config.firewall, zonesOf(config.firewall, undefined, external), undefined)
  }
  const written = writeUci(parseUci(bytes, 'x').sections)
  if (writeUci(parseUci(utf8Encode(written), 'x').sections) !== written)
    throw new Error('written, then read differently')
}
