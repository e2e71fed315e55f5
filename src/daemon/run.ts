/**
 * `portico daemon`, from the first line of the log to the exit status. Mappings stay in the kernel when it ends: their
 * leases run out there on time, and the next start adopts what is left, so a restart or an upgrade costs nobody a port.
 */
import { Expected, KernelError, reasonOf } from '../base/fail.ts'
import type { Platform } from '../platform/platform.ts'
import { SystemError } from '../platform/platform.ts'
import type { Places } from './daemon.ts'
import { Daemon, OtherInstance } from './daemon.ts'
import { Diary } from './diary.ts'

/** After sysexits.h, so that an init script can tell what helps from what does not. */
export const EXIT = {
  fine: 0,
  fault: 1,
  /** EX_UNAVAILABLE: another instance serves this network namespace. */
  otherInstance: 69,
  /** EX_OSERR: no nf_tables. */
  kernel: 71,
  /** EX_NOPERM: CAP_NET_ADMIN is missing. */
  permission: 77,
} as const

/** Resolves with the exit status when the daemon has ended, by SIGTERM or SIGINT. */
export async function runDaemon(platform: Platform, places: Places): Promise<number> {
  const diary = new Diary(platform)
  platform.onFault(error => diary.log('error', 'system', `a fault of this program: ${faultText(error)}`))
  const ended = new Promise<void>(resolve => {
    platform.onSignal('SIGTERM', resolve)
    platform.onSignal('SIGINT', resolve)
  })
  const daemon = new Daemon(platform, places, diary)
  try {
    await daemon.start()
    tellShortfall(platform, diary)
  } catch (error) {
    const { status, message } = explain(error)
    diary.log('error', 'system', message)
    daemon.close()
    return status
  }
  await ended
  await daemon.end()
  diary.log('info', 'system', 'ends; mappings stay in the kernel until their leases end')
  daemon.close()
  return EXIT.fine
}

function tellShortfall(platform: Platform, { log }: Diary): void {
  const lacking = platform.shortfall()
  if (lacking === undefined) return
  const { severity, message, why } = lacking
  log(severity, 'system', message, { why })
}

/** One line for the owner. */
export function explain(error: unknown): { readonly status: number; readonly message: string } {
  const code = error instanceof KernelError || error instanceof SystemError ? error.code : ''
  if (error instanceof OtherInstance) return { status: EXIT.otherInstance, message: error.message }
  if (code === 'EPERM' || code === 'EACCES') {
    const hint = 'run it as root, or with CAP_NET_ADMIN, CAP_NET_RAW and CAP_NET_BIND_SERVICE'
    return { status: EXIT.permission, message: `cannot start: not permitted (${reasonOf(error)}); ${hint}` }
  }
  if (error instanceof KernelError || NO_NETLINK.includes(code)) {
    const hint = 'are kmod-nft-core, kmod-nft-nat and kmod-nf-conntrack-netlink installed?'
    return { status: EXIT.kernel, message: `cannot start: ${reasonOf(error)}; ${hint}` }
  }
  const reason = error instanceof Expected ? error.message : faultText(error)
  return { status: EXIT.fault, message: `cannot start: ${reason}` }
}

/** socket(2), where the kernel was built without netfilter, or its module is not there. */
const NO_NETLINK = ['EPROTONOSUPPORT', 'EAFNOSUPPORT', 'ESOCKTNOSUPPORT']

/** What was said and where, in one line; on Node a stack begins with what was said. */
function faultText(error: unknown): string {
  const said = String(error)
  const stack = error instanceof Error ? (error.stack ?? '').replaceAll('\n', ' |') : ''
  return stack.startsWith(said) ? stack : `${said} ${stack}`.trimEnd()
}
