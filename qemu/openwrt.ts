/**
 * An OpenWrt image that somebody gives us, to be driven by its console alone:
 *
 *     OPENWRT_IMAGE     x86/64 combined image (ext4 or squashfs, .img or .img.gz), which boots by its own boot loader;
 *                       or, with a kernel beside it, a root file system (ext4 or squashfs)
 *     OPENWRT_KERNEL    the kernel of such a pair; OPENWRT_INITRD where that kernel needs one
 *     OPENWRT_MACHINE   x86_64 if absent (aarch64 for armsr/armv8, armhf for armsr/armv7)
 *     OPENWRT_PACKAGES  a directory of .ipk (or .apk) files that are installed first: what ours depends on and the image
 *                       does not have, since the emulated router reaches no feed
 *     OPENWRT_PASSWORD  of root, if the image asks for one
 */
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { basename, join } from 'node:path'
import { root } from '../test/support/root.ts'
import type { GivenImage, Image } from './image.ts'
import { MACHINES, type Machine } from './machines.ts'

/** Name of the image in results and figures. */
export const GIVEN = 'openwrt'

const DIRECTORY = join(root, 'build/qemu/openwrt')

/** Unpacks what OPENWRT_IMAGE names. */
export function givenImage(): Image {
  const environment = process.env
  const file = environment['OPENWRT_IMAGE']
  if (!file) throw new Error('OPENWRT_IMAGE names no file')
  const machine = (environment['OPENWRT_MACHINE'] ?? 'x86_64') as Machine
  if (!(machine in MACHINES)) throw new Error(`OPENWRT_MACHINE is one of ${Object.keys(MACHINES).join(', ')}`)
  rmSync(DIRECTORY, { recursive: true, force: true })
  mkdirSync(DIRECTORY, { recursive: true })
  const disk = join(DIRECTORY, 'given.img')
  unpack(file, disk)
  const given: GivenImage = {
    disk,
    ...optional('kernel', environment['OPENWRT_KERNEL']),
    ...optional('initrd', environment['OPENWRT_INITRD']),
    password: environment['OPENWRT_PASSWORD'] ?? '',
  }
  if (given.kernel === undefined && !hasBootLoader(disk)) {
    throw new Error(`${file} has no boot loader in its first sector: give its kernel too (OPENWRT_KERNEL)`)
  }
  const facts = { machine, release: basename(file), kernel: 'its own', memory: Number(environment['MEMORY'] ?? 256) }
  return { name: GIVEN, facts, directory: DIRECTORY, given }
}

/** Gunzips it if need be. OpenWrt appends a description to the compressed part: gzip warns of it with status 2. */
function unpack(file: string, to: string): void {
  if (firstBytes(file, 2).equals(Buffer.from([0x1f, 0x8b]))) {
    execFileSync('sh', ['-c', 'gzip -dcq <"$1" >"$2" || [ $? = 2 ]', 'sh', file, to], {
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  } else {
    copyFileSync(file, to)
  }
  // Whole sectors, as QEMU wants a disk.
  truncateSync(to, Math.ceil(statSync(to).size / 512) * 512)
}

/** The signature of a master boot record, and code before it. */
function hasBootLoader(disk: string): boolean {
  const sector = firstBytes(disk, 512)
  return sector.length === 512 && sector.readUInt16LE(510) === 0xaa55 && sector.subarray(0, 64).some(byte => byte !== 0)
}

function firstBytes(file: string, count: number): Buffer {
  const bytes = Buffer.alloc(count)
  const handle = openSync(file, 'r')
  try {
    return bytes.subarray(0, readSync(handle, bytes, 0, count, 0))
  } finally {
    closeSync(handle)
  }
}

/** A disk of its own, an archive from its first byte on: it needs no network and nothing of the image but tar. */
export function handOver(work: string): string {
  const packages = process.env['OPENWRT_PACKAGES']
  mkdirSync(join(work, 'share/packages'), { recursive: true })
  for (const name of packages === undefined ? [] : readdirSync(packages)) {
    if (/\.(ipk|apk)$/.test(name)) copyFileSync(join(packages as string, name), join(work, 'share/packages', name))
  }
  writeFileSync(join(work, 'share/prepare'), PREPARE)
  writeFileSync(join(work, 'share/opkg'), OPKG, { mode: 0o755 })
  copyFileSync(join(root, 'qemu/rootfs/bin/opkg'), join(work, 'share/opkg-double'))
  const archive = join(work, 'share.tar')
  execFileSync('tar', ['--owner=0', '--group=0', '-C', work, '-cf', archive, 'share'])
  return archive
}

/** Run once in the router as it came: the addresses of our lab, and what our package depends on. */
export const TAKE_OVER = 'cd / && tar -xf /dev/vdb && sh /share/prepare'

const PREPARE = `set -e
uci -q batch <<'END'
set network.lan.ipaddr=192.168.88.1
set network.lan.netmask=255.255.255.0
set network.wan=interface
set network.wan.device=eth1
set network.wan.proto=static
set network.wan.ipaddr=11.22.33.44
set network.wan.netmask=255.255.255.0
set network.wan.gateway=11.22.33.1
commit network
END
uci -q delete network.wan6 && uci commit network
if command -v opkg >/dev/null; then
  for each in /share/packages/*.ipk; do [ -f "$each" ] && all="$all $each"; done
  [ -z "$all" ] || opkg install $all
else
  for each in /share/packages/*.apk; do
    case $each in */portico[-_]*) ;; *) [ -f "$each" ] && all="$all $each" ;; esac
  done
  [ -z "$all" ] || apk add --allow-untrusted $all
  mkdir -p /etc/opkg /usr/lib/opkg/info
  cp /share/opkg /usr/bin/opkg
  chmod 755 /share/opkg-double
  # What the double compares an architecture with.
  tar -xzOf /share/portico.ipk ./control.tar.gz | tar -xzO ./control | sed -n 's/^Architecture: \\(.*\\)/arch \\1 10/p' >/etc/opkg/arch
fi
sync
`

/** For images with apk: a package of ours that the SDK has made is added by apk, an .ipk by our double of opkg. */
const OPKG = `#!/bin/sh
sdk=$(ls /share/packages/portico[-_]*.apk 2>/dev/null | head -n 1)
case $1 in
  install) [ -z "$sdk" ] || exec apk add --allow-untrusted "$sdk" ;;
  remove) [ -z "$sdk" ] || exec apk del "$2" ;;
esac
exec sh /share/opkg-double "$@"
`

const optional = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as Partial<Record<K, string>>
