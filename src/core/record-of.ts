/** Which events a decision makes. */
import type { Decision } from './decide.ts'
import type { Change, Wish } from './mapping.ts'
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
  if (answer.ok) return events
  const { owner, transport } = wish
  const internal = wish.ask === 'map' ? wish.internal.port : wish.port
  const external = wish.ask === 'map' ? wish.external : 'delete'
  const { why, because } = answer
  events.push({ what: 'refused', owner, transport, internal, external, why, because })
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
      const moved = was.mac !== undefined && mapping.mac !== undefined && was.mac !== mapping.mac
      return was.owner.via !== mapping.owner.via || moved ? { what: 'renewed', mapping, was } : undefined
    }
  }
}
