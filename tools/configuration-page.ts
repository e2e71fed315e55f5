/** The owner's page about `/etc/config/portico`, made from the option table so that it cannot tell another story. */
import type { Option } from '../src/config/option.ts'
import type { SectionId } from '../src/config/options.ts'
import { isInForce, optionsOf, sectionIds, sections } from '../src/config/options.ts'

export function configurationPage(): string {
  return [INTRODUCTION, ...sectionIds.map(sectionText), RULES].join('\n')
}

const INTRODUCTION = `<!-- Made by tools/build-docs.mjs from src/config/options.ts. Do not edit. -->
# Configuration

Portico reads \`/etc/config/portico\`. It is an ordinary OpenWrt (UCI) file: edit it with \`uci\`, LuCI or any editor, then
run \`reload_config\` (or send the daemon SIGHUP). A router with zones \`lan\` and \`wan\` needs no more than this:

\`\`\`
config portico 'nat_pmp'
	option enabled '1'
\`\`\`

A complete example:

\`\`\`
config portico 'nat_pmp'
	option enabled '1'

config portico 'limits'
	option per_host '32'
	option default_action 'deny'

config interface
	option interface 'lan'
	option type 'internal'

config interface
	option interface 'wan'
	option type 'external'

config permission
	option action 'allow'
	option internal_address '192.168.1.10'
	option dst_port '32400'
	option comment 'Plex server'

config permission
	option action 'deny'
	option dst_port '32400'
	option comment 'nobody else may take the port'

config permission
	option action 'allow'
	option dst_port '1024-65535'

config mapping
	option protocol 'tcp'
	option external_port '8443'
	option internal_address '192.168.1.20'
	option internal_port '443'
\`\`\`
`

const RULES = `## Values

On and off are written \`1\`, \`on\`, \`true\`, \`yes\`, \`enabled\` and \`0\`, \`off\`, \`false\`, \`no\`, \`disabled\`. A list is several
lines \`list service 'upnp'\`, or one \`option\` with blanks between the words. Text with blanks needs quotes.

The console column says what the option is called in \`portico\`'s RouterOS console; what RouterOS itself does not have
is marked as an extension.

## When something is wrong

A file that does not parse, or a value that is out of range, is reported with file, line and what was expected:

\`\`\`
/etc/config/portico:12: option dst_port '70000': expected a port 1..65535 or a range such as 5000-5010
\`\`\`

The configuration that was in force before stays in force; at the start, when there was none, every service is off.
An option or section that Portico does not know is reported and ignored.

An interface is refused as internal, whatever the file says, when it carries a default route (IPv4 or IPv6) or is an
external interface too: serving clients there would let strangers open ports.

There is one active external interface for IPv4, and one by which IPv6 reaches the world: mostly the same, another one
behind a tunnel (6in4, 6rd) or where the provider brings both apart. Without interfaces of yours Portico finds both: the
networks of the masqueraded zones, and the network with the default route of IPv6. If you name external interfaces
yourself, name both (\`wan\` and \`wan6\`); the second carries IPv6 pinholes and nothing else. \`portico status\` shows
the two lines \`external\` and \`IPv6\`.
`

function sectionText(id: SectionId): string {
  const section = sections[id]
  const heading = section.is === 'settings' ? `config portico '${id}'` : `config ${id}`
  const count = section.is === 'rows' ? `, up to ${section.most} times` : ', once'
  const isExtension = 'extension' in section
  const extension = isExtension ? ' (an extension: RouterOS has no such menu)' : ''
  const rows = Object.entries(optionsOf(id)).map(([name, option]) => row(name, option))
  return [
    `## \`${heading}\``,
    '',
    `${section.help}${later(section.since)}`,
    '',
    `In the console: ${section.menus.map(menu => `\`${menu}\``).join(', ')}${extension}. In the file${count}.`,
    '',
    '| option | console | value | default | example | meaning |',
    '|---|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n')
}

function row(name: string, option: Option<unknown>): string {
  const expected = option.kind.name === 'flag' ? 'yes or no' : option.kind.expected
  const value = `${option.isList ? 'a list: ' : ''}${expected}`
  const console = `\`${option.routeros}\`${option.extension === true ? ' (extension)' : ''}`
  const cells = [`\`${name}\``, console, value, defaultText(option), `\`${option.example}\``]
  return `| ${[...cells, `${option.help}${later(option.since)}`].map(cell => cell.replaceAll('|', '\\|')).join(' | ')} |`
}

function defaultText(option: Option<unknown>): string {
  if (option.need === 'required') return 'must be set'
  if (option.default === undefined) return 'not set'
  const values = option.isList ? (option.default as readonly unknown[]) : [option.default]
  return values.map(value => `\`${option.kind.print(value) || "''"}\``).join(', ')
}

const later = (since: string): string => (isInForce(since) ? '' : ` *From version ${since} on; accepted before.*`)
