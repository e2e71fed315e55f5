/** `portico help`: the command tree, as it is. */
import { commandsOf, MENUS, pathText, TOP_COMMANDS } from './menu.ts'

export function helpText(): string {
  const top = Object.entries(TOP_COMMANDS).map(([name, help]) => [name, help] as const)
  const menus = MENUS.flatMap(menu =>
    commandsOf(menu).map(
      command => [`${pathText(menu)} ${command}`, command === 'print' ? menu.help : 'end some of them'] as const,
    ),
  )
  const all = [...top, ...menus]
  const widest = Math.max(...all.map(([name]) => name.length))
  const body = all.map(([name, help]) => `  ${name.padEnd(widest)}  ${help}`)
  return `${[USAGE, ...body, '', ...FORMS].join('\n')}\n`
}

const USAGE = 'portico [--run DIR] [--json] COMMAND\n'

const FORMS = [
  '  print detail|brief|terse|stats|count-only   another form (stats: traffic); show-ids: ids, no numbers',
  '  print where CONDITION ...             some items: dynamic, protocol=tcp, comment~"^Game", dst-port>1023',
  '  remove ITEM,... or [find where ...]   an ITEM is its id *1F, or its number in the order of print',
  '',
  '  daemon [--uci DIR] [--run DIR]        serves, in the foreground; SIGHUP reads /etc/config/portico again',
  '  import-leases [FILE ...]              the mappings that miniupnpd has granted become ours',
  '  migrate upnpd [--write] [--enable]    its configuration as one of ours, shown or written; needs no daemon',
  '',
  'Words may be shortened: /ip upn map pr. Quote what your shell would take: portico "/ip upnp mappings remove *1F".',
]
