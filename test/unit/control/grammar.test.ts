import { describe, expect, test } from 'vitest'
import type { Command, GrammarFault, Selection } from '../../../src/control/grammar.ts'
import { lineOfWords, parseLine } from '../../../src/control/grammar.ts'
import { pathText } from '../../../src/control/menu.ts'
import type { Condition } from '../../../src/control/where.ts'

/** A command in one line, so that a row of the table can be read. */
function said(command: Command | GrammarFault): string {
  switch (command.is) {
    case 'fault':
      return command.message
    case 'print': {
      const where = command.where === undefined ? '' : ` where ${condition(command.where)}`
      return `${pathText(command.menu)} print ${command.form}${command.withIds ? ' with ids' : ''}${where}`
    }
    case 'remove':
      return `${pathText(command.menu)} remove ${selection(command.selection)}`
    default:
      return command.is
  }
}

function condition(where: Condition): string {
  switch (where.is) {
    case 'all':
    case 'any':
      return `(${where.of.map(condition).join(where.is === 'all' ? ' & ' : ' | ')})`
    case 'set':
      return `${where.negated ? '!' : ''}${where.property}`
    case 'compare':
      return `${where.property}${where.by}${JSON.stringify(where.to)}`
    case 'like':
      return `${where.property}~`
  }
}

function selection(chosen: Selection): string {
  if (chosen.by === 'find') return chosen.where === undefined ? 'all' : `where ${condition(chosen.where)}`
  return chosen.items.map(item => ('id' in item ? item.id : `#${item.number}`)).join(' ')
}

const understood: readonly (readonly [line: string, command: string])[] = [
  ['status', 'status'],
  ['/status', 'status'],
  ['stat', 'status'],
  ['help', 'help'],
  ['/ip nat-pmp print', '/ip nat-pmp print default'],
  ['/ip/nat-pmp/print', '/ip nat-pmp print default'],
  ['ip nat-pmp print', '/ip nat-pmp print default'],
  ['  /  ip  /  nat-pmp   print  ', '/ip nat-pmp print default'],
  ['/ip upnp natpmp print', '/ip nat-pmp print default'],
  ['/ip upnp natpmp interfaces print', '/ip nat-pmp interfaces print default'],
  ['/ip nat pr', '/ip nat-pmp print default'],
  ['/ip upn map pr', '/ip upnp mappings print default'],
  ['/ip nat-pmp mappings print', '/ip upnp mappings print default'],
  ['/ip fire nat print where dynamic', '/ip firewall nat print default where dynamic'],
  ['/ip upnp mappings print detail', '/ip upnp mappings print detail'],
  ['/ip upnp mappings print det', '/ip upnp mappings print detail'],
  ['/ip upnp mappings print count-only', '/ip upnp mappings print count-only'],
  ['/ip upnp mappings print terse where protocol=tcp', '/ip upnp mappings print terse where protocol="tcp"'],
  ['/ip upnp mappings print where dst-port>1023', '/ip upnp mappings print default where dst-port>1023'],
  ['/ip upnp mappings print where dst-port >= 1023', '/ip upnp mappings print default where dst-port>=1023'],
  ['/ip upnp mappings print where timeout<1h', '/ip upnp mappings print default where timeout<3600'],
  ['/ip upnp mappings print where !dynamic', '/ip upnp mappings print default where !dynamic'],
  ['/ip upnp mappings print where dynamic=no', '/ip upnp mappings print default where dynamic=false'],
  ['/ip upnp mappings print where dynamic !comment', '/ip upnp mappings print default where (dynamic & !comment)'],
  ['/ip upnp mappings print where comment!="a b"', '/ip upnp mappings print default where comment!="a b"'],
  [
    '/ip upnp mappings print where dyn and prot=udp',
    '/ip upnp mappings print default where (dynamic & protocol="udp")',
  ],
  ['/ip upnp mappings print where dyn && prot=udp', '/ip upnp mappings print default where (dynamic & protocol="udp")'],
  [
    '/ip upnp mappings print where protocol=udp dst-port=1 or client=192.168.88.10',
    '/ip upnp mappings print default where ((protocol="udp" & dst-port=1) | client="192.168.88.10")',
  ],
  [
    '/ip upnp mappings print where dynamic and (protocol=udp || dst-port=1)',
    '/ip upnp mappings print default where (dynamic & (protocol="udp" | dst-port=1))',
  ],
  ['/ip upnp mappings print show-ids', '/ip upnp mappings print default with ids'],
  ['/ip upnp mappings print detail show', '/ip upnp mappings print detail with ids'],
  ['/log print', '/log print default'],
  ['/log print where topics~"nat"', '/log print default where topics~'],
  ['/log print where message ~ "a|b"', '/log print default where message~'],
  ['/log print topics=upnp', '/log print default where topics="upnp"'],
  ['/ip firewall nat print dynamic=yes', '/ip firewall nat print default where dynamic=true'],
  ['/ip upnp mappings print where .id=*1F', '/ip upnp mappings print default where .id="*1F"'],
  ['/ip upnp mappings remove 0', '/ip upnp mappings remove #0'],
  ['/ip upnp mappings remove 0,2 5', '/ip upnp mappings remove #0 #2 #5'],
  ['/ip upnp mappings remove numbers=1', '/ip upnp mappings remove #1'],
  ['/ip upnp mappings remove *1f', '/ip upnp mappings remove *1F'],
  ['/ip upnp mappings remove [find]', '/ip upnp mappings remove all'],
  ['/ip upnp mappings remove [find dst-port=80]', '/ip upnp mappings remove where dst-port=80'],
  ['/ip upnp mappings remove [ find where dynamic ]', '/ip upnp mappings remove where dynamic'],
  ['/ip nat-pmp print # the service', '/ip nat-pmp print default'],
  ['/ip nat-pmp print ;;; the service', '/ip nat-pmp print default'],
  ['/ip nat-pmp print;', '/ip nat-pmp print default'],
]

