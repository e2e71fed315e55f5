import { describe, expect, test } from 'vitest'
import { Malformed } from '../../../src/base/fail.ts'
import { utf8Encode } from '../../../src/base/text.ts'
import type { ResultForm, SoapCall } from '../../../src/wire/soap.ts'
import { answerForm, decodeCall, encodeFault, fillAnswer, parseSoapAction } from '../../../src/wire/soap.ts'

const URN = 'urn:schemas-upnp-org:service:WANIPConnection:1'
const ENVELOPE = 'http://schemas.xmlsoap.org/soap/envelope/'

const decode = (text: string): SoapCall => decodeCall(utf8Encode(text))
const call = (inside: string, action = 'X') =>
  `<s:Envelope xmlns:s="${ENVELOPE}"><s:Body><u:${action} xmlns:u="${URN}">${inside}</u:${action}></s:Body></s:Envelope>`

describe('parseSoapAction()', () => {
  const rows: readonly (readonly [what: string, value: string, result: readonly [string, string] | undefined])[] = [
    ['with quotes', `"${URN}#GetStatusInfo"`, [URN, 'GetStatusInfo']],
    ['without quotes (UDA check 38)', `${URN}#GetStatusInfo`, [URN, 'GetStatusInfo']],
    ['nothing', '', undefined],
    ['empty quotes', '""', undefined],
    ['half a pair of quotes', `"${URN}#X`, undefined],
    ['the other half', `${URN}#X"`, undefined],
    ['no action', `"${URN}#"`, undefined],
    ['no service', '"#X"', undefined],
    ['no number sign', `"${URN}"`, undefined],
    ['two of them', `"${URN}#X#Y"`, undefined],
    ['a single quote (S30: CVE-2026-5720)', "'", undefined],
    ['4 kB of action (S30: CVE-2013-0230)', `"urn:x#${'A'.repeat(4096)}"`, undefined],
    ['a URL (S30: CVE-2014-8361)', '"http://x/#X"', undefined],
    ['a shell command', `"${URN}#\`reboot\`"`, undefined],
    ['an action that begins with a digit', `"${URN}#1"`, undefined],
    ['markup in the service, which we would repeat', '"urn:x"><a#X"', undefined],
  ]
  test.each(rows)('%s', (_what, value, result) => {
    expect(parseSoapAction(value)).toEqual(result && { service: result[0], action: result[1] })
  })
})

describe('decodeCall()', () => {
  test('reads service, action and arguments in their order, doubled ones too', () => {
    expect(decode(call('<B>2</B><A>1 &amp; 1</A><B>3</B>'))).toEqual({
      service: URN,
      action: 'X',
      args: [
        ['B', '2'],
        ['A', '1 & 1'],
        ['B', '3'],
      ],
    })
  })

  const fine: readonly (readonly [what: string, text: string])[] = [
    [
      'other prefixes (UDA check 37)',
      `<e:Envelope xmlns:e="${ENVELOPE}"><e:Body><m:X xmlns:m="${URN}"><A>1</A></m:X></e:Body></e:Envelope>`,
    ],
    [
      'a default namespace that arguments inherit',
      `<Envelope xmlns="${ENVELOPE}"><Body><X xmlns="${URN}"><A>1</A></X></Body></Envelope>`,
    ],
    [
      'a header before the body',
      call('<A>1</A>').replace('<s:Body>', '<s:Header><x mustUnderstand="1"/></s:Header><s:Body>'),
    ],
    ['indentation', call('\n\t<A>1</A>\n').replaceAll('><', '>\n  <')],
  ]
  test.each(fine)('reads %s', (_what, text) =>
    expect(decode(text)).toEqual({ service: URN, action: 'X', args: [['A', '1']] }),
  )

  const bad: readonly (readonly [what: string, text: string])[] = [
    ['no envelope', `<u:X xmlns:u="${URN}"/>`],
    ['SOAP 1.2', call('').replace(ENVELOPE, 'http://www.w3.org/2003/05/soap-envelope')],
    ['no body', `<s:Envelope xmlns:s="${ENVELOPE}"/>`],
    ['an empty body', `<s:Envelope xmlns:s="${ENVELOPE}"><s:Body/></s:Envelope>`],
    ['two bodies', call('').replace('</s:Envelope>', '<s:Body/></s:Envelope>')],
    ['two calls', call('').replace('</s:Body>', `<u:Y xmlns:u="${URN}"/></s:Body>`)],
    ['text beside the arguments', call('x<A>1</A>')],
    ['elements in an argument', call('<A><B/></A>')],
    ['text beside the call', call('').replace('</s:Body>', 'x</s:Body>')],
  ]
  test.each(bad)('takes for no call: %s', (_what, text) => expect(() => decode(text)).toThrow(Malformed))
})

describe('what is answered', () => {
  const answerWith = (results: readonly ResultForm[], values: readonly string[]) =>
    fillAnswer(answerForm({ service: URN, action: 'X' }, results), values)

  test('fillAnswer() writes the arguments in order, escaped', () => {
    const results = [
      { name: 'B', as: 'text' },
      { name: 'A', as: 'text' },
    ] as const
    const answer = answerWith(results, ['<2>', ''])
    expect(answer).toBe(
      `<?xml version="1.0"?>\n<s:Envelope xmlns:s="${ENVELOPE}" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><u:XResponse xmlns:u="${URN}"><B>&lt;2&gt;</B><A></A></u:XResponse></s:Body></s:Envelope>\n`,
    )
  })

  test('fillAnswer() sends a document as a CDATA section', () => {
    const answer = answerWith([{ name: 'A', as: 'document' }], ['<b>&lt;]]&gt;</b>'])
    expect(answer).toContain('<A><![CDATA[<b>&lt;]]&gt;</b>]]></A>')
  })

  test('encodeFault() has exactly the structure of UDA check 41', () => {
    expect(encodeFault(402, 'Invalid Args')).toBe(
      `<?xml version="1.0"?>\n<s:Envelope xmlns:s="${ENVELOPE}" s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body><s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail><UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>402</errorCode><errorDescription>Invalid Args</errorDescription></UPnPError></detail></s:Fault></s:Body></s:Envelope>\n`,
    )
  })
})
