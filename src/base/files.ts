/** What is asked of files again and again. Paths are absolute. */
import { utf8Decode } from './text.ts'

/** `/etc/portico` of `/etc/portico/leases`. */
export const directoryOf = (path: string): string => path.replace(/\/[^/]*$/, '') || '/'

/** The text of a small file without the blanks around it; empty when there is none, or it cannot be read. */
export function textIn(files: { readFile(path: string): Uint8Array | undefined }, path: string): string {
  try {
    const bytes = files.readFile(path)
    return bytes === undefined ? '' : utf8Decode(bytes).trim()
  } catch {
    return ''
  }
}
