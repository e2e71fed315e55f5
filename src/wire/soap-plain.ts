/**
 * A SOAP call as clients write it, read in one pass without a tree: printable ASCII, no references, nothing in a tag
 * but the declaration of its prefix. `undefined` for everything else, right or wrong: that is for the reader of XML to
 * say (`xml.ts`). What is read here, that reader reads alike (`test/fuzz/soap.ts`).
 */
import type { Content } from '../base/text.ts'
import type { SoapArgument, SoapCall } from './soap.ts'

/**
 * What a program writes around the values of a call: its next call of the same action differs in the values alone.
 * `pieces` has one more than there are values.
 */
export interface CallShape {
  readonly service: string
  readonly action: string
  readonly names: readonly string[]
  readonly pieces: readonly string[]
}

/** `learn` gets the shape of what was read, where every argument has a closing tag. */
export function readPlainCall(body: Content, learn?: (shape: CallShape) => void): SoapCall | undefined {
  if (body.length > LONGEST) return undefined
  const text = typeof body === 'string' ? body : String.fromCharCode.apply(undefined, body as unknown as number[])
  const begin = BEGIN.exec(text)
  if (begin === null || text.includes(']]>')) return undefined
  const [opening, envelope, prefix, action, service] = begin as unknown as [string, string, string, string, string]
  const args: SoapArgument[] = []
  const pieces: string[] = []
  let at = opening.length
  let pieceAt = 0
  for (;;) {
    ARGUMENT.lastIndex = at
    const found = ARGUMENT.exec(text)
    if (found === null) break
    const [, name, value] = found as unknown as [string, string, string | undefined]
    args.push([name, value ?? ''])
    if (value !== undefined) {
      const valueAt = at + name.length + 2
      pieces.push(text.slice(pieceAt, valueAt))
      pieceAt = valueAt + value.length
    }
    at = ARGUMENT.lastIndex
    if (args.length > MOST) return undefined
  }
  END.lastIndex = at
  const end = END.exec(text)
  if (end?.[1] !== `${prefix}:${action}` || end[2] !== envelope || end[3] !== envelope) return undefined
  pieces.push(text.slice(pieceAt))
  if (pieces.length === args.length + 1) learn?.({ service, action, names: args.map(([name]) => name), pieces })
  return { service, action, args }
}

/** The same for a call of this shape; `undefined` when it has another. `text` is printable ASCII, tabs, line ends. */
export function readByShape(text: string, { service, action, names, pieces }: CallShape): SoapCall | undefined {
  let at = (pieces[0] as string).length
  if (!text.startsWith(pieces[0] as string)) return undefined
  const args: SoapArgument[] = []
  for (let i = 0; i < names.length; i++) {
    const end = text.indexOf('<', at)
    const piece = pieces[i + 1] as string
    if (end < 0 || !text.startsWith(piece, end)) return undefined
    const value = text.slice(at, end)
    if (value !== '' && UNPLAIN.test(value)) return undefined
    args.push([names[i] as string, value])
    at = end + piece.length
  }
  return at === text.length ? { service, action, args } : undefined
}

/** What a value has another meaning for than itself, or must not have. */
const UNPLAIN = /[&\r]|\]\]>/

/** Bytes: they become arguments of one call. */
const LONGEST = 4096
/** Arguments; no action has so many. */
const MOST = 64

/** Prefixes that begin with `xml` have a meaning of their own. */
const BEGIN =
  /^(?:<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?\?>)?[ \t\r\n]*<((?!xml)[A-Za-z][\w-]*):Envelope xmlns:\1="http:\/\/schemas\.xmlsoap\.org\/soap\/envelope\/"(?: \1:encodingStyle="[\w.:/-]*")?>[ \t\r\n]*<\1:Body>[ \t\r\n]*<((?!xml)[A-Za-z][\w-]*):([A-Za-z_]\w*) xmlns:\2="(urn:[\w.:-]+)">[ \t\r\n]*/
const ARGUMENT = /<([A-Za-z_][\w.-]*)(?:\/>|>([\t\n -%'-;=-~]*)<\/\1>)[ \t\r\n]*/y
const END = /<\/([\w:-]+)>[ \t\r\n]*<\/([\w-]+):Body>[ \t\r\n]*<\/([\w-]+):Envelope>[ \t\r\n]*$/y
