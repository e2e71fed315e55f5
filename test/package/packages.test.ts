/** The bytes of the packages, against what OpenWrt's ipkg-build makes and opkg reads; GNU tar is the second opinion. */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { afterAll, describe, expect, test } from 'vitest'
// @ts-expect-error: a tool without types
import { luciPackage, porticoPackage } from '../../tools/ipk/contents.mjs'
// @ts-expect-error: a tool without types
import { readIpk, writeIpk } from '../../tools/ipk/ipk.mjs'
// @ts-expect-error: a tool without types
import { parsePo, poToLmo, superFastHash } from '../../tools/ipk/lmo.mjs'
// @ts-expect-error: a tool without types
import { withFolders, writeTar } from '../../tools/ipk/tar.mjs'
import { root } from '../support/root.ts'

interface Head {
  readonly name: string
  readonly mode: number
  readonly mtime: number
  readonly uid: number
  readonly gid: number
  readonly owner: string
  readonly magic: string
  readonly bytes?: Buffer
}

const MTIME = 1_795_000_000
const program = readFileSync(join(root, 'build/package/x86_64/porticod'))
const packed = {
  portico: (): Buffer => writeIpk(porticoPackage({ arch: 'x86_64', program, mtime: MTIME })),
  luci: (): Buffer => writeIpk(luciPackage({ mtime: MTIME })),
}
const scratch = mkdtempSync(join(tmpdir(), 'portico-ipk-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** Of CONTROL in openwrt/openwrt include/package-pack.mk, and the description that follows it. */
const PACK_ORDER = [
  ...['Package', 'Version', 'Depends', 'Conflicts', 'Provides', 'Alternatives', 'Source', 'SourceName', 'License'],
  ...['LicenseFiles', 'Section', 'Require-User', 'SourceDateEpoch', 'URL', 'ABIVersion', 'CPE-ID', 'Status'],
  ...['Essential', 'Maintainer', 'Architecture', 'Installed-Size', 'Description'],
]
const names = (members: readonly Head[]) => members.map(({ name }) => name)
const textOf = (members: readonly Head[], name: string) => members.find(each => each.name === name)?.bytes?.toString()

describe.each(['portico', 'luci'] as const)('%s: the container', name => {
  const bytes = packed[name]()
  const { outer, data, control } = readIpk(bytes) as Record<'outer' | 'data' | 'control', readonly Head[]>

  test('is the same for the same input', () => {
    expect(packed[name]().equals(bytes)).toBe(true)
  })

  test('is gzip without a name and a time', () => {
    expect([...bytes.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
    const inner = outer[1]?.bytes as Buffer
    expect([...inner.subarray(0, 8)]).toEqual([0x1f, 0x8b, 8, 0, 0, 0, 0, 0])
  })

  test('holds three members in the order that opkg reads them', () => {
    expect(names(outer)).toEqual(['./debian-binary', './data.tar.gz', './control.tar.gz'])
    expect(textOf(outer, './debian-binary')).toBe('2.0\n')
  })

  test('belongs to root by number, and every member has the one time and a sensible mode', () => {
    for (const head of [...outer, ...data, ...control]) {
      expect(head).toMatchObject({ uid: 0, gid: 0, owner: '', mtime: MTIME, magic: 'ustar  \0' })
      expect([0o644, 0o755, 0o600]).toContain(head.mode)
      expect(head.name.startsWith('./')).toBe(true)
    }
  })

  test('is what GNU tar makes of the same files', () => {
    for (const [part, members] of Object.entries({ data, control })) {
      const folder = join(scratch, `${name}-${part}`)
      for (const { name: path, bytes: content, mode } of members) {
        if (content === undefined) mkdirSync(join(folder, path), { recursive: true, mode })
        else writeFileSync(join(folder, path), content, { mode })
      }
      const options = ['--format=gnu', '--numeric-owner', '--owner=0', '--group=0', '--sort=name', `--mtime=@${MTIME}`]
      const theirs = execFileSync('tar', [...options, '-cf', '-', '.'], { cwd: folder, maxBuffer: 1 << 26 })
      const ours = gunzipSync(outer.find(each => each.name === `./${part}.tar.gz`)?.bytes as Buffer)
      expect(ours.equals(theirs)).toBe(true)
    }
  })

  test('tells what a package must tell', () => {
    const text = textOf(control, './control') ?? ''
    const fields = new Map(text.split('\n').map(line => line.split(/:\s+/, 2) as [string, string]))
    expect(fields.get('Version')).toMatch(/^[0-9]+\.[0-9]+\.[0-9]+-r[0-9]+$/)
    expect(fields.get('SourceDateEpoch')).toBe(String(MTIME))
    const archive = gunzipSync(outer.find(each => each.name === './data.tar.gz')?.bytes as Buffer)
    expect(fields.get('Installed-Size')).toBe(String(archive.length))
    const order = [...fields.keys()].filter(key => key !== '')
    expect(order).toEqual(PACK_ORDER.filter(key => fields.has(key)))
    expect(text).toMatch(/\nDescription: {2}.+\n$/)
  })

  test('has scripts that busybox takes, as the build system writes them', () => {
    for (const { name: path, bytes: content, mode } of control) {
      if (!/post|pre/.test(path)) continue
      expect(mode).toBe(0o755)
      const file = join(scratch, 'script')
      writeFileSync(file, content as Buffer)
      execFileSync('busybox', ['ash', '-n', file])
    }
    expect(textOf(control, './postinst')).toContain('default_postinst $0 $@\n')
    expect(textOf(control, './prerm')).toContain('default_prerm $0 $@\n')
  })
})

describe('portico', () => {
  const { data, control } = readIpk(packed.portico()) as Record<'data' | 'control', readonly Head[]>

  test('installs these files', () => {
    expect(data.filter(({ bytes }) => bytes !== undefined).map(({ name, mode }) => [name, mode.toString(8)])).toEqual([
      ['./etc/capabilities/portico.json', '644'],
      ['./etc/config/portico', '600'],
      ['./etc/hotplug.d/iface/95-portico', '644'],
      ['./etc/init.d/portico', '755'],
      ['./etc/uci-defaults/60-portico', '644'],
      ['./lib/upgrade/keep.d/portico', '644'],
      ['./usr/bin/portico', '755'],
      ['./usr/share/portico/NOTICE', '644'],
    ])
  })

  test('needs conntrack’s netlink, and does not go with miniupnpd', () => {
    const text = textOf(control, './control')
    expect(text).toContain('Depends: kmod-nft-core, kmod-nft-nat, kmod-nf-conntrack-netlink\n')
    expect(text).toContain('Conflicts: miniupnpd, miniupnpd-nftables, miniupnpd-iptables\n')
    expect(text).toContain('Architecture: x86_64\n')
  })

  test('leaves the configuration to its owner, and is off as shipped', () => {
    expect(textOf(control, './conffiles')).toBe('/etc/config/portico\n')
    const shipped = textOf(data, './etc/config/portico') ?? ''
    expect(shipped.match(/option enabled '0'/g)).toHaveLength(2)
    expect(shipped).not.toMatch(/^\s*option enabled '1'/m)
  })

  test('asks for three capabilities and no more', () => {
    const asked = JSON.parse(textOf(data, './etc/capabilities/portico.json') ?? '') as Record<string, string[]>
    expect(Object.keys(asked).sort()).toEqual(['ambient', 'bounding', 'effective', 'inheritable', 'permitted'])
    for (const list of Object.values(asked)) {
      expect(list).toEqual(['CAP_NET_ADMIN', 'CAP_NET_RAW', 'CAP_NET_BIND_SERVICE'])
    }
  })

  test('has scripts that busybox takes', () => {
    for (const name of ['./etc/init.d/portico', './etc/uci-defaults/60-portico', './etc/hotplug.d/iface/95-portico']) {
      const file = join(scratch, 'script')
      writeFileSync(file, textOf(data, name) ?? '')
      execFileSync('busybox', ['ash', '-n', file])
    }
  })

  test('is small: DESIGN §9', () => {
    expect(packed.portico().length).toBeLessThan(700 * 1024)
  })
})

describe('tar', () => {
  test('folders come before what is in them, siblings by name', () => {
    const file = (name: string) => ({ name, mode: 0o644, bytes: Buffer.alloc(0) })
    const members = withFolders([file('./b/z'), file('./a.b'), file('./a/c'), file('./b/a/q')]) as readonly Head[]
    expect(names(members)).toEqual(['./', './a/', './a/c', './a.b', './b/', './b/a/', './b/a/q', './b/z'])
  })

  test('a name that needs an extension is refused, not cut', () => {
    expect(() => writeTar([{ name: `./${'x'.repeat(100)}`, mode: 0o644, bytes: Buffer.alloc(0) }], 0)).toThrow(
      '100 bytes',
    )
  })
})

describe('translations', () => {
  // By the algorithm's C code, with signed characters, as LuCI compiles it.
  test.each([
    ['', 0],
    ['a', 291415938],
    ['ab', 1366002500],
    ['abc', 3535673738],
    ['Name', 3615872654],
    ['Journal', 2996797514],
    ['Öffnen', 476954237],
    ['Geräteü', 3558949925],
    ['Service → x', 269417825],
  ])('hash of %j', (text, expected) => {
    expect(superFastHash(Buffer.from(text))).toBe(expected)
  })

  const PO = [
    'msgid ""',
    'msgstr ""',
    '"Content-Type: text/plain; charset=UTF-8\\n"',
    '"Plural-Forms: nplurals=2; plural=n != 1;\\n"',
    '',
    '#: view.js:3',
    'msgid "Journal"',
    'msgstr "Tagebuch"',
    '',
    'msgid "say \\"hello\\" "',
    '"twice"',
    'msgstr "„Hallo“"',
    '',
    'msgctxt "menu"',
    'msgid "Open"',
    'msgstr "Öffnen"',
    '',
    'msgid "%d host"',
    'msgid_plural "%d hosts"',
    'msgstr[0] "%d Gerät"',
    'msgstr[1] "%d Geräte"',
    '',
    'msgid "untranslated"',
    'msgstr ""',
    '',
    'msgid "same"',
    'msgstr "same"',
    '',
  ].join('\n')

  test('a .po file is read', () => {
    expect((parsePo(PO) as readonly object[]).slice(1, 5)).toEqual([
      { id: 'Journal', values: ['Tagebuch'] },
      { id: 'say "hello" twice', values: ['„Hallo“'] },
      { context: 'menu', id: 'Open', values: ['Öffnen'] },
      { id: '%d host', plural: '%d hosts', values: ['%d Gerät', '%d Geräte'] },
    ])
  })

  test('an .lmo file is texts, a sorted index and its offset', () => {
    const lmo = poToLmo(PO) as Buffer
    const start = lmo.readUInt32BE(lmo.length - 4)
    const entries = []
    for (let at = start; at < lmo.length - 4; at += 16) {
      const [key, forms, offset, length] = [0, 4, 8, 12].map(part => lmo.readUInt32BE(at + part)) as [
        number,
        number,
        number,
        number,
      ]
      entries.push({ key, forms, text: lmo.toString('utf8', offset, offset + length) })
    }
    const key = (text: string) => superFastHash(Buffer.from(text)) as number
    const expected = [
      { key: 0, forms: 0, text: 'nplurals=2; plural=n != 1;' },
      { key: key('Journal'), forms: 1, text: 'Tagebuch' },
      { key: key('say "hello" twice'), forms: 1, text: '„Hallo“' },
      { key: key('menu\x01Open'), forms: 1, text: 'Öffnen' },
      { key: key('%d host\x020'), forms: 2, text: '%d Gerät' },
      { key: key('%d host\x021'), forms: 2, text: '%d Geräte' },
    ]
    expect(entries).toEqual(expected.sort((a, b) => a.key - b.key))
    expect(start % 4).toBe(0)
  })

  test('nothing translated is no file', () => {
    expect(poToLmo('msgid "a"\nmsgstr ""\n')).toBeUndefined()
  })
})
