/** Scenes about the event loop: faults, signals, the alarm, fairness. */
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import type { Platform } from '../../../src/platform/platform.ts'
import type { Scene } from './main.ts'

const LOCAL = '127.0.0.1' as Ip
const local = (port: number) => ({ address: LOCAL, port: port as Port, device: 'lo', multicastTtl: 1 })
const text = (bytes: Uint8Array) => String.fromCharCode(...bytes)
const later = (platform: Platform, ms: number) => (platform.clock.now() + ms) as Instant

async function throws(message: string): Promise<never> {
  throw new Error(message)
}

export const loopScenes: Record<string, Scene> = {
  /** Every kind of fault, and then a sign of life. */
  async faults(platform) {
    await throws('caught at once').catch(() => undefined)
    try {
      await throws('caught by await')
    } catch {
      platform.stdout('await caught it\n')
    }
    const late = throws('handled in a later job')
    await Promise.resolve()
    await Promise.resolve()
    late.catch(() => platform.stdout('the late handler caught it\n'))
    throws('promise without a handler')
    const socket = await platform.udp(local(6000))
    socket.take(({ bytes }) => {
      if (text(bytes) === 'throw') throw new Error('out of a datagram handler')
      if (text(bytes) === 'reject') throws('out of an async handler')
      if (text(bytes) === 'end') platform.exit(7)
    })
    platform.wakeAt(later(platform, 1), () => {
      platform.wakeAt(later(platform, 1), () => platform.stdout('the alarm still rings\n'))
      throw new Error('out of the alarm')
    })
  },

  signals(platform) {
    platform.onSignal('SIGHUP', () => {
      platform.stdout('hangup\n')
      throw new Error('out of a signal handler')
    })
    platform.onSignal('SIGINT', () => platform.stdout('interrupt\n'))
    platform.onSignal('SIGTERM', () => platform.exit(0))
    platform.wakeAt(later(platform, 60_000), () => platform.exit(9))
  },

  /** Nothing is left to wait for: the process ends by itself, and with status 0. */
  async ends(platform) {
    const socket = await platform.udp(local(6001))
    socket.take(() => undefined)
    platform.onSignal('SIGTERM', () => undefined)
    platform.wakeAt(later(platform, 5), () => {
      platform.wakeAt(later(platform, 60_000), () => undefined)
      platform.wakeAt(undefined, () => undefined)
      socket.close()
      socket.close()
    })
  },

  /** How late each of some alarms rings, in ms. */
  alarm(platform) {
    const late: number[] = []
    const next = () => {
      if (late.length === 20) {
        platform.stdout(`late ${late.join(' ')}\n`)
        return
      }
      const due = later(platform, [0, 1, 3, 10, 30][late.length % 5] as number)
      platform.wakeAt((due + 100_000) as Instant, () => platform.stdout('a replaced alarm rang\n'))
      platform.wakeAt(due, () => {
        late.push(platform.clock.now() - due)
        next()
      })
    }
    next()
  },

  /** An alarm in the past rings, but not from inside the call. */
  past(platform) {
    let inside = true
    platform.wakeAt(0 as Instant, () => platform.stdout(inside ? 'rang inside the call\n' : 'rang\n'))
    inside = false
  },

  /** The clock, for comparison with another process that read CLOCK_BOOTTIME before and after. */
  clock(platform) {
    platform.stdout(`${platform.clock.now()} ${platform.wallTime()}\n`)
  },

  /** Waits `words[0]` ms with one alarm set, everything else asleep. */
  idle(platform, [ms]) {
    platform.wakeAt(later(platform, Number(ms)), () => platform.stdout('woke\n'))
  },

  /** Echoes on several ports, the flooded one opened first, with a stream listener and a ticking alarm beside. */
  async fair(platform, ports) {
    let flooded = 0
    let ticks = 0
    for (const [index, port] of ports.entries()) {
      const socket = await platform.udp(local(Number(port)))
      socket.take(({ bytes, from }) => {
        if (index === 0) flooded++
        else socket.send(bytes, from)
      })
    }
    await platform.listen({ unix: '\0portico-engines-fair' }, stream => {
      stream.take(
        bytes => stream.write(bytes),
        () => stream.close(),
      )
    })
    const tick = () => {
      ticks++
      platform.wakeAt(later(platform, 20), tick)
    }
    tick()
    platform.onSignal('SIGHUP', () => platform.stdout(`flooded ${flooded} ticks ${ticks}\n`))
  },

  /** A burst is delivered before promise jobs run, so that one kernel batch can hold all of it. */
  async burst(platform) {
    const socket = await platform.udp(local(6002))
    let count = 0
    let waiting = false
    socket.take(() => {
      count++
      if (waiting) return
      waiting = true
      Promise.resolve().then(() => {
        waiting = false
        platform.stdout(`turn of ${count}\n`)
        count = 0
      })
    })
  },

  /** Closing a socket from a handler: its own at the first datagram of a burst, and another one that is ready too. */
  async closing(platform) {
    const sockets = await Promise.all([6003, 6004].map(port => platform.udp(local(port))))
    for (const [index, socket] of sockets.entries()) {
      socket.take(() => {
        platform.stdout(`datagram at ${index}\n`)
        for (const one of sockets) one.close()
        socket.send(Uint8Array.of(1), { ip: LOCAL, port: 9 as Port })
        // The descriptor number is used again within the same round.
        platform.udp(local(6005)).then(again => {
          again.take(({ bytes }) => platform.stdout(`again ${text(bytes)}\n`))
          platform.stdout('open again\n')
        })
      })
    }
    platform.wakeAt(later(platform, 60_000), () => undefined)
  },
}
