import { describe, expect, test } from 'vitest'
import { bytesOf, textOf } from '../../../src/base/text.ts'
import type { HttpRequest } from '../../../src/wire/http.ts'
import { encodeRequest, fieldOf, RequestReader } from '../../../src/wire/http.ts'
import { recordedRequests } from '../../support/http-requests.ts'
import file from '../../vectors/http/requests.txt?raw'

function readAll(bytes: Uint8Array, piece: number): HttpRequest[] {
  const reader = new RequestReader()
  const requests: HttpRequest[] = []
  for (let at = 0; at < bytes.length; at += piece) {
    reader.push(bytes.subarray(at, at + piece))
    for (let event = reader.next(); event !== undefined; event = reader.next()) {
      if (event.is === 'fault') throw new Error(event.why)
      if (event.is === 'request') requests.push(event.request)
    }
  }
  return requests
}

/** What each program meant to send: method, target, body, whether it goes on. */
const MEANT: Readonly<Record<string, readonly [method: string, target: string, body: RegExp, keepAlive: boolean]>> = {
  'curl 7.88.1, curl URL/rest/ip/upnp/mappings': ['GET', '/rest/ip/upnp/mappings', /^$/, true],
  'curl 7.88.1, curl --json BODY URL': ['POST', '/console', /^\{"words":\["status"\],"json":true,"width":80\}$/, true],
  'curl 7.88.1, curl -T - URL (chunked)': ['PUT', '/rest/x', /^hello$/, true],
  'curl 7.88.1, curl -X DELETE URL': ['DELETE', '/rest/ip/upnp/mappings/*1F', /^$/, true],
  'curl 7.88.1, curl -0 URL': ['GET', '/', /^$/, false],
  "curl 7.88.1, curl -H 'Expect: 100-continue' -d BODY URL": ['POST', '/x', /^a=1$/, true],
  'Wget 1.21.3, wget -O- URL': ['GET', '/rootDesc.xml', /^$/, true],
  'Node 20.20.2, http.request with two writes (chunked)': ['POST', '/console', /^\{"words":\["status"\]\}$/, true],
  'Node 20.20.2, fetch': ['POST', '/rest/ip/nat-pmp', /^\{\}$/, true],
  'Python 3.11.7, http.client': ['POST', '/rest/ip/upnp/mappings/remove', /^\{"\.id":"\*1F"\}$/, true],
  'Python requests 2.34.2, requests.post(json=)': ['POST', '/rest/ip/upnp/mappings/print', /^\{"\.prop.*\}$/, true],
  'libminiupnpc 2.2.4, GetExternalIPAddress': ['POST', '/ctl/IPConn', /^<\?xml[\s\S]*<\/s:Envelope>\r\n$/, false],
  'libminiupnpc 2.2.4, AddPortMapping': [
    'POST',
    '/ctl/IPConn',
    /^<\?xml[\s\S]*<NewLeaseDuration>3600<[\s\S]*>\r\n$/,
    false,
  ],
  'libminiupnpc 2.2.4, miniwget': ['GET', '/rootDesc.xml', /^$/, false],
}

describe('RequestReader reads what was recorded of', () => {
  const recorded = recordedRequests(file)
  test('every program there is a row for', () => {
    expect(recorded.map(({ from }) => from).sort()).toEqual(Object.keys(MEANT).sort())
  })
  for (const { from, bytes } of recorded) {
    test(from, () => {
      const [method, target, body, keepAlive] = MEANT[from] ?? []
      for (const piece of [bytes.length, 1, 7]) {
        const requests = readAll(bytes, piece)
        expect(requests).toHaveLength(1)
        const request = requests[0] as HttpRequest
        expect([request.method, request.target, request.keepAlive]).toEqual([method, target, keepAlive])
        expect(textOf(request.body)).toMatch(body as RegExp)
        expect(fieldOf(request.fields, 'host')).toBe('127.0.0.1:5000')
      }
    })
    test(`${from}: what we would send reads the same`, () => {
      const request = readAll(bytes, bytes.length)[0] as HttpRequest
      const framing = ['content-length', 'transfer-encoding']
      const fields = request.fields.filter(([name]) => !framing.includes(name))
      const again = readAll(
        encodeRequest(request.method, request.target, fields, bytesOf(request.body)),
        64,
      )[0] as HttpRequest
      expect([again.method, again.target, again.body]).toEqual([request.method, request.target, request.body])
      expect(again.fields.filter(([name]) => !framing.includes(name))).toEqual(fields)
    })
  }
})
