/** What is wrong with a configuration, in words for its owner. A problem is a value; nothing here is thrown. */
import { oneLine } from '../base/text.ts'

/**
 * `error`: the file is not applied, or the named interface is not served. `warning`: something was ignored.
 * `note`: nothing is wrong, but the owner may expect something else.
 */
export type Weight = 'error' | 'warning' | 'note'

export interface Problem {
  readonly weight: Weight
  /** `/etc/config/portico`; absent for what is no file's fault. */
  readonly file?: string
  /** From 1. */
  readonly line?: number
  readonly column?: number
  readonly message: string
  /** How to mend it. */
  readonly hint?: string
}

/** Where a value came from: kept beside what was made of it, so that a later check can still name the line. */
export interface Origin {
  readonly file: string
  readonly line: number
}

/** `/etc/config/portico:12: option dst_port '70000': expected a port 1..65535 (hint)`, one line. */
export function describe(problem: Problem): string {
  const at = [problem.file, problem.line, problem.column].filter(part => part !== undefined).join(':')
  const hint = problem.hint === undefined ? '' : ` (${problem.hint})`
  return oneLine(`${at === '' ? '' : `${at}: `}${problem.message}${hint}`, 500)
}

/** More than this many tell nobody anything: what follows is counted by nobody, except that one error is kept. */
const MOST_KEPT = 200

export function report(problems: Problem[], ...more: readonly Problem[]): void {
  for (const problem of more) {
    if (problems.length < MOST_KEPT || (problem.weight === 'error' && !hasErrors(problems))) problems.push(problem)
  }
}

export const hasErrors = (problems: readonly Problem[]): boolean => problems.some(({ weight }) => weight === 'error')

/** Text from a file, in quotes, short enough for a log line. */
export const quoted = (text: string): string => `'${oneLine(text, 64)}'`
