/**
 * The event loop on QuickJS: which descriptor wakes whom, on both host programs. Descriptors wait in one epoll
 * descriptor, never in qjs' own select(): that one lets the first ready descriptor starve the others and ends at
 * descriptor 1024. Our host program waits in `round` itself; the stock qjs watches the epoll descriptor alone.
 *
 * Fairness: a round takes at most 64 ready descriptors, which the kernel hands out in turn, and each handler does a
 * bounded piece of work and leaves the rest for the next round. Promise jobs run between rounds.
 */
import type { Instant } from '../base/time.ts'
import { SystemError } from './platform.ts'
import type { Sys } from './sys.ts'

/** What the host program offers: `undefined` when nothing is left to wait for. */
export interface Host {
  /** The host waits for events by calling `round` again and again, or (stock qjs) calls it when there are some. */
  dispatch(round: (() => void) | undefined, epoll: number): void
  /** Whether `round` should wait itself. */
  readonly waits: boolean
}

export interface Loop {
  readonly sys: Sys
  /**
   * Calls `handle` whenever the descriptor is ready for one of `events` (EPOLLIN, EPOLLOUT), from the next round on;
   * called again it changes the events; 0 forgets the descriptor. A handler must cope with "not ready after all".
   * Returns 0 or a negative errno. A descriptor in the background does not keep the process running.
   */
  watch(fd: number, events: number, handle?: (events: number) => void, background?: boolean): number
  /** Forgets and closes. */
  close(fd: number): void
  /** Calls a handler; what it throws goes to `fault`. */
  call(handle: () => void): void
  call<T>(handle: (value: T) => void, value: T): void
  fault(error: unknown): void
  onFault(handle: (error: unknown) => void): void
  /** Calls `action` once, before the next wait: when all that this round has caused is done. It must not throw. */
  beforeWait(action: () => void): void
  /** Throws for a negative result. */
  check(result: number, doing: string): number
  wakeAt(at: Instant | undefined, wake: () => void): void
  /** `signal` is a number of this machine. */
  onSignal(signal: number, handle: () => void): void
}

interface Watched {
  readonly handle: (events: number) => void
  readonly since: number
  readonly background: boolean
  readonly events: number
}

export function createLoop(sys: Sys, host: Host): Loop {
  const epoll = sys.epollOpen()
  const ready = new Int32Array(2 * 64)
  const watched: (Watched | undefined)[] = []
  let unsettled: (() => void)[] = []
  let rounds = 0
  let kept = 0
  let report: (error: unknown) => void = error => void sys.print(2, `${describeFault(error)}\n`)

  /** What is ready now (stock qjs) or next (our host). A handler set up in this round waits for the next one. */
  function round() {
    settle()
    rounds++
    const count = sys.wait(epoll, ready.buffer, 0, ready.byteLength, host.waits ? -1 : 0)
    for (let i = 0; i < count; i++) {
      const entry = watched[ready[2 * i] as number]
      if (entry !== undefined && entry.since !== rounds) call(entry.handle, ready[2 * i + 1] as number)
    }
  }

  function settle() {
    if (unsettled.length === 0) return
    const actions = unsettled
    unsettled = []
    for (const action of actions) action()
  }

  /** Promise jobs run before our host begins a round; the stock qjs begins one only when something is ready. */
  function beforeWait(action: () => void) {
    unsettled.push(action)
    if (!host.waits && unsettled.length === 1) READY.then(settle)
  }

  function call<T>(handle: (value: T) => void, value?: T) {
    try {
      handle(value as T)
    } catch (error) {
      fault(error)
    }
  }

  function fault(error: unknown) {
    try {
      report(error)
    } catch {
      sys.print(2, 'the report of a fault failed itself\n')
    }
  }

  /** Counts what keeps the process running, and tells the host when that begins and ends. */
  function keep(change: number) {
    const before = kept
    kept += change
    if (before === 0 && kept > 0) host.dispatch(round, epoll)
    if (before > 0 && kept === 0) host.dispatch(undefined, epoll)
  }

  function watch(fd: number, events: number, handle?: (events: number) => void, background = false) {
    const before = watched[fd]
    if (events === 0) {
      if (before === undefined) return 0
      watched[fd] = undefined
      if (!before.background) keep(-1)
      return sys.watch(epoll, sys.EPOLL_CTL_DEL, fd, 0)
    }
    if (before?.events !== events) {
      const result = sys.watch(epoll, before === undefined ? sys.EPOLL_CTL_ADD : sys.EPOLL_CTL_MOD, fd, events)
      if (result < 0) return result
    }
    if (before === undefined && !background) keep(1)
    const since = before?.since ?? rounds
    watched[fd] = { handle: handle ?? before?.handle ?? (() => undefined), since, background, events }
    return 0
  }

  function close(fd: number) {
    watch(fd, 0)
    sys.close(fd)
  }

  function check(result: number, doing: string) {
    if (result < 0) throw new SystemError(doing, sys.errnoName(-result))
    return result
  }

  const inside: Inside = { watch, call, fault, keep }
  trackRejections(sys, inside)
  return {
    sys,
    watch,
    close,
    call,
    fault,
    onFault: handle => {
      report = handle
    },
    beforeWait,
    check,
    wakeAt: alarm(sys, inside),
    onSignal: signals(sys, inside),
  }
}

