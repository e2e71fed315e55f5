/**
 * The addon `portico.node` (node-addon.c), which need not be there: `make node` builds it, and Node runs without it as
 * far as Node's packages go. It is looked for beside the bundle (another place: environment variable PORTICO_ADDON, a
 * path), when the first netlink socket is opened.
 */
import type { Shortfall } from './platform.ts'

/** For netlink sockets, by their descriptor. What the kernel refuses is thrown, with its name as `code`. */
export interface Addon {
  /** NETLINK_EXT_ACK */
  extendedAck(fd: number): void
  /** A classic BPF program, `struct sock_filter` after `struct sock_filter`; takes the place of one before. */
  filter(fd: number, program: Uint8Array): void
  /** Beyond net.core.rmem_max and wmem_max, where it is permitted. */
  forceBuffers(fd: number, receive: number, send: number): void
}

export type Found =
  | { readonly addon: Addon; readonly shortfall?: never }
  | { readonly addon?: never; readonly shortfall: Shortfall }

/** The functions of node-addon.c; they return 0 or a negative errno. */
interface Exports {
  extendedAck(fd: number): number
  filter(fd: number, program: Uint8Array): number
  forceBuffers(fd: number, receive: number, send: number): number
}

const FUNCTIONS: readonly (keyof Exports)[] = ['extendedAck', 'filter', 'forceBuffers']
const CONSEQUENCE =
  'so errors of the kernel come without its own words, and a connection that has ended counts with what it had when ' +
  'it was last looked at'

/** How the addon is got, each time the same; nothing is loaded before the first call. */
export async function addonFinder(named: string | undefined): Promise<() => Found> {
  const { existsSync } = await import('node:fs')
  const { fileURLToPath } = await import('node:url')
  const { getSystemErrorName } = await import('node:util')
  let found: Found | undefined
  return () => {
    found ??= find(named ?? fileURLToPath(new URL('portico.node', import.meta.url)))
    return found
  }

  function find(path: string): Found {
    if (!existsSync(path)) return { shortfall: { severity: 'info', message: `runs without ${path}, ${CONSEQUENCE}` } }
    try {
      return { addon: checked(load(path), getSystemErrorName) }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      return { shortfall: { severity: 'warning', message: `${path} does not load, ${CONSEQUENCE}`, why } }
    }
  }
}

function load(path: string): Exports {
  const module: { exports: Partial<Exports> } = { exports: {} }
  process.dlopen(module, path)
  const { exports } = module
  if (FUNCTIONS.some(name => typeof exports[name] !== 'function')) throw new Error('it is an addon of something else')
  return exports as Exports
}

function checked(raw: Exports, nameOf: (errno: number) => string): Addon {
  const check = (result: number) => {
    if (result < 0) throw Object.assign(new Error(nameOf(result)), { code: nameOf(result) })
  }
  return {
    extendedAck: fd => check(raw.extendedAck(fd)),
    filter: (fd, program) => check(raw.filter(fd, program)),
    forceBuffers: (fd, receive, send) => void raw.forceBuffers(fd, receive, send),
  }
}
