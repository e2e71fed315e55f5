/** What to do when the kernel refused some messages of a batch: mend the operations, or say which change it was. */
import { KernelError } from '../base/fail.ts'
import type { Change } from '../core/mapping.ts'
import type { Failure } from './exchange.ts'
import type { Operation, Sent } from './firewall-plan.ts'
import { spoken } from './firewall-read.ts'

/** Answers that mean "again" (nfnetlink.c). */
const PASSING = new Set(['EAGAIN', 'EINTR', 'EBUSY', 'ERESTART'])

/**
 * Operations for another try, or `undefined` when there is no hope. An element to delete that is not there has expired
 * a moment ago: nothing is left to do. One to create that is there already was left by somebody else: the table of
 * mappings is the truth, so it is replaced. Where the kernel does not say which element of a message it meant, the
 * caller sends each element alone next time.
 */
export function mend(
  operations: readonly Operation[],
  failures: readonly Failure[],
  sent: readonly Sent[],
): Operation[] | undefined {
  const gone = new Set<Operation>()
  const there = new Set<Operation>()
  for (const failure of failures) {
    if (PASSING.has(failure.code)) continue
    const operation = blamed(failure, sent)
    if (operation === undefined && isList(failure, sent)) continue
    if (operation?.act === 'delete' && failure.code === 'ENOENT') gone.add(operation)
    else if (operation !== undefined && operation.act !== 'delete' && failure.code === 'EEXIST') there.add(operation)
    else return undefined
  }
  return operations.flatMap(operation => {
    if (gone.has(operation)) return []
    if (!there.has(operation)) return [operation]
    return [
      { ...operation, act: 'delete' as const },
      { ...operation, act: 'create' as const },
    ]
  })
}

/** The error that names the change, as far as the kernel lets us know it. */
export function refusal(failures: readonly Failure[], sent: readonly Sent[], changes: readonly Change[]): KernelError {
  const failure = failures.find(each => each.message !== 'batch') ?? (failures[0] as Failure)
  const change = changes[blamed(failure, sent)?.change ?? -1]
  return new KernelError(change === undefined ? 'changing mappings' : `to ${doing(change)}`, failure.code, failure.said)
}

function doing(change: Change): string {
  const { act, mapping } = change
  return act === 'replace' ? `replace ${spoken(change.was)} by ${spoken(mapping)}` : `${act} ${spoken(mapping)}`
}

/** The operation whose element the kernel refused; unknown where it names the set or table, or nothing. */
function blamed({ message, offset }: Failure, sent: readonly Sent[]): Operation | undefined {
  const found = message === 'batch' ? undefined : sent[message]
  if (found === undefined) return undefined
  const { operations, starts } = found
  if (offset === undefined) return operations.length === 1 ? operations[0] : undefined
  let at = -1
  while (at + 1 < starts.length && (starts[at + 1] as number) <= offset) at++
  return operations[at]
}

const isList = ({ message, offset }: Failure, sent: readonly Sent[]): boolean =>
  message !== 'batch' && offset === undefined && (sent[message]?.operations.length ?? 0) > 1
