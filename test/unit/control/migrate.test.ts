import { describe, expect, test } from 'vitest'
import { utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import type { MigratePlatform } from '../../../src/control/migrate.ts'
import { runMigrate } from '../../../src/control/migrate.ts'
import { SystemError } from '../../../src/platform/platform.ts'

const OLD =
  "config upnpd 'config'\n\toption enabled '1'\n\toption enable_upnp '0'\n\nconfig perm_rule\n\toption action 'deny'\n"
const SHIPPED =
  "# words\nconfig portico 'nat_pmp'\n\toption enabled '0'\n\nconfig portico 'upnp'\n\toption enabled '0'\n"

class Machine implements MigratePlatform {
  readonly files = new Map<string, string>([
    ['/uci/upnpd', OLD],
    ['/uci/portico', SHIPPED],
  ])
  isFull = false
  out = ''
  err = ''
  readFile(path: string): Uint8Array | undefined {
    const text = this.files.get(path)
    return text === undefined ? undefined : utf8Encode(text)
  }
  writeFile(path: string, bytes: Uint8Array): void {
    if (this.isFull) throw new SystemError(`writing ${path}`, 'ENOSPC')
    this.files.set(path, utf8Decode(bytes))
  }
  stdout(text: string): void {
    this.out += text
  }
  stderr(line: string): void {
    this.err += `${line}\n`
  }
}

function migrate(words: readonly string[], machine = new Machine()) {
  const exit = runMigrate(machine, words, '/uci')
  return { exit, out: machine.out, err: machine.err, portico: machine.files.get('/uci/portico'), machine }
}

describe('runMigrate()', () => {
  test('shows what it would write, and writes nothing', () => {
    const { exit, out, portico } = migrate(['upnpd'])
    expect(exit).toBe(0)
    expect(out).toContain("config permission\n\toption action 'deny'\n")
    expect(portico).toBe(SHIPPED)
  })

  test('writes, switched off, and says how to change over', () => {
    const { exit, out, portico, machine } = migrate(['upnpd', '--write'])
    expect(exit).toBe(0)
    expect(portico).toContain("config portico 'nat_pmp'\n\toption enabled '0'\n")
    expect(out).toContain(
      'nothing is switched on; miniupnpd had on: NAT-PMP. To change over: /etc/init.d/miniupnpd stop',
    )
    expect(machine.files.get('/uci/upnpd')).toBe(OLD)
  })

  test('switches on what miniupnpd had on, if it is asked to', () => {
    const { out, portico } = migrate(['upnpd', '--write', '--enable'])
    expect(portico).toContain("config portico 'nat_pmp'\n\toption enabled '1'\n")
    expect(portico).toContain("config portico 'upnp'\n\toption enabled '0'\n")
    expect(out).toContain('switched on: NAT-PMP')
  })

  test('writes where there is no file yet', () => {
    const machine = new Machine()
    machine.files.delete('/uci/portico')
    expect(migrate(['upnpd', '--write'], machine).portico).toContain('config permission')
  })

  test.each([
    ['a service that is on', SHIPPED.replace("'0'", "'1'")],
    ['a rule', `${SHIPPED}config permission\n\toption action 'deny'\n`],
    ['a limit', `${SHIPPED}config portico 'limits'\n\toption per_host '5'\n`],
    ['what cannot be read', "config portico 'nat_pmp"],
  ])('leaves a file alone that has %s', (_, text) => {
    const machine = new Machine()
    machine.files.set('/uci/portico', text)
    const { exit, err, portico } = migrate(['upnpd', '--write'], machine)
    expect([exit, portico]).toEqual([1, text])
    expect(err).toBe('/uci/portico has been edited already and is left as it is\n')
  })

  test('a full disk, no old file, a broken one: one line each', () => {
    const full = new Machine()
    full.isFull = true
    expect(migrate(['upnpd', '--write'], full)).toMatchObject({ exit: 1, out: '', portico: SHIPPED })
    expect(full.err).toMatch(/^\/uci\/portico cannot be written: .*ENOSPC\n$/)
    const none = new Machine()
    none.files.delete('/uci/upnpd')
    expect(migrate(['upnpd'], none)).toMatchObject({ exit: 1, err: 'there is no /uci/upnpd\n' })
    const broken = new Machine()
    broken.files.set('/uci/upnpd', 'nonsense')
    expect(migrate(['upnpd'], broken).err).toMatch(/^\/uci\/upnpd:1:1: .*\n$/)
  })

  test.each([[[]], [['miniupnpd']], [['upnpd', '--force']]])('%j is not understood', words => {
    expect(migrate(words)).toMatchObject({ exit: 2, err: 'usage: portico migrate upnpd [--write] [--enable]\n' })
  })
})
