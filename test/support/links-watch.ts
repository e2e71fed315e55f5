/**
 * A program for tests: keeps the live tables of links and neighbours on the engine that runs it, and prints one line
 * of JSON at each change and at each line of input. An empty line of input asks for the state, `resolve DEVICE ADDRESS`
 * has the kernel ask who has an address, `end` ends it.
 */
import type { Ip } from '../../src/base/ip.ts'
import { openLinks } from '../../src/kernel/links.ts'
import { openNeighbours } from '../../src/kernel/neighbours.ts'
import type { Platform } from '../../src/platform/platform.ts'

export interface Watched {
  readonly because: 'ready' | 'change' | 'asked'
  readonly engine: string
  readonly changes: number
  readonly overruns: number
  readonly complaints: readonly string[]
  /** `wan0 11.22.33.44`, usable ones. */
  readonly addresses: readonly string[]
  /** Devices that carry a default route of IPv4. */
  readonly defaultRoutes: readonly (string | undefined)[]
  /** `192.168.1.10 02:00:00:00:00:0a`, in the order in which they were seen. */
  readonly neighbours: readonly string[]
  /** Notices of neighbours that woke us. */
  readonly notices: number
}

void watch() // no top-level await: the stock qjs does not run it

async function watch(): Promise<void> {
  const platform = await createPlatform()
  let changes = 0
  let overruns = 0
  let notices = 0
  const neighbours: string[] = []
  const complaints: string[] = []
  platform.onFault(error => complaints.push(`fault: ${error}`))

  const counting = countingOverruns(platform, () => {
    overruns++
  })
  const links = await openLinks(counting, {
    log: (_severity, topic, message, detail) => complaints.push(`${topic}: ${message} ${detail?.['why']}`),
    changed() {
      changes++
      print('change')
    },
  })
  const heard = countingNotices(platform, () => {
    notices++
  })
  const hosts = await openNeighbours(
    heard,
    (_severity, topic, message) => complaints.push(`${topic}: ${message}`),
    (ip, mac) => neighbours.push(`${ip} ${mac}`),
  )
  print('ready')
  for (;;) {
    const line = await platform.readLine()
    if (line === undefined || line === 'end') break
    const [word, device = '', address = ''] = line.split(' ')
    if (word === 'resolve') {
      const failed = (error: unknown) => complaints.push(`resolve: ${error}`)
      await hosts.resolve(address as Ip, links.view.index(device) ?? 0).catch(failed)
    }
    print('asked')
  }
  platform.exit(0)

  function print(because: Watched['because']): void {
    const { view } = links
    const addresses = view.links().flatMap(({ name }) => view.addresses(name).map(({ ip }) => `${name} ${ip}`))
    const defaultRoutes = view.defaultRoutes(4).map(({ index }) => view.device(index))
    const { engine } = platform
    const state = { changes, overruns, complaints, addresses, defaultRoutes, neighbours, notices }
    const said: Watched = { because, engine, ...state }
    platform.stdout(`${JSON.stringify(said)}\n`)
  }
}

async function createPlatform(): Promise<Platform> {
  const { process } = globalThis as { process?: { versions?: { node?: string } } }
  if (process?.versions?.node !== undefined) return (await import('../../src/platform/node.ts')).createNodePlatform()
  return (await import('../../src/platform/quickjs.ts')).createQuickjsPlatform()
}

function countingNotices(platform: Platform, count: () => void): Platform {
  return {
    ...platform,
    async netlink(options) {
      const socket = await platform.netlink(options)
      if (options.groups.length === 0) return socket
      return {
        portId: socket.portId,
        send: datagram => socket.send(datagram),
        take: (each, overrun) =>
          socket.take(datagram => {
            count()
            each(datagram)
          }, overrun),
        drain: () => socket.drain(),
        hear: on => socket.hear(on),
        close: () => socket.close(),
      }
    },
  }
}

function countingOverruns(platform: Platform, count: () => void): Platform {
  return {
    ...platform,
    async netlink(options) {
      const socket = await platform.netlink(options)
      return {
        portId: socket.portId,
        send: datagram => socket.send(datagram),
        take: (each, overrun) =>
          socket.take(each, () => {
            count()
            overrun()
          }),
        drain: () => socket.drain(),
        hear: on => socket.hear(on),
        close: () => socket.close(),
      }
    },
  }
}
