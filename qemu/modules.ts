/** Which kernel modules a router needs, and in which order: read from the modules themselves, no foreign program is run. */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

/** What the kernel asks for by name at run time and no module names as a dependency comes first. */
const WANTED =
  `crc32c_generic virtio_pci virtio_blk virtio_net virtio_console virtio_ccw squashfs overlay ext4 nf_tables
  nft_chain_nat nft_nat nft_masq nft_redir nft_ct nft_counter nft_objref nft_limit nft_fib_inet nft_reject_inet nft_log
  nft_hash nft_numgen nft_socket nf_flow_table_inet nft_flow_offload nf_conntrack_netlink nf_log_syslog bridge 8021q
  veth dummy macvlan tun`.split(/\s+/)

export interface KernelModule {
  readonly name: string
  readonly content: Buffer
}

/** The modules in the order in which they load. A module that is not there is taken to be built in. */
export function modulesOf(directory: string): readonly KernelModule[] {
  const files = new Map(modulesBelow(directory).map(path => [nameOf(path), path]))
  const loaded = new Map<string, KernelModule>()
  const load = (name: string): void => {
    const path = files.get(plain(name))
    if (path === undefined || loaded.has(plain(name))) return
    const content = contentOf(path)
    // Marked before its dependencies, so that a circle of soft dependencies ends.
    loaded.set(plain(name), { name: plain(name), content })
    for (const needed of dependenciesOf(content)) load(needed)
    loaded.delete(plain(name))
    loaded.set(plain(name), { name: plain(name), content })
  }
  for (const name of WANTED) load(name)
  return [...loaded.values()]
}

function modulesBelow(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) return modulesBelow(path)
    return /\.ko(\.xz)?$/.test(entry.name) ? [path] : []
  })
}

const contentOf = (path: string): Buffer =>
  path.endsWith('.xz') ? execFileSync('xz', ['-dc', path], { maxBuffer: 1 << 26 }) : readFileSync(path)

/** `depends=a,b` and `softdep=pre: a b` of the section .modinfo, which is a row of strings that end in NUL. */
function dependenciesOf(content: Buffer): readonly string[] {
  const text = content.toString('latin1')
  const hard = [...text.matchAll(/\0depends=([^\0]*)\0/g)].flatMap(([, names]) => (names ?? '').split(','))
  const soft = [...text.matchAll(/\0softdep=pre: ([^\0]*)\0/g)].flatMap(([, names]) => (names ?? '').split(/\s+/))
  return [...soft, ...hard].filter(name => name !== '')
}

const plain = (name: string): string => name.replaceAll('-', '_')
const nameOf = (path: string): string => plain(basename(path).replace(/\.ko(\.xz)?$/, ''))
