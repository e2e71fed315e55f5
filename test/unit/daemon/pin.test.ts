import { describe, expect, test } from 'vitest'
import type { Ip, Port } from '../../../src/base/ip.ts'
import { utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import { load } from '../../../src/config/load.ts'
import { pinTo } from '../../../src/daemon/pin.ts'
import { SystemError } from '../../../src/platform/platform.ts'
import { mapping } from '../../support/control-world.ts'

const PATH = '/etc/config/portico'
const game = mapping({ port: 8080, to: 80, via: 'upnp' })

/** A file, as it was and as it is. */
class Flash {
  bytes: Uint8Array | undefined
  isFull = false
  constructor(text: string | undefined) {
    this.bytes = text === undefined ? undefined : utf8Encode(text)
  }
  readFile(): Uint8Array | undefined {
    return this.bytes
  }
  writeFile(_path: string, bytes: Uint8Array): void {
    if (this.isFull) throw new SystemError('writing', 'ENOSPC')
    this.bytes = bytes
  }
  get text(): string {
    return utf8Decode(this.bytes ?? new Uint8Array(0))
  }
}

const OWN = "# mine\nconfig portico 'nat_pmp'\n\toption   enabled 1 # on\n"

describe('pinTo()', () => {
  test('appends a section and leaves every other byte', () => {
    const flash = new Flash(OWN)
    expect(pinTo(flash, PATH, game, "it's mine")).toEqual({ ok: true, section: 'pinned_tcp_8080' })
    expect(flash.text).toBe(`${OWN}
config mapping 'pinned_tcp_8080'
	option protocol 'tcp'
	option external_port '8080'
	option internal_address '192.168.88.10'
	option internal_port '80'
	option comment 'it'\\''s mine'
`)
    const { config } = load({ portico: flash.bytes }, { portico: PATH, network: '', firewall: '' })
    expect(config?.mappings).toMatchObject([{ protocol: 'tcp', external_port: 8080, comment: "it's mine" }])
  })

  test.each([
    ['a last line without its end', "config portico 'nat_pmp'\n\toption enabled 1"],
    ['an empty file', ''],
    ['no file', undefined],
    ['line ends of another system', "config portico 'nat_pmp'\r\n\toption enabled '1'\r\n"],
  ])('%s', (_name, text) => {
    const flash = new Flash(text)
    expect(pinTo(flash, PATH, game, '')).toMatchObject({ ok: true })
    expect(flash.text.startsWith(text ?? '')).toBe(true)
    const { config, problems } = load({ portico: flash.bytes }, { portico: PATH, network: '', firewall: '' })
    expect(problems).toEqual([])
    expect(config?.mappings).toHaveLength(1)
  })

  test('a name that is taken gets a number', () => {
    const before =
      "config mapping 'pinned_tcp_8080'\n\toption protocol udp\n\toption external_port 1\n\toption internal_address 192.168.88.5\n"
    const flash = new Flash(before)
    expect(pinTo(flash, PATH, game, '')).toEqual({ ok: true, section: 'pinned_tcp_8080_2' })
  })

  test.each([
    ['of the owner', mapping({ port: 1, via: 'operator' }), 'static'],
    ['that is a pinhole', { ...game, pinhole: 3 }, 'pinhole'],
    ['for one remote host', { ...game, remote: { ip: '1.2.3.4' as Ip, port: 'any' as const } }, 'remote'],
    ['for one remote port', { ...game, remote: { ip: 'any' as const, port: 5 as Port } }, 'remote'],
  ])('one %s cannot be', (_name, which, why) => {
    const flash = new Flash(OWN)
    expect(pinTo(flash, PATH, which, '')).toMatchObject({ ok: false, why })
    expect(flash.text).toBe(OWN)
  })

  test.each([
    ['does not parse', "config portico 'nat_pmp\n"],
    ['has an option that cannot be', "config portico 'nat_pmp'\n\toption enabled maybe\n"],
    [
      'has the port already, not yet loaded',
      'config mapping\n\toption protocol tcp\n\toption external_port 8080\n\toption internal_address 192.168.88.7\n',
    ],
  ])('a file that %s is left alone', (_name, text) => {
    const flash = new Flash(text)
    expect(pinTo(flash, PATH, game, '')).toMatchObject({ ok: false, why: 'broken' })
    expect(flash.text).toBe(text)
  })

  test('a full overlay is said, and the file is as it was', () => {
    const flash = new Flash(OWN)
    flash.isFull = true
    const pinned = pinTo(flash, PATH, game, '')
    expect(pinned).toMatchObject({ ok: false, why: 'write' })
    expect(JSON.stringify(pinned)).toContain('ENOSPC')
    expect(flash.text).toBe(OWN)
  })
})
