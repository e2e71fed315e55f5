/**
 * Translations as LuCI reads them: a .po file to an .lmo file, as LuCI's po2lmo makes it. An .lmo is the texts, each
 * padded to four bytes, then an index sorted by key (hash of the original, number of plural forms, offset, length;
 * 32 bits each, big-endian), then the offset of the index.
 */

/** @returns {Buffer | undefined} `undefined` when nothing is translated: then there is no file. */
export function poToLmo(text) {
  const entries = []
  const texts = []
  let offset = 0
  const add = (key, forms, value) => {
    const bytes = Buffer.from(value)
    entries.push({ key, forms, offset, length: bytes.length })
    const padded = Buffer.alloc(Math.ceil(bytes.length / 4) * 4)
    bytes.copy(padded)
    texts.push(padded)
    offset += padded.length
  }
  for (const message of parsePo(text)) {
    if (message.id === '') {
      const plural = /(?:^|\\n)Plural-Forms: (.*?)\\n/i.exec(message.values[0] ?? '')?.[1]
      if (plural !== undefined) add(0, 0, plural)
      continue
    }
    message.values.forEach((value, form) => {
      const context = message.context === undefined ? '' : `${message.context}\x01`
      const plural = message.plural === undefined ? '' : `\x02${form}`
      const key = Buffer.from(`${context}${message.id}${plural}`)
      const hash = superFastHash(key)
      // An untranslated text is its own translation.
      if (value !== '' && hash !== superFastHash(Buffer.from(value))) add(hash, message.values.length, value)
    })
  }
  if (offset === 0) return undefined
  const index = entries.sort((a, b) => a.key - b.key).flatMap(each => [each.key, each.forms, each.offset, each.length])
  return Buffer.concat([...texts, numbers([...index, offset])])
}

/** @typedef {{ context?: string, id: string, plural?: string, values: string[] }} Message */

/** Quotes and backslashes lose their backslash, `\n` stays as it is written: LuCI's own tool does so. */
export function parsePo(text) {
  /** @type {Message[]} */
  const messages = []
  let message
  let append = () => {}
  for (const line of text.split(/\r?\n/)) {
    const match = /^(msgctxt|msgid|msgid_plural|msgstr(?:\[(\d)\])?)?\s*"((?:[^"\\]|\\.)*)"\s*$/.exec(line)
    if (match === null) continue
    const [, keyword, form, quoted] = match
    const piece = quoted.replace(/\\(["\\])/g, '$1')
    if (keyword === 'msgctxt' || (keyword === 'msgid' && (message === undefined || message.values.length > 0))) {
      message = { id: '', values: [] }
      messages.push(message)
    }
    const current = message
    if (current === undefined) throw new Error(`a text before the first message: ${line}`)
    if (keyword === 'msgctxt') append = more => (current.context = (current.context ?? '') + more)
    else if (keyword === 'msgid') append = more => (current.id += more)
    else if (keyword === 'msgid_plural') append = more => (current.plural = (current.plural ?? '') + more)
    else if (keyword !== undefined) {
      const at = Number(form ?? 0)
      append = more => (current.values[at] = (current.values[at] ?? '') + more)
    }
    append(piece)
  }
  return messages
}

/** Paul Hsieh's SuperFastHash, 32 bits, bytes signed at the end as LuCI has them. */
export function superFastHash(bytes) {
  if (bytes.length === 0) return 0
  const word = at => bytes.readUInt16LE(at)
  let hash = bytes.length
  const whole = bytes.length & ~3
  for (let at = 0; at < whole; at += 4) {
    hash = (hash + word(at)) | 0
    hash = (hash << 16) ^ ((word(at + 2) << 11) ^ hash)
    hash = (hash + (hash >>> 11)) | 0
  }
  switch (bytes.length - whole) {
    case 3:
      hash = (hash + word(whole)) | 0
      hash ^= hash << 16
      hash ^= bytes.readInt8(whole + 2) << 18
      hash = (hash + (hash >>> 11)) | 0
      break
    case 2:
      hash = (hash + word(whole)) | 0
      hash ^= hash << 11
      hash = (hash + (hash >>> 17)) | 0
      break
    case 1:
      hash = (hash + bytes.readInt8(whole)) | 0
      hash ^= hash << 10
      hash = (hash + (hash >>> 1)) | 0
      break
  }
  hash ^= hash << 3
  hash = (hash + (hash >>> 5)) | 0
  hash ^= hash << 4
  hash = (hash + (hash >>> 17)) | 0
  hash ^= hash << 25
  hash = (hash + (hash >>> 6)) | 0
  return hash >>> 0
}

function numbers(values) {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [i, value] of values.entries()) bytes.writeUInt32BE(value, i * 4)
  return bytes
}
