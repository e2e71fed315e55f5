/** Errors of Node's modules as the platform's own. */
import { SystemError } from './platform.ts'

export function systemError(doing: string, error: unknown): SystemError {
  const code = (error as { code?: unknown } | null)?.code
  return new SystemError(doing, typeof code === 'string' ? code : String(error))
}
