import type { Change } from './mapping.ts'

/**
 * The kernel, as the core sees it. All changes of one call are made or none. Resolves when the commit is confirmed, or
 * returns `undefined` when it is confirmed already (a promise costs more than a decision); rejects with `KernelError`.
 * A removed mapping's running flows end with it. Only `core/engine.ts` may call `apply`.
 */
export interface Firewall {
  apply(changes: readonly Change[]): Promise<void> | undefined
}
