/**
 * The decision, and nothing but: same arguments, same result. What comes back is the answer for the client and the
 * changes that the kernel must make before the answer may be given.
 */
import type { Instant } from '../base/time.ts'
import { decideMap } from './decide-map.ts'
import { decidePinhole, decidePinholeChange } from './decide-pinhole.ts'
import { decideRevoke, decideUnmap } from './decide-removal.ts'
import type { Decision, World } from './decision.ts'
import type { Wish } from './mapping.ts'

export type { Decision, World } from './decision.ts'

export function decide(wish: Wish, world: World, now: Instant): Decision {
  switch (wish.ask) {
    case 'map':
      return decideMap(wish, world, now)
    case 'unmap':
      return decideUnmap(wish, world)
    case 'revoke':
      return decideRevoke(wish, world)
    case 'pinhole':
      return decidePinhole(wish, world, now)
    case 'extend':
    case 'close':
      return decidePinholeChange(wish, world, now)
  }
}
