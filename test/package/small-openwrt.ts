/**
 * A root directory with busybox as its shell, `nft`, and the doubles of OpenWrt's scripts that the emulated machines
 * use too (qemu/rootfs). A scenario is a shell script that runs inside, with a network, a process table and a mount
 * table of its own; all of it ends with the script.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
// @ts-expect-error: a tool without types
import { readIpk } from '../../tools/ipk/ipk.mjs'
import { run } from '../support/process.ts'
import { root } from '../support/root.ts'

interface Member {
  readonly name: string
  readonly mode: number
  readonly bytes?: Buffer
}

/** From the doubles: what init scripts and package scripts call. */
const DOUBLES = [
  'etc/rc.common',
  'lib/functions.sh',
  'lib/functions',
  'usr/libexec/supervise',
  'usr/share/libubox',
  'usr/share/fw4',
  'usr/share/fw4.awk',
  'sbin/uci',
  'sbin/fw4',
  'bin/ubus',
  'etc/init.d/firewall',
]

const NETWORK = `
config interface 'loopback'
	option device 'lo'
	option proto 'static'

config interface 'lan'
	option device 'lan0'
	option proto 'static'

config interface 'wan'
	option device 'wan0'
	option proto 'dhcp'

config interface 'guest'
	option device 'guest0'
	option proto 'static'
`

const FIREWALL = `
config defaults
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'lan'
	list network 'lan'
	option input 'ACCEPT'
	option output 'ACCEPT'
	option forward 'ACCEPT'

config zone
	option name 'guests'
	list network 'guest'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'REJECT'

config zone
	option name 'wan'
	list network 'wan'
	option input 'REJECT'
	option output 'ACCEPT'
	option forward 'DROP'
	option masq '1'
`

/** Runs before every scenario: devices, /proc, the log in /tmp/log. */
const PROLOGUE = `
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc
mount -t tmpfs tmpfs /tmp
mkdir -p /tmp/run /tmp/log /tmp/procd
syslogd -O /tmp/log/messages
for device in lan wan guest; do
  ip link add "$device"0 type veth peer name "$device"p
  ip link set "$device"0 up; ip link set "$device"p up
done
ip link set lo up
ip addr add 192.168.1.1/24 dev lan0
ip addr add 11.22.33.44/24 dev wan0
ip addr add 192.168.9.1/24 dev guest0
ip route add default via 11.22.33.1
# Waits up to 20 seconds for a command to succeed.
soon() { n=0; until "$@" >/dev/null 2>&1; do n=$((n + 1)); [ $n -lt 200 ] || return 1; usleep 100000; done; }
# The instances that procd runs have ended.
over() { ! ls -d /tmp/procd/*/instance-* >/dev/null 2>&1; }
# No process of ours is left: what its hooks start ends a moment later.
gone() { ! pidof portico >/dev/null; }
# The number that procd holds for the instance; pidof may see a child of it that has not become another program yet.
instance() { cat /tmp/procd/portico/instance-*/pid; }
# What Portico and procd have logged, without the time.
told() { sed -n 's/^.\\{15\\} [^ ]* //p' /tmp/log/messages | grep -E "^[a-z.]* *(portico|procd)" ; }
ready() { grep -q 'ready:' /tmp/log/messages; }
`

export class SmallOpenWrt {
  readonly directory = mkdtempSync(join(tmpdir(), 'portico-package-'))

