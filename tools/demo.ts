/**
 * `make demo`: one walk through what Portico does, with a real client, real packets and the real kernel, in words for
 * somebody who sees it for the first time. Every line with a tick was tried; one cross, and the demo fails.
 */
import type { Heard } from '../test/support/agent.ts'
import { LAN, type Lab, makeLab, WAN, WORLD } from '../test/support/lab.ts'
import { monotonic, sleep } from '../test/support/process.ts'
import { defaultUci, type Engine, type Server, startDaemon } from '../test/support/server.ts'

const ENGINE_NAME: Readonly<Record<Engine, string>> = { quickjs: 'QuickJS', node: 'Node', qjs: 'QuickJS (stock qjs)' }
const LEASE = 5

const engine = process.env['ENGINE'] ?? 'quickjs'
if (!isEngine(engine)) fail(`ENGINE=${engine} is not known. Engines: ${Object.keys(ENGINE_NAME).join(', ')}`)
if (process.getuid?.() !== 0) fail('the demo makes network namespaces, and that needs root: run it as root')

const colour = process.stdout.isTTY && process.env['NO_COLOR'] === undefined
const paint = (code: number, text: string) => (colour ? `\x1b[${code}m${text}\x1b[0m` : text)
let steps = 0
let failures = 0
const started = monotonic()

let summary: string
const lab = await makeNetwork()
try {
  const server = await startServer(lab, engine)
  await nobodyGetsIn(lab)
  await clientAsks(lab)
  await gameAsks(lab)
  await worldGetsIn(lab)
  await showPage(lab)
  await showTable(server)
  await showKernel(lab)
  const lasted = await leaseEnds(lab)
  await server.stop()
  summary = `two ports opened by NAT-PMP and one by UPnP on ${ENGINE_NAME[engine]}, a lease of ${LEASE} s ended after ${lasted} s`
} catch (error) {
  failures += 1
  summary = error instanceof Error ? error.message : String(error)
} finally {
  title('Cleaning up')
  await lab.close()
  note('the namespaces and everything in them are gone')
}
const took = (monotonic() - started).toFixed(1)
if (failures > 0) fail(`Demo FAILED (${failures} ${failures === 1 ? 'problem' : 'problems'}): ${summary}`)
process.stdout.write(`\n${paint(32, 'Demo passed')} in ${took} s: ${summary}.\n`)

async function makeNetwork(): Promise<Lab> {
  title('A private network, made of network namespaces: nothing of it touches this machine')
  const from = monotonic()
  const made = await makeLab()
  note(`client  192.168.88.10 --- ${LAN}  router  ${WAN} --- ${WORLD}  world`)
  note(`The router hides the client behind its one public address, and its firewall is built as OpenWrt's.`)
  note(`made in ${milliseconds(from)}`)
  await made.a.udpEcho(4000)
  await made.a.tcpEcho(8080)
  note('On the client, machine "a", two servers wait for visitors: a UDP one on port 4000, a TCP one on port 8080.')
  return made
}

async function startServer(lab: Lab, engine: Engine): Promise<Server> {
  title(`The router starts Portico, on ${ENGINE_NAME[engine]}`)
  const from = monotonic()
  const server = await startDaemon(lab, { engine, uci: defaultUci({ upnp: { enabled: '1' } }) })
  tick(true, `ready after ${milliseconds(from)}`)
  note("It took its roles from the router's own configuration: lan is internal, wan is external.")
  return server
}

async function nobodyGetsIn(lab: Lab): Promise<void> {
  title('Before: the world knocks, and the router does not let it in')
  await knock(lab, 'udp', 4001, false)
  await knock(lab, 'tcp', 8081, false)
  await knock(lab, 'tcp', 8082, false)
}

async function clientAsks(lab: Lab): Promise<void> {
  title('The client asks for two ports, with natpmpc, a program that knows nothing of Portico')
  await natpmpc(lab, '4001', '4000', 'udp', '3600')
  await natpmpc(lab, '8081', '8080', 'tcp', '3600')
}

async function gameAsks(lab: Lab): Promise<void> {
  title('It asks for a third by UPnP, with upnpc, whose library many games and torrent programs use')
  const command = ['upnpc', '-e', 'a game', '-a', lab.a.ip, '8080', '8082', 'TCP', '3600']
  process.stdout.write(`   $ ${command.map(word => (word.includes(' ') ? `'${word}'` : word)).join(' ')}\n`)
  const { stdout } = await lab.a.run(command)
  const found = /Found valid IGD : (\S+)/.exec(stdout)?.[1]
  tick(found !== undefined, found === undefined ? 'it found no gateway' : `it found the router by itself: ${found}`)
  const answer = /external \S+ TCP is redirected.*/.exec(stdout)?.[0]
  tick(answer !== undefined, answer ?? `no: ${stdout.trim().split('\n').at(-1)}`)
}

async function worldGetsIn(lab: Lab): Promise<void> {
  title('After: the world knocks again, and the client answers')
  await knock(lab, 'udp', 4001, true)
  await knock(lab, 'tcp', 8081, true)
  await knock(lab, 'tcp', 8082, true)
}

