/** Random changes to known good inputs, repeatable by a seed. */

/** A whole number 0..below-1. */
export type Random = (below: number) => number

/** xorshift32 (Marsaglia 2003): good enough to choose bytes, and the same on every machine. */
export function random(seed: number): Random {
  let state = seed | 0 || 1
  return below => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const EDGES = [0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 129, 254, 255]

/** One input: a seed with up to eight changes, sometimes joined with another, sometimes only noise. */
export function mutated(seeds: readonly Uint8Array[], pick: Random): Uint8Array {
  if (seeds.length === 0 || pick(16) === 0) return noise(pick(64), pick)
  let bytes = Array.from(seeds[pick(seeds.length)] as Uint8Array)
  const changes = 1 + pick(8)
  for (let i = 0; i < changes; i++) bytes = CHANGES[pick(CHANGES.length)]?.(bytes, pick, seeds) ?? bytes
  return Uint8Array.from(bytes.slice(0, 8192))
}

const noise = (length: number, pick: Random) => Uint8Array.from({ length }, () => pick(256))

type Mutation = (bytes: number[], pick: Random, seeds: readonly Uint8Array[]) => number[]

const CHANGES: readonly Mutation[] = [
  (bytes, pick) => replaced(bytes, pick, byte => byte ^ (1 << pick(8))),
  (bytes, pick) => replaced(bytes, pick, () => EDGES[pick(EDGES.length)] as number),
  (bytes, pick) => replaced(bytes, pick, () => pick(256)),
  (bytes, pick) => bytes.slice(0, pick(bytes.length + 1)),
  (bytes, pick) => spliced(bytes, pick(bytes.length + 1), pick(5), []),
  (bytes, pick) => spliced(bytes, pick(bytes.length + 1), 0, Array.from(noise(1 + pick(8), pick))),
  (bytes, pick) => {
    const from = pick(bytes.length + 1)
    return spliced(bytes, pick(bytes.length + 1), 0, bytes.slice(from, from + pick(64)))
  },
  (bytes, pick, seeds) => {
    const other = Array.from(seeds[pick(seeds.length)] as Uint8Array)
    return [...bytes.slice(0, pick(bytes.length + 1)), ...other.slice(pick(other.length + 1))]
  },
]

function replaced(bytes: number[], pick: Random, by: (byte: number) => number): number[] {
  if (bytes.length === 0) return bytes
  const at = pick(bytes.length)
  return bytes.map((byte, index) => (index === at ? by(byte) & 255 : byte))
}

function spliced(bytes: number[], at: number, remove: number, insert: readonly number[]): number[] {
  return [...bytes.slice(0, at), ...insert, ...bytes.slice(at + remove)]
}
