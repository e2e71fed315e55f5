/** Long work cut small: on a router's processor a piece of it takes some milliseconds. */

/** Items to a piece. */
const SIZE = 50

/** The text of all items, a piece at a time. */
export function* inPieces<T>(items: readonly T[], textOf: (item: T, index: number) => string): Generator<string> {
  for (let start = 0; start < items.length; start += SIZE) {
    let piece = ''
    for (let i = start; i < Math.min(start + SIZE, items.length); i++) piece += textOf(items[i] as T, i)
    yield piece
  }
}
