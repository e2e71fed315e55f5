/** What the kernel says of a host that talks, and how much of it wakes a watcher, on both engines. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Watched } from '../support/links-watch.ts'
import { addNamespaces, newLabName, removeNamespace } from '../support/netns.ts'
import { Background, must, sleep, until } from '../support/process.ts'
import { root } from '../support/root.ts'

const porticod = join(root, 'build/host/porticod')
const bundle = join(root, 'build/test-support/neighbours-watch.mjs')
const ENGINES = ['quickjs', 'node'] as const
const COMMANDS = { quickjs: [porticod, '--bundle', bundle], node: ['node', bundle] }
let host: string

beforeAll(async () => {
  if (!existsSync(porticod)) await must(['make', '-s', 'host'], { directory: root, timeout: 600_000 })
  await must(['node', join(root, 'tools/build.mjs'), 'test/support/links-watch.ts', bundle], { directory: root })
  host = `${newLabName()}-host`
  await addNamespaces([host])
  // A search for routers would make it heard.
  await must(['sysctl', '-q', 'net.ipv6.conf.default.router_solicitations=0'], { netns: host })
  const batch = (lines: readonly string[], netns?: string) =>
    must(['ip', ...(netns === undefined ? [] : ['-n', netns]), '-batch', '-'], { input: `${lines.join('\n')}\n` })
  await batch([
    'link set lo up',
    `link add lan0 type veth peer name eth0 address 02:00:00:00:00:0a netns ${host}`,
    'addr add 192.168.1.1/24 dev lan0',
    'link set lan0 up',
  ])
  await batch(['addr add 192.168.1.10/24 dev eth0', 'link set eth0 up'], host)
  // A minute of a kernel as shipped (30 s reachable, 5 s of doubt) in two seconds.
  const settings = ['base_reachable_time_ms=1000', 'delay_first_probe_time=1', 'gc_stale_time=60']
  await must(['sysctl', '-q', ...settings.map(each => `net.ipv4.neigh.lan0.${each}`)])
}, 600_000)
afterAll(() => removeNamespace(host))

test('of a host that talks without rest few notices wake us; a new device is told at once', async () => {
  const watchers = await Promise.all(ENGINES.map(started))
  const alone = new Background(COMMANDS.node, { environment: { PORTICO_ADDON: '/nowhere/portico.node' } })
  await alone.waitFor('"because":"ready"')
  await sleep(200)
  await must(['python3', '-c', TALK], { timeout: 30_000 })
  const unfiltered = (await ask(alone)).notices
  await alone.stop()
  for (const watcher of watchers) {
    const talking = await ask(watcher)
    console.log(`10 s of talk, ${unfiltered} notices, ${talking.notices} of them heard (${talking.engine})`)
    expect(talking.neighbours).toEqual(['192.168.1.10 02:00:00:00:00:0a'])
    expect(talking.notices).toBeLessThan(unfiltered)
    expect(talking.notices).toBeGreaterThan(0)
  }
  const replace = (nud: string) =>
    must(['ip', 'neigh', 'replace', '192.168.1.10', 'lladdr', '02:00:00:00:00:0b', 'dev', 'lan0', 'nud', nud])
  await replace('stale')
  for (const watcher of watchers) {
    await until('another device', async () => (await ask(watcher)).neighbours.length === 2 || undefined)
  }
  for (const nud of ['delay', 'probe']) await replace(nud)
  for (const watcher of watchers) {
    const last = await ask(watcher)
    expect(last.neighbours[1]).toBe('192.168.1.10 02:00:00:00:00:0b')
    expect(last.complaints).toEqual([])
    await watcher.stop()
  }
})

test.each(ENGINES)(
  'a host that has not spoken is found by asking, and a link that is none is refused: %s',
  async engine => {
    await must(['ip', 'addr', 'replace', '2001:db8::1/64', 'dev', 'lan0', 'nodad'])
    await must(['ip', '-n', host, 'addr', 'replace', '2001:db8::10/64', 'dev', 'eth0', 'nodad'])
    await must(['ip', 'neigh', 'flush', 'to', '2001:db8::10', 'dev', 'lan0'])
    const watcher = await started(engine)
    const found = '2001:db8::10 02:00:00:00:00:0a'
    expect((await ask(watcher)).neighbours).not.toContain(found)
    expect((await ask(watcher, 'resolve lan0 2001:db8::10')).complaints).toEqual([])
    await until('found', async () => (await ask(watcher)).neighbours.includes(found) || undefined)
    expect((await ask(watcher, 'resolve lan7 2001:db8::11')).complaints).toEqual([
      expect.stringContaining('EINVAL (kernel: Device not specified)'),
    ])
    await watcher.stop()
  },
)

async function started(engine: keyof typeof COMMANDS): Promise<Background> {
  const watcher = new Background(COMMANDS[engine])
  await watcher.waitFor('"because":"ready"')
  return watcher
}

/** Ten seconds, five datagrams in each; the answer is that nobody listens. */
const TALK = `
import socket, time
for _ in range(50):
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.168.1.10', 9))
    time.sleep(0.2)
`

async function ask(watcher: Background, order = ''): Promise<Watched> {
  const start = watcher.output.length
  watcher.write(`${order}\n`)
  const [line] = await watcher.waitFor(/\{"because":"asked".*\}\n/, 10_000, start)
  return JSON.parse(line) as Watched
}
