/**
 * Vector files: blocks apart by an empty line, in each a line `# name` and then hex in any grouping. A block without
 * hex is a remark.
 */
export function vectorsOf(text: string): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>()
  for (const block of text.split(/\n\s*\n/)) {
    const lines = block.split('\n')
    const name = lines
      .filter(line => line.startsWith('#'))
      .at(-1)
      ?.slice(1)
      .trim()
    const hex = lines
      .filter(line => !line.startsWith('#'))
      .join('')
      .replace(/\s/g, '')
    if (hex !== '' && name !== undefined) found.set(name, hexBytes(hex))
  }
  return found
}

/** The vector of that name; a name that is not there is a mistake in the test. */
export function vector(vectors: ReadonlyMap<string, Uint8Array>, name: string): Uint8Array {
  const bytes = vectors.get(name)
  if (bytes === undefined) throw new Error(`no vector ${name}; there are ${[...vectors.keys()].join('; ')}`)
  return bytes
}

export function hexBytes(hex: string): Uint8Array {
  if (!/^([0-9a-f]{2})*$/.test(hex)) throw new Error(`not hex: ${hex}`)
  return Uint8Array.from({ length: hex.length / 2 }, (_, i) => Number.parseInt(hex.slice(2 * i, 2 * i + 2), 16))
}

export const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
