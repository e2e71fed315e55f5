/** The recorded requests of `test/vectors/http/requests.txt`, as bytes. */

export interface RecordedRequest {
  readonly from: string
  readonly bytes: Uint8Array
}

/** Line ends in the file are for reading; those of the request are written out. */
export function recordedRequests(file: string): readonly RecordedRequest[] {
  return file
    .split(/^== /m)
    .slice(1)
    .map(block => {
      const [from, ...lines] = block.split('\n')
      const text = lines
        .join('\n')
        .replaceAll('\\r\\n\n', '\\r\\n')
        .replace(/\n$/, '')
        .replaceAll('\n', '')
        .replaceAll('\\r', '\r')
        .replaceAll('\\n', '\n')
      return { from: from as string, bytes: Uint8Array.from(text, char => char.charCodeAt(0)) }
    })
}
