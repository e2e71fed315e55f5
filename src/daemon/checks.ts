/** What `portico check` has to look up: the firewall of the system, other daemons, the kernel's switches. */

import { utf8Decode } from '../base/text.ts'
import { milliseconds } from '../base/time.ts'
import type { Facts, FirewallFact } from '../control/check.ts'
import { checksOf } from '../control/check.ts'
import type { Check, Status } from '../control/world.ts'
import type { Platform } from '../platform/platform.ts'
import { isJailed } from './jail.ts'

/** Never rejects. */
export async function runChecks(platform: Platform, status: Status, markBit: number): Promise<readonly Check[]> {
  const mark = `0x${markBit.toString(16).padStart(8, '0')}`
  const facts: Facts = {
    status,
    mark,
    firewall: await firewallFact(platform, mark),
    accounting: accounting(platform),
    rivals: await rivals(platform),
  }
  return checksOf(facts)
}

const PATIENCE = milliseconds(5000)
const COMMAND_NOT_FOUND = 127
const RIVALS = ['miniupnpd']

/** Sets are left out (`-t`): a blocklist has many elements. */
async function firewallFact(platform: Platform, mark: string): Promise<FirewallFact> {
  const { status, stdout, stderr } = await platform.run(['nft', '-t', 'list', 'table', 'inet', 'fw4'], PATIENCE)
  if (status === COMMAND_NOT_FOUND) return { is: 'unknown', why: 'there is no nft' }
  if (status !== 0 && /No such file or directory/.test(stderr)) return { is: 'absent' }
  if (status !== 0) return { is: 'unknown', why: `nft failed: ${stderr.trim()}` }
  // nft 1.0 and 1.1 write `&`, older ones `and`; a single bit may be compared with itself or with zero.
  const accepts = new RegExp(`mark (?:&|and) ${mark} (?:== ${mark}|!= 0x0+)\\b[^\\n]*\\baccept\\b`)
  // What a comment says is no verdict.
  return { is: accepts.test(stdout.replace(/"[^"\n]*"/g, '""')) ? 'accepts' : 'refuses' }
}

function accounting(platform: Platform): boolean | undefined {
  const said = platform.readFile('/proc/sys/net/netfilter/nf_conntrack_acct')
  return said === undefined ? undefined : utf8Decode(said).trim() === '1'
}

/** `undefined`: other programs cannot be seen; ujail gives a jail a process table of its own. */
async function rivals(platform: Platform): Promise<readonly string[] | undefined> {
  if (isJailed(platform)) return undefined
  const running: string[] = []
  for (const name of RIVALS) {
    const { status } = await platform.run(['pidof', name], PATIENCE)
    if (status === COMMAND_NOT_FOUND) return undefined
    if (status === 0) running.push(name)
  }
  return running
}