  constructor() {
    for (const folder of [
      'proc',
      'tmp',
      'dev',
      'bin',
      'sbin',
      'etc/config',
      'etc/rc.d',
      'etc/init.d',
      'usr/lib/opkg/info',
      'lib/upgrade',
    ]) {
      mkdirSync(join(this.directory, folder), { recursive: true })
    }
    symlinkSync('tmp', join(this.directory, 'var'))
    for (const program of ['busybox', 'nft', 'ip', 'setpriv', 'conntrack', 'unshare', 'flock']) this.#program(program)
    for (const applet of execFileSync('busybox', ['--list'], { encoding: 'utf8' }).split('\n')) {
      const link = join(this.directory, 'bin', applet)
      if (applet !== '' && !existsSync(link)) symlinkSync('/bin/busybox', link)
    }
    execFileSync('mknod', [join(this.directory, 'dev/null'), 'c', '1', '3'])
    execFileSync('mknod', [join(this.directory, 'dev/urandom'), 'c', '1', '9'])
    for (const path of DOUBLES) cpSync(join(root, 'qemu/rootfs', path), join(this.directory, path), { recursive: true })
    this.write('etc/config/network', NETWORK)
    this.write('etc/config/firewall', FIREWALL)
    this.write('etc/passwd', 'root:x:0:0:root:/:/bin/sh\n')
  }

  write(path: string, text: string, mode = 0o644): void {
    mkdirSync(dirname(join(this.directory, path)), { recursive: true })
    writeFileSync(join(this.directory, path), text, { mode })
  }

  read(path: string): string {
    return readFileSync(join(this.directory, path), 'utf8')
  }

  /** The double of ujail; `old` is that of 22.03. */
  addUjail(old = false): void {
    this.write('sbin/ujail', readFileSync(join(root, 'test/package/ujail.sh'), 'utf8'), 0o755)
    if (old) this.write('etc/ujail-of-22.03', '')
  }

  has(path: string): boolean {
    return existsSync(join(this.directory, path))
  }

  /** Unpacks as opkg does, without running scripts: an edited file of the owner stays, the new one lies beside it. */
  unpack(ipk: Buffer): void {
    const { data, control } = readIpk(ipk) as { data: readonly Member[]; control: readonly Member[] }
    const text = (name: string) => control.find(member => member.name === name)?.bytes?.toString() ?? ''
    const name = /^Package: (.*)$/m.exec(text('./control'))?.[1] ?? ''
    const conffiles = text('./conffiles').split('\n')
    const list: string[] = []
    for (const member of data) {
      const path = member.name.slice(1)
      if (member.bytes === undefined) mkdirSync(join(this.directory, path), { recursive: true })
      else {
        const isOwners = conffiles.includes(path) && this.has(path)
        writeFileSync(join(this.directory, isOwners ? `${path}-opkg` : path), member.bytes, { mode: member.mode })
        list.push(path)
      }
    }
    this.write(`usr/lib/opkg/info/${name}.list`, list.map(path => `${path}\n`).join(''))
    for (const member of control) {
      if (member.bytes === undefined) continue
      const file = `usr/lib/opkg/info/${name}.${member.name.slice(2)}`
      this.write(file, member.bytes.toString(), member.mode)
    }
  }

  /** The script's standard output. */
  async run(script: string): Promise<string> {
    this.write('scenario', `${PROLOGUE}\n${script}\n`)
    const inside = ['unshare', '--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc=/proc']
    const command = [...inside, 'chroot', this.directory, '/bin/sh', '/scenario']
    const { stdout, stderr, status } = await run(command, { timeout: 50_000 })
    if (status === 124) throw new Error(`the scenario does not end:\n${stdout}${stderr}`)
    return stdout + stderr
  }

  remove(): void {
    rmSync(this.directory, { recursive: true })
  }

  /** A program of this machine with the libraries it needs. */
  #program(name: string): void {
    const path = execFileSync('which', [name], { encoding: 'utf8' }).trim()
    cpSync(path, join(this.directory, 'bin', name), { dereference: true })
    for (const [library] of execFileSync('ldd', [path], { encoding: 'utf8' }).matchAll(/\/\S+\.so\S*/g)) {
      const to = join(this.directory, library)
      mkdirSync(dirname(to), { recursive: true })
      if (!existsSync(to)) cpSync(library, to, { dereference: true })
    }
  }
}
