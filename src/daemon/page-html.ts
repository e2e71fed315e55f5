/** HTML in which everything that is put in is text, unless it is HTML of our own. */
import { escapeXml } from '../wire/xml.ts'

export class Html {
  readonly text: string

  /** `text` must be ours, whole, and closed. */
  constructor(text: string) {
    this.text = text
  }
}

export type Part = string | number | Html | readonly Html[]

/**
 * html`<td>${label}</td>`. Inside an attribute only between quotes. What escapes `&`, `<`, `>` and both quotes for XML
 * does it for HTML.
 */
export function html(pieces: readonly string[], ...parts: readonly Part[]): Html {
  let text = pieces[0] ?? ''
  for (let i = 0; i < parts.length; i++) text += textOf(parts[i] as Part) + (pieces[i + 1] ?? '')
  return new Html(text)
}

export const NOTHING = new Html('')

const textOf = (part: Part): string => {
  if (part instanceof Html) return part.text
  return typeof part === 'object' ? part.map(({ text }) => text).join('') : escapeXml(String(part))
}
