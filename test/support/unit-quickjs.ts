/** The program that runs the unit tests on QuickJS (tools/unit-quickjs.mjs): one line of JSON with the outcome. */
import type { Sys } from '../../src/platform/sys.ts'
import type { File } from './vitest-quickjs.ts'
import { runFiles } from './vitest-quickjs.ts'

/** Not a literal, so that the bundler leaves the import to the engine. */
const load = (name: string): Promise<Sys> => import(name)

export async function runAll(files: readonly File[]): Promise<void> {
  const own = 'porticod' in globalThis
  // From build/unit to where the stock engine's module is.
  const sys = await load(own ? 'sys' : '../host/sys.so')
  sys.trackRejections(track)
  // fast-check looks them up when it loads, for asynchronous properties with a time limit.
  for (const name of ['setTimeout', 'clearTimeout']) Object.assign(globalThis, { [name]: absent(name) })
  const outcome = await runFiles(files, () => {
    const reasons = [...rejected.values()]
    rejected.clear()
    return reasons
  })
  sys.print(1, `${JSON.stringify(outcome)}\n`)
  sys.exit(outcome.failures.length === 0 ? 0 : 1)
}

const absent = (name: string) => () => {
  throw new Error(`${name} is not there on QuickJS`)
}

const rejected = new Map<object, unknown>()

/** At module level, since the engine only borrows it. */
function track(promise: object, reason: unknown, handled: boolean) {
  if (handled) rejected.delete(promise)
  else rejected.set(promise, reason)
}
