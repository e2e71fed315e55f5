/** Which events a decision makes. */
import type { Decision } from './decision.ts'
import type { Change, Mapping, Wish } from './mapping.ts'
import { sameEndpoint, sameRemote } from './mapping.ts'
import type { Event } from './record.ts'

const NONE: readonly Event[] = []

export function eventsOf(wish: Wish, { answer, changes }: Decision): readonly Event[] {
  const only = changes[0]
  if (answer.ok && changes.length === 1 && only !== undefined) {
    const event = eventOf(wish, only)
    return event === undefined ? NONE : [event]
  }
  const events: Event[] = []
  for (const change of changes) {
    const event = eventOf(wish, change)
    if (event !== undefined) events.push(event)
  }
  if (!answer.ok) events.push({ what: 'refused', wish, why: answer.why, because: answer.because })
  return events
}

function eventOf(wish: Wish, change: Change): Event | undefined {
  const { mapping } = change
  switch (change.act) {
    case 'add':
      return { what: 'granted', mapping, asked: wish.ask === 'map' ? wish.external : 'any' }
    case 'remove':
      return { what: 'removed', mapping, because: wish.owner.via === 'operator' ? 'by the operator' : 'by its client' }
    case 'replace': {
      const { was } = change
      if (isOther(was, mapping)) return { what: 'changed', mapping, was }
      const moved = was.mac !== undefined && mapping.mac !== undefined && was.mac !== mapping.mac
      return was.owner.via !== mapping.owner.via || moved ? { what: 'renewed', mapping, was } : undefined
    }
  }
}

/** Not only a new lease, owner or device. */
const isOther = (was: Mapping, mapping: Mapping): boolean =>
  was.state !== mapping.state ||
  !sameRemote(was.remote, mapping.remote) ||
  !sameEndpoint(was.internal, mapping.internal)