const READY = Promise.resolve()

/** `${e}` has the message, `stack` on QuickJS has not. */
function describeFault(error: unknown): string {
  if (!(error instanceof Error)) return `fault: ${String(error)}`
  return `fault: ${error}\n${error.stack ?? ''}`.trimEnd()
}

/** One timerfd on CLOCK_BOOTTIME, the only timer of the process. Setting the time that is set already costs nothing. */
function alarm(sys: Sys, loop: Inside): Loop['wakeAt'] {
  const timer = sys.timerOpen()
  let armed: Instant | undefined
  let wake: () => void = () => undefined
  loop.watch(
    timer,
    sys.EPOLLIN,
    () => {
      if (sys.eventTake(timer) < 0 || armed === undefined) return
      armed = undefined
      loop.keep(-1)
      loop.call(wake)
    },
    true,
  )
  return (at, handle) => {
    wake = handle
    if (at === armed) return
    if (armed === undefined) loop.keep(1)
    if (at === undefined) loop.keep(-1)
    armed = at
    sys.timerSet(timer, at === undefined ? 0 : Math.max(1, at))
  }
}

/** Signals are read from a descriptor: no handler runs in the middle of other code, and none is missed before a wait. */
function signals(sys: Sys, loop: Inside): Loop['onSignal'] {
  const handlers = new Map<number, () => void>()
  let fd = -1
  const take = () => {
    for (let i = 0; i < 16; i++) {
      const signal = sys.signalTake(fd)
      if (signal < 0) return
      const handle = handlers.get(signal)
      if (handle !== undefined) loop.call(handle)
    }
  }
  return (signal, handle) => {
    handlers.set(signal, handle)
    fd = sys.signalOpen(fd, signal)
    loop.watch(fd, sys.EPOLLIN, take, true)
  }
}

/** What the parts of the loop need of it. */
interface Inside {
  watch: Loop['watch']
  call: Loop['call']
  fault: Loop['fault']
  keep(change: number): void
}

/**
 * Promises rejected without a handler are faults, and only when none was attached before the next round: QuickJS
 * 2025-04-26 reports the rejection itself, even if the next statement attaches one.
 */
function trackRejections(sys: Sys, loop: Inside) {
  const unhandled = new Map<object, unknown>()
  const event = sys.eventOpen()
  let posted = false

  const settle = () => {
    if (sys.eventTake(event) < 0) return
    posted = false
    loop.keep(-1)
    const reasons = [...unhandled.values()]
    unhandled.clear()
    for (const reason of reasons) loop.fault(reason)
  }
  const listener = (promise: object, reason: unknown, handled: boolean) => {
    if (handled) unhandled.delete(promise)
    else unhandled.set(promise, reason)
    if (handled || posted) return
    posted = true
    loop.keep(1)
    sys.eventPost(event)
  }
  loop.watch(event, sys.EPOLLIN, settle, true)
  // The engine only borrows the listener: it must stay reachable as long as the process runs.
  listeners.push(listener)
  sys.trackRejections(listener)
}

const listeners: unknown[] = []
