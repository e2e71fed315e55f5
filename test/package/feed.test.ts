/**
 * The feed's Makefiles, parsed and carried out by small doubles of OpenWrt's rules.mk and package.mk with this machine's
 * compiler (test/package/sdk). The SDK itself did not run here.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { root } from '../support/root.ts'

const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
const scratch = mkdtempSync(join(tmpdir(), 'portico-feed-'))
afterAll(() => rmSync(scratch, { recursive: true }))

/** Twice, one right after the other: what it is made of may be worked on meanwhile. */
const [feed, again] = ['feed', 'again'].map(folder => {
  const path = join(scratch, folder)
  execFileSync('tools/feed.sh', [path], { cwd: root })
  return path
}) as [string, string]

function make(words: readonly string[], variant: string, out = 'out', makefiles = feed): string {
  const variables = [
    `TOPDIR=${join(root, 'test/package/sdk')}`,
    `BUILD_DIR=${join(scratch, 'build')}`,
    `OUT=${join(scratch, out)}`,
    `BUILD_VARIANT=${variant}`,
  ]
  // What a make above us has set would change what this one prints.
  const environment = { ...process.env, MAKEFLAGS: '', MAKELEVEL: '', MFLAGS: '' }
  const options = { cwd: join(makefiles, 'portico'), encoding: 'utf8', env: environment, stdio: 'pipe' } as const
  return execFileSync('make', ['-s', ...words, ...variables], options)
}

const filesBelow = (folder: string): readonly string[] =>
  readdirSync(join(scratch, folder), { recursive: true, encoding: 'utf8' })
    .filter(path => statSync(join(scratch, folder, path)).isFile())
    .sort()

const COMMON = [
  'etc/capabilities/portico.json',
  'etc/config/portico',
  'etc/hotplug.d/iface/95-portico',
  'etc/init.d/portico',
  'etc/uci-defaults/60-portico',
  'lib/upgrade/keep.d/portico',
  'usr/bin/portico',
]

describe('openwrt/portico/Makefile', () => {
  test('has two variants that need the same kernel modules and do not go with miniupnpd', () => {
    const kernel = '+kmod-nft-core +kmod-nft-nat +kmod-nf-conntrack-netlink'
    const peers = 'miniupnpd-nftables miniupnpd-iptables'
    const lines = make(['metadata'], 'own').split('\n')
    expect(lines[0]).toBe(
      `portico|own|${kernel} +libatomic|${peers}||Automatic port mapping (NAT-PMP, UPnP IGD) with its own engine`,
    )
    expect(lines[2]).toBe(
      `portico-quickjs|quickjs|${kernel} +quickjs|${peers} portico|portico|Automatic port mapping (NAT-PMP, UPnP IGD) on the stock quickjs`,
    )
    expect([lines[1], lines[3]]).toEqual(['/etc/config/portico', '/etc/config/portico'])
  })

  test('removes as the packages of `make ipk` do', () => {
    const prerm = readFileSync(join(root, 'openwrt/portico/files/portico.prerm'), 'utf8')
    expect(`${make(['prerm-portico'], 'own')}`).toBe(prerm)
    expect(`${make(['prerm-portico-quickjs'], 'quickjs')}`).toBe(prerm)
  })

  test('both Makefiles have the version of the project', () => {
    for (const name of ['portico', 'luci-app-portico']) {
      expect(readFileSync(join(root, 'openwrt', name, 'Makefile'), 'utf8')).toContain(`PKG_VERSION:=${version}\n`)
    }
  })

  test('builds the variant on the stock engine', () => {
    make(['compile'], 'quickjs', 'stock')
    const module = ['usr/lib/portico/portico.mjs', 'usr/lib/portico/sys.so']
    expect(filesBelow('stock')).toEqual([...COMMON, ...module, 'usr/share/portico/NOTICE'].sort())
    const bundle = join(scratch, 'stock/usr/lib/portico/portico.mjs')
    const help = execFileSync(join(root, 'build/host/qjs'), ['--strip-source', '-m', bundle, 'help', '--help'])
    expect(help.toString()).toContain('/ip upnp mappings print')
  }, 120_000)

  test('builds the variant with its own engine', () => {
    make(['compile'], 'own', 'own')
    expect(filesBelow('own')).toEqual([...COMMON, 'usr/share/portico/NOTICE'].sort())
    const help = execFileSync(join(scratch, 'own/usr/bin/portico'), ['--help'])
    expect(help.toString()).toContain('/ip upnp mappings print')
    const engine = readFileSync(join(feed, 'portico/src/quickjs/VERSION'), 'utf8').trim()
    expect(readFileSync(join(scratch, 'own/usr/bin/portico')).includes(engine)).toBe(true)
  }, 300_000)
})

describe('make feed', () => {
  test('is the same for the same input', () => {
    expect(execFileSync('diff', ['-r', feed, again]).toString()).toBe('')
  })

  test('has both packages, complete: no address, no hash, nothing to download', () => {
    expect(readdirSync(feed).sort()).toEqual(['luci-app-portico', 'portico'])
    for (const name of ['portico', 'luci-app-portico']) {
      const makefile = readFileSync(join(feed, name, 'Makefile'), 'utf8')
      expect(makefile).toBe(readFileSync(join(root, 'openwrt', name, 'Makefile'), 'utf8'))
      expect(makefile).not.toMatch(/PKG_(SOURCE|HASH|MIRROR|GIT)|skip|https?:/)
    }
    expect(readdirSync(join(feed, 'portico/src')).sort()).toEqual(
      ['LICENSE', 'NOTICE', 'compile.c', 'platform', 'portico.mjs', 'quickjs'].sort(),
    )
    expect(readFileSync(join(feed, 'portico/src/portico.mjs'))).toEqual(readFileSync(join(root, 'dist/portico.mjs')))
  })

  test('without it, the Makefile says what is missing', () => {
    let said = ''
    try {
      make(['compile'], 'quickjs', 'none', join(root, 'openwrt'))
    } catch (error) {
      said = (error as { stderr: string }).stderr
    }
    expect(said).toContain("src/ is not there: 'make feed' of the Portico project makes this feed")
  })
})
