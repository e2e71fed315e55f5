/**
 * `portico migrate upnpd [--write] [--enable]`: miniupnpd's configuration as one of ours. Without `--write` the
 * configuration is shown and nothing is changed; with it, `/etc/config/portico` is replaced if it still is as shipped.
 * The services stay off unless `--enable` asks for those that miniupnpd had on. Needs no daemon.
 */
import { reasonOf } from '../base/fail.ts'
import { oneLine, utf8Encode } from '../base/text.ts'
import { defaultConfig } from '../config/config.ts'
import { firewallFile } from '../config/firewall-file.ts'
import { load } from '../config/load.ts'
import type { Migration } from '../config/upnpd.ts'
import { migrateUpnpd } from '../config/upnpd.ts'
import type { Platform } from '../platform/platform.ts'
import type { UciFile } from '../wire/uci.ts'
import { parseUci, UciError } from '../wire/uci.ts'

export type MigratePlatform = Pick<Platform, 'readFile' | 'writeFile' | 'stdout' | 'stderr'>

const USAGE = 'usage: portico migrate upnpd [--write] [--enable]'

/** `words` after `migrate`; `uci` is `/etc/config`. Exit status: 0 done, 1 refused, 2 not understood. */
export function runMigrate(platform: MigratePlatform, words: readonly string[], uci: string): number {
  const flags = words.slice(1)
  if (words[0] !== 'upnpd' || flags.some(flag => flag !== '--write' && flag !== '--enable')) {
    platform.stderr(USAGE)
    return 2
  }
  const old = read(platform, `${uci}/upnpd`)
  if (typeof old === 'string') return refuse(platform, old)
  const zones = read(platform, `${uci}/firewall`)
  const migration = migrateUpnpd(old, {
    firewall: typeof zones === 'string' ? undefined : firewallFile(zones),
    enable: flags.includes('--enable'),
  })
  const target = `${uci}/portico`
  const wrong = mistakeIn(migration, target)
  if (wrong !== undefined) return refuse(platform, wrong)
  if (!flags.includes('--write')) {
    platform.stdout(migration.config)
    for (const sentence of migration.report) platform.stderr(sentence)
    return 0
  }
  if (!isAsShipped(platform, target)) return refuse(platform, `${target} has been edited already and is left as it is`)
  try {
    platform.writeFile(target, utf8Encode(migration.config))
  } catch (error) {
    return refuse(platform, `${target} cannot be written: ${reasonOf(error)}`)
  }
  platform.stdout(reportText(migration, target, flags.includes('--enable')))
  return 0
}

function reportText({ report, services }: Migration, target: string, enabled: boolean): string {
  const on = services.map(service => (service === 'upnp' ? 'UPnP' : 'NAT-PMP')).join(' and ')
  const switches = enabled
    ? `switched on: ${on === '' ? 'nothing, as before' : on}`
    : on === ''
      ? 'nothing is switched on, as before'
      : `nothing is switched on; miniupnpd had on: ${on}. To change over: /etc/init.d/miniupnpd stop; /etc/init.d/miniupnpd disable; then set option enabled '1' and run /etc/init.d/portico reload`
  const lines = [`${target} was made from /etc/config/upnpd; ${switches}`, ...report]
  return lines.map(line => `${line}\n`).join('')
}

/** A sentence when there is nothing that can be read. */
function read(platform: MigratePlatform, path: string): UciFile | string {
  try {
    const bytes = platform.readFile(path)
    return bytes === undefined ? `there is no ${path}` : parseUci(bytes, path)
  } catch (error) {
    return error instanceof UciError ? error.message : `${path} cannot be read: ${reasonOf(error)}`
  }
}

/** The loader is the judge of what we made; no owner should see this. */
function mistakeIn({ config }: Migration, target: string): string | undefined {
  const names = { portico: target, network: '', firewall: '' }
  const { problems } = load({ portico: utf8Encode(config) }, names)
  const error = problems.find(({ weight }) => weight === 'error')
  return error && `cannot be carried over, nothing is written: ${error.message}`
}

/** No service on, no rows, and no setting other than what holds anyway. */
function isAsShipped(platform: MigratePlatform, target: string): boolean {
  let bytes: Uint8Array | undefined
  try {
    bytes = platform.readFile(target)
  } catch {
    return false
  }
  if (bytes === undefined) return true
  const { config } = load({ portico: bytes }, { portico: target, network: '', firewall: '' })
  return config !== undefined && JSON.stringify(config) === JSON.stringify(defaultConfig())
}

function refuse(platform: MigratePlatform, message: string): number {
  platform.stderr(oneLine(message, 500))
  return 1
}
