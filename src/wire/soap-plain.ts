/**
 * A SOAP call as clients write it, read in one pass without a tree: printable ASCII, no references, nothing in a tag
 * but the declaration of its prefix. `undefined` for everything else, right or wrong: that is for the reader of XML to
 * say (`xml.ts`). What is read here, that reader reads alike (`test/fuzz/soap.ts`).
 */
import type { SoapArgument, SoapCall } from './soap.ts'

export function readPlainCall(body: Uint8Array): SoapCall | undefined {
  if (body.length > LONGEST) return undefined
  const text = String.fromCharCode.apply(undefined, body as unknown as number[])
  const begin = BEGIN.exec(text)
  if (begin === null || text.includes(']]>')) return undefined
  const [opening, envelope, prefix, action, service] = begin as unknown as [string, string, string, string, string]
  const args: SoapArgument[] = []
  let at = opening.length
  for (;;) {
    ARGUMENT.lastIndex = at
    const found = ARGUMENT.exec(text)
    if (found === null) break
    args.push([found[1] as string, found[2] ?? ''])
    at = ARGUMENT.lastIndex
    if (args.length > MOST) return undefined
  }
  END.lastIndex = at
  const end = END.exec(text)
  const isWhole = end?.[1] === `${prefix}:${action}` && end[2] === envelope && end[3] === envelope
  return isWhole ? { service, action, args } : undefined
}

/** Bytes: they become arguments of one call. */
const LONGEST = 4096
/** Arguments; no action has so many. */
const MOST = 64

/** Prefixes that begin with `xml` have a meaning of their own. */
const BEGIN =
  /^(?:<\?xml version="1\.0"(?: encoding="[Uu][Tt][Ff]-8")?\?>)?[ \t\r\n]*<((?!xml)[A-Za-z][\w-]*):Envelope xmlns:\1="http:\/\/schemas\.xmlsoap\.org\/soap\/envelope\/"(?: \1:encodingStyle="[\w.:/-]*")?>[ \t\r\n]*<\1:Body>[ \t\r\n]*<((?!xml)[A-Za-z][\w-]*):([A-Za-z_]\w*) xmlns:\2="(urn:[\w.:-]+)">[ \t\r\n]*/
const ARGUMENT = /<([A-Za-z_][\w.-]*)(?:\/>|>([\t\n -%'-;=-~]*)<\/\1>)[ \t\r\n]*/y
const END = /<\/([\w:-]+)>[ \t\r\n]*<\/([\w-]+):Body>[ \t\r\n]*<\/([\w-]+):Envelope>[ \t\r\n]*$/y