const faulty: readonly (readonly [line: string, message: string])[] = [
  ['', 'expected command name (line 1 column 1)'],
  ['/', 'expected command name (line 1 column 2)'],
  ['/ip', 'expected command name (line 1 column 4)'],
  ['/ip nat-pmp', 'expected command name (line 1 column 12)'],
  ['/ip foo print', 'bad command name foo (line 1 column 5)'],
  ['/ip nat-pmp foo', 'bad command name foo (line 1 column 13)'],
  ['/ip nat-pmp remove 0', 'bad command name remove (line 1 column 13)'],
  ['/ip upnp p', 'ambiguous command name p: permissions, print (line 1 column 10)'],
  ['/ip nat-pmp print foo', 'expected end of command (line 1 column 19)'],
  ['/ip nat-pmp print where enabled', 'expected end of command (line 1 column 19)'],
  ['/ip nat-pmp print !', 'expected end of command (line 1 column 19)'],
  ['/ip nat-pmp print; /log print', 'expected end of command (line 1 column 20)'],
  ['status now', 'expected end of command (line 1 column 8)'],
  ['/ip upnp mappings print where', 'expected a condition (line 1 column 30)'],
  ['/ip upnp mappings print where foo=1', 'unknown parameter foo (line 1 column 31)'],
  [
    '/ip upnp mappings print where d',
    'ambiguous parameter d: disabled, dst-address, dst-port, dynamic (line 1 column 31)',
  ],
  ['/ip upnp mappings print where dst-port=x', 'input does not match any value of dst-port (line 1 column 40)'],
  ['/ip upnp mappings print where dynamic=2', 'input does not match any value of dynamic (line 1 column 39)'],
  ['/ip upnp mappings print where comment="a', 'missing closing quote (line 1 column 39)'],
  ['/ip upnp mappings print where comment~"("', 'no pattern that can be matched (line 1 column 39)'],
  ['/ip upnp mappings print where (dynamic', 'expected closing bracket (line 1 column 39)'],
  ['/ip upnp mappings print where dynamic)', 'expected end of command (line 1 column 38)'],
  [`/ip upnp mappings print where ${'('.repeat(20)}`, 'too many brackets (line 1 column 48)'],
  ['/ip upnp mappings remove', 'missing value(s) of argument(s) numbers (line 1 column 25)'],
  ['/ip upnp mappings remove x', 'invalid internal item number (line 1 column 26)'],
  ['/ip upnp mappings remove *', 'invalid internal item number (line 1 column 26)'],
  ['/ip upnp mappings remove *123456789', 'invalid internal item number (line 1 column 26)'],
  ['/ip upnp mappings remove [foo]', 'expected find (line 1 column 27)'],
  ['/ip upnp mappings remove [find', 'expected closing bracket (line 1 column 31)'],
  ['/ip upnp mappings remove [find] x', 'expected end of command (line 1 column 33)'],
  ['\u0000', 'syntax error (line 1 column 1)'],
  ['"ip"', 'syntax error (line 1 column 1)'],
  ['x'.repeat(5000), 'a line of more than 4096 characters'],
]

describe('parseLine()', () => {
  for (const [line, command] of understood) {
    test(`understands ${line.trim()}`, () => {
      expect(said(parseLine(line))).toBe(command)
    })
  }
  for (const [line, message] of faulty) {
    test(`refuses ${JSON.stringify(line.slice(0, 60))}`, () => {
      expect(parseLine(line)).toEqual({ is: 'fault', message })
    })
  }
  test('takes RouterOS escapes in quotes', () => {
    const command = parseLine('/ip upnp mappings print where comment="\\"a\\_b\\41\\\\\\n\\x"')
    expect(command.is === 'print' && command.where?.is === 'compare' && command.where.to).toBe('"a bA\\\n\\x')
  })
})

describe('lineOfWords()', () => {
  const rows: readonly (readonly [words: readonly string[], line: string])[] = [
    [['/ip nat-pmp print'], '/ip nat-pmp print'],
    [['/ip', 'nat-pmp', 'print'], '/ip nat-pmp print'],
    [['/ip nat-pmp', 'print'], '/ip nat-pmp print'],
    [['/log', 'print', 'where', 'topics~nat pmp'], '/log print where topics~"nat pmp"'],
    [['/log', 'print', 'where', 'topics~"nat pmp"'], '/log print where topics~"nat pmp"'],
    [['/log', 'print', 'where', 'message~(a|b)'], '/log print where message~"(a|b)"'],
    [['/log', 'print', 'where', 'message=a"b'], '/log print where message="a\\"b"'],
    [['remove', '[find', 'where', 'comment=a b]'], 'remove [find where comment="a b"]'],
    [['remove', '[find', 'dst-port=80]'], 'remove [find dst-port="80"]'],
    [['remove', '[find dst-port=80]'], 'remove [find dst-port=80]'],
  ]
  for (const [words, line] of rows) {
    test(`${words.join(' ␣ ')}`, () => {
      expect(lineOfWords(words)).toBe(line)
    })
  }
})