/** The page as its client sees it, without the marks. */
async function showPage(lab: Lab): Promise<void> {
  const url = `http://${LAN}:5000/`
  title(`What the client's owner sees: ${url}, a page of the router for every device of the LAN`)
  const request = `GET / HTTP/1.1\r\nHost: ${LAN}:5000\r\nConnection: close\r\n\r\n`
  const page = (await lab.a.must(['nc', '-w', '2', LAN, '5000'], { input: request })).replace(
    /<style>[\s\S]*?<\/style>/g,
    '',
  )
  const body = /<main[\s\S]*<\/main>|<body[\s\S]*<\/body>/.exec(page)?.[0] ?? ''
  const words = body
    .replace(/<[^>]+>/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()
  show(`${words.slice(0, 190)}${words.length > 190 ? ' ...' : ''}\n`)
  tick(
    words.includes('8082') && words.includes('a game'),
    `open ${url} in a browser of the LAN to see it as it is meant`,
  )
}

async function showTable(server: Server): Promise<void> {
  title("What the router's owner sees: portico /ip upnp mappings print")
  const { status, stdout, stderr } = await server.console('/ip upnp mappings print')
  show(stdout + stderr)
  tick(status === 0 && ['4001', '8081', '8082'].every(port => stdout.includes(port)), 'all three are in the table')
}

async function showKernel(lab: Lab): Promise<void> {
  const { nftables } = JSON.parse(await lab.router.must(['nft', '-j', 'list', 'table', 'inet', 'portico'])) as {
    nftables: readonly { map?: { name: string; elem?: readonly unknown[] } }[]
  }
  const names = nftables.flatMap(({ map }) => (map?.elem === undefined ? [] : [map.name]))
  title(`What the kernel works with: nft list map inet portico ${names[0] ?? ''}`)
  const text = names[0] === undefined ? '' : await lab.router.must(['nft', 'list', 'map', 'inet', 'portico', names[0]])
  show(text)
  tick(
    text.includes('4001') && text.includes('8081') && text.includes('8082'),
    'the kernel holds the same three, and counts down their leases itself',
  )
}

/** Seconds it was open, as text. */
async function leaseEnds(lab: Lab): Promise<string> {
  title(`A lease ends on time: the client asks for UDP port 4002 for ${LEASE} seconds`)
  await lab.a.udpEcho(4010)
  await natpmpc(lab, '4002', '4010', 'udp', String(LEASE))
  const granted = monotonic()
  await knock(lab, 'udp', 4002, true)
  process.stdout.write('   open')
  let told = 0
  let lasted = 0
  do {
    const left = Math.ceil(LEASE - (monotonic() - granted))
    if (left !== told && left > 0) process.stdout.write(`, ${left} s left`)
    told = left
    await sleep(10)
    lasted = monotonic() - granted
  } while (lasted < LEASE + 3 && (await lab.world.udpAsk([WAN, 4002], 'still open?', 100)).got === 'reply')
  process.stdout.write(', closed\n')
  tick(Math.abs(lasted - LEASE) <= 1, `it was open for ${lasted.toFixed(2)} s`)
  return lasted.toFixed(2)
}

async function natpmpc(
  lab: Lab,
  external: string,
  internal: string,
  transport: string,
  lifetime: string,
): Promise<void> {
  const command = ['natpmpc', '-a', external, internal, transport, lifetime]
  process.stdout.write(`   $ ${command.join(' ')}\n`)
  const { status, stdout } = await lab.a.run(command)
  const answer = /Mapped public port.*/.exec(stdout)?.[0].replace('liftime', 'lifetime')
  tick(status === 0 && answer !== undefined, answer ?? `no: ${stdout.trim().split('\n').at(-1)}`)
}

async function knock(lab: Lab, transport: 'udp' | 'tcp', port: number, open: boolean): Promise<void> {
  const heard = await (transport === 'udp'
    ? lab.world.udpAsk([WAN, port], 'hello', 500)
    : lab.world.tcpAsk([WAN, port], 'hello', 1000))
  tick((heard.got === 'reply') === open, `world -> ${transport} ${WAN}:${port}   ${inWords(heard)}`)
}

function inWords(heard: Heard): string {
  switch (heard.got) {
    case 'reply':
      return `the client's answer: "${heard.text}"`
    case 'refused':
      return 'refused'
    case 'nothing':
      return 'no answer'
  }
}

function title(text: string): void {
  steps += 1
  process.stdout.write(`\n${paint(1, `${steps}. ${text}`)}\n`)
}

function note(text: string): void {
  process.stdout.write(`   ${text}\n`)
}

function tick(good: boolean, text: string): void {
  if (!good) failures += 1
  note(`${good ? paint(32, '✓') : paint(31, '✗')} ${text}`)
}

function show(text: string): void {
  for (const line of text.trimEnd().split('\n')) process.stdout.write(`     ${paint(2, line.replaceAll('\t', '  '))}\n`)
}

function milliseconds(from: number): string {
  return `${Math.round((monotonic() - from) * 1000)} ms`
}

function isEngine(word: string): word is Engine {
  return word in ENGINE_NAME
}

function fail(text: string): never {
  process.stderr.write(`${text}\n`)
  process.exit(1)
}
