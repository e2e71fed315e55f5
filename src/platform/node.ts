/** The platform on Node 20 and later. Node's modules are imported inside, so that the bundle loads on QuickJS too. */
import type { Clock } from '../base/time.ts'
import { addonFinder } from './node-addon.ts'
import { bootClock } from './node-clock.ts'
import { openNetlink } from './node-netlink.ts'
import { portInTables } from './node-ports.ts'
import { connectStream, dialStream, listenStream } from './node-streams.ts'
import { files, lineReader, printer, runner } from './node-system.ts'
import { openUdp } from './node-udp.ts'
import type { Platform } from './platform.ts'

/** The longest time setTimeout takes. */
const LONGEST_TIMER = 2 ** 31 - 1

export async function createNodePlatform(): Promise<Platform> {
  const fs = await import('node:fs')
  const { randomFillSync } = await import('node:crypto')
  const { constants, endianness } = await import('node:os')
  const print = await printer()
  const littleEndian = endianness() === 'LE'
  const { fault, call, onFault } = faults(line => print(2, `${line}\n`))
  const uptime = () => Number(fs.readFileSync('/proc/uptime', 'utf8').split(' ')[0])
  const clock = bootClock(uptime, () => Number(process.hrtime.bigint() / 1000n) / 1000)
  const table = (name: string) => (fs.existsSync(name) ? fs.readFileSync(name, 'latin1') : '')
  const portTables = remembered(clock, transport => [table(`/proc/net/${transport}`), table(`/proc/net/${transport}6`)])
  const addon = await addonFinder(process.env['PORTICO_ADDON'])
  const errors = new Map(Object.entries(constants.errno).map(([name, errno]) => [errno, name]))
  return {
    engine: `Node ${process.versions.node}`,
    shortfall: () => addon().shortfall,
    littleEndian,
    errnoName: errno => errors.get(errno) ?? `E${errno}`,
    arguments: process.argv.slice(2),
    clock,
    wallTime: () => Date.now(),
    wakeAt: alarm(clock, call),
    random: length => new Uint8Array(randomFillSync(new Uint8Array(length)).buffer),
    environment: name => process.env[name],
    udp: options => openUdp(options, call),
    netlink: options => openNetlink({ options, addon: addon().addon, call, fault }),
    listen: (at, accept) => listenStream(at, accept, call),
    connect: to => connectStream(to, call),
    dial: (to, done) => dialStream(to, call, done),
    portInUse: (transport, address, port) => portInTables(portTables(transport), littleEndian, address, port),
    ...(await files()),
    run: await runner(),
    onSignal(signal, handle) {
      process.removeAllListeners(signal)
      process.on(signal, () => call(handle))
    },
    stderr: line => print(2, `${line}\n`),
    stdout: text => print(1, text),
    readLine: lineReader(),
    exit: status => process.exit(status),
    onFault,
  }
}

/** Errors thrown out of handlers and promises rejected without one. */
function faults(print: (line: string) => void) {
  let report: (error: unknown) => void = error => {
    print(`fault: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`)
  }
  const fault = (error: unknown) => {
    try {
      report(error)
    } catch {
      print('the report of a fault failed itself')
    }
  }
  process.on('unhandledRejection', fault)
  process.on('uncaughtException', fault)
  return {
    fault,
    call(run: () => void) {
      try {
        run()
      } catch (error) {
        fault(error)
      }
    },
    onFault(handle: (error: unknown) => void) {
      report = handle
    },
  }
}

/**
 * Node has no timer on CLOCK_BOOTTIME: one that is due while the machine sleeps rings late by the length of the sleep.
 * Kernel timeouts end the leases in any case.
 */
function alarm(clock: Platform['clock'], call: (run: () => void) => void): Platform['wakeAt'] {
  let timer: NodeJS.Timeout | undefined
  return (at, wake) => {
    clearTimeout(timer)
    if (at === undefined) return
    const set = () => {
      timer = setTimeout(ring, Math.min(LONGEST_TIMER, Math.max(0, at - clock.now())))
    }
    const ring = () => {
      if (clock.now() < at) set()
      else call(wake)
    }
    set()
  }
}

/** How long the tables of ports are believed: the kernel walks its whole hash to print one, 20 ms on a large machine. */
const BELIEVED = 200

type PortTables = (transport: 'tcp' | 'udp') => readonly string[]

function remembered(clock: Clock, read: PortTables): PortTables {
  const last = {
    tcp: { at: -BELIEVED, tables: [] as readonly string[] },
    udp: { at: -BELIEVED, tables: [] as readonly string[] },
  }
  return transport => {
    const now = clock.now()
    if (now - last[transport].at >= BELIEVED) last[transport] = { at: now, tables: read(transport) }
    return last[transport].tables
  }
}
