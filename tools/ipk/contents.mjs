/** What is in the two packages: files and where they go on the router, control fields, scripts. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { DEFAULT_SCRIPTS } from './ipk.mjs'
import { poToLmo } from './lmo.mjs'

const ROOT = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '')
const RELEASE = 'r1'

const VERSION = `${JSON.parse(read('package.json')).version}-${RELEASE}`

const COMMON = {
  Version: VERSION,
  License: 'Apache-2.0',
  Maintainer: 'The Portico project',
}

/** Beside the default image: kmod-nf-conntrack-netlink, so that a removed mapping's flows end. */
const DEPENDS = ['kmod-nft-core', 'kmod-nft-nat', 'kmod-nf-conntrack-netlink']
/** All of them serve the same ports. */
const CONFLICTS = ['miniupnpd', 'miniupnpd-nftables', 'miniupnpd-iptables']

/** @param {{ arch: string, program: Buffer, mtime: number }} of */
export function porticoPackage({ arch, program, mtime }) {
  const own = (name, path, mode) => ({ name: `.${path}`, mode, bytes: readBytes(`openwrt/portico/files/${name}`) })
  return {
    control: {
      Package: 'portico',
      Version: VERSION,
      Depends: DEPENDS.join(', '),
      Conflicts: CONFLICTS.join(', '),
      Source: 'openwrt/portico',
      SourceName: 'portico',
      License: COMMON.License,
      LicenseFiles: 'LICENSE',
      Section: 'net',
      Maintainer: COMMON.Maintainer,
      Architecture: arch,
      Description: 'Automatic port mapping: NAT-PMP and UPnP IGD, with rules that the owner sets. Off as shipped.',
    },
    scripts: { ...DEFAULT_SCRIPTS, 'prerm-pkg': read('openwrt/portico/files/portico.prerm') },
    conffiles: ['/etc/config/portico'],
    files: [
      { name: './usr/bin/portico', mode: 0o755, bytes: program },
      own('portico.init', '/etc/init.d/portico', 0o755),
      own('portico.config', '/etc/config/portico', 0o600),
      own('portico.defaults', '/etc/uci-defaults/60-portico', 0o644),
      own('portico.hotplug', '/etc/hotplug.d/iface/95-portico', 0o644),
      own('portico.capabilities.json', '/etc/capabilities/portico.json', 0o644),
      own('portico.keep', '/lib/upgrade/keep.d/portico', 0o644),
      { name: './usr/share/portico/NOTICE', mode: 0o644, bytes: readBytes('openwrt/portico/files/NOTICE') },
    ],
    mtime,
  }
}

const APP = 'openwrt/luci-app-portico'
/** Where LuCI's build puts the folders of an app. */
const PLACES = { htdocs: './www', root: '.' }

/** @param {{ mtime: number }} of */
export function luciPackage({ mtime }) {
  const files = Object.entries(PLACES).flatMap(([folder, place]) =>
    filesBelow(`${APP}/${folder}`).map(path => ({
      name: `${place}/${path}`,
      mode: /^(etc\/init\.d|usr\/(s?bin|libexec))\//.test(path) ? 0o755 : 0o644,
      bytes: readBytes(`${APP}/${folder}/${path}`),
    })),
  )
  return {
    control: {
      Package: 'luci-app-portico',
      Version: VERSION,
      Depends: 'luci-base, portico',
      Source: APP,
      SourceName: 'luci-app-portico',
      License: COMMON.License,
      Section: 'luci',
      Maintainer: COMMON.Maintainer,
      Architecture: 'all',
      Description: 'LuCI pages for Portico: who has which port open, who may, and why not.',
    },
    scripts: { ...DEFAULT_SCRIPTS, 'postinst-pkg': LUCI_POSTINST },
    conffiles: [],
    files: [...files, ...translations()],
    mtime,
  }
}

/** As LuCI's build does for every app: menus are read again, and rpcd learns the rights. */
const LUCI_POSTINST = `[ -n "\${IPKG_INSTROOT}" ] || {
	rm -f /tmp/luci-indexcache.*
	rm -rf /tmp/luci-modulecache/
	/etc/init.d/rpcd reload
	exit 0
}
`

/** `po/zh_Hans/portico.po` becomes `portico.zh-cn.lmo`: LuCI's own names for some languages. */
const LANGUAGES = { zh_Hans: 'zh-cn', zh_Hant: 'zh-tw', pt_BR: 'pt-br', nb_NO: 'no', bn_BD: 'bn' }

/**
 * The SDK makes a package of its own for each language. Here they are part of the app, since one file is easier to
 * install than three.
 */
function translations() {
  return filesBelow(`${APP}/po`).flatMap(path => {
    const [language, file] = path.split('/')
    if (language === 'templates' || file === undefined || !file.endsWith('.po')) return []
    const bytes = poToLmo(read(`${APP}/po/${path}`))
    if (bytes === undefined) return []
    const name = `${file.slice(0, -'.po'.length)}.${LANGUAGES[language] ?? language}.lmo`
    return [{ name: `./usr/lib/lua/luci/i18n/${name}`, mode: 0o644, bytes }]
  })
}

/** Paths relative to the folder, sorted; none where there is no such folder. */
function filesBelow(folder) {
  if (!existsSync(`${ROOT}/${folder}`)) return []
  return readdirSync(`${ROOT}/${folder}`, { withFileTypes: true, recursive: true })
    .filter(entry => entry.isFile())
    .map(entry => `${entry.parentPath ?? entry.path}/${entry.name}`.slice(`${ROOT}/${folder}/`.length))
    .sort()
}

function readBytes(path) {
  return readFileSync(`${ROOT}/${path}`)
}

function read(path) {
  return readFileSync(`${ROOT}/${path}`, 'utf8')
}
