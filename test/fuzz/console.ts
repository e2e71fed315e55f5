/** Command lines: whatever is typed is a command or a fault with its column, and a command on a world never throws. */
import { utf8Decode, utf8Encode } from '../../src/base/text.ts'
import { execute, type Result } from '../../src/control/execute.ts'
import { type Command, lineOfWords, parseLine } from '../../src/control/grammar.ts'
import { printResult } from '../../src/control/print.ts'
import { MemoryWorld, mapping } from '../support/control-world.ts'

export const seeds: readonly Uint8Array[] = [
  'status',
  'check',
  '/ip/nat-pmp/print',
  '/ip upn map pr detail show-ids where dynamic and (protocol=tcp || dst-port>=1 ) !comment .id=*1F',
  '/ip upnp mappings print terse where comment~"^(a|b)+[^c-d]\\\\.x?$" or timeout<1h30m # x',
  '/ip firewall nat print where dynamic comment!="a\\"\\41\\_b"',
  '/ip upnp mappings print stats where bytes>0',
  '/log print topics=nat-pmp where message~x;',
  'count-only',
].map(utf8Encode)

const world = new MemoryWorld()
world.held = [mapping({ port: 80, label: 'a.x' }), mapping({ port: 81, via: 'operator', label: 'b' })]

export function target(bytes: Uint8Array): void {
  const line = utf8Decode(bytes)
  for (const each of [line, lineOfWords(line.split(' '))]) {
    const command = parseLine(each)
    if (command.is === 'fault') {
      if (!/ \(line 1 column \d+\)$|characters$/.test(command.message)) throw new Error(`no column: ${command.message}`)
    } else if (command.is !== 'remove' && command.is !== 'check') {
      const result = execute(world, command)
      const shown = result instanceof Promise ? uncounted(command) : result
      for (const json of [false, true]) for (const _ of printResult(shown, { json, width: 40 }));
    }
  }
}

/** What shows traffic waits for the kernel, and nothing else does; here its rows are shown without. */
function uncounted(command: Command): Result {
  if (command.is !== 'print' || command.menu.is !== 'list' || command.menu.statistics === undefined)
    throw new Error('a command that should be done at once')
  const { menu, form, withIds } = command
  const rows = menu.rows(world)
  return form === 'count-only' ? { is: 'count', count: rows.length } : { is: 'list', menu, form, rows, withIds }
}
