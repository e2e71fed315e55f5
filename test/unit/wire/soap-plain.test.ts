import { describe, expect, test } from 'vitest'
import { utf8Encode } from '../../../src/base/text.ts'
import { decodeByXml, decodeCall } from '../../../src/wire/soap.ts'
import type { CallShape } from '../../../src/wire/soap-plain.ts'
import { readByShape, readPlainCall } from '../../../src/wire/soap-plain.ts'

const SOAP = 'http://schemas.xmlsoap.org/soap/envelope/'
const STYLE = 's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"'
const URN = 'urn:schemas-upnp-org:service:WANIPConnection:1'

const usual = `<?xml version="1.0"?>\r\n<s:Envelope xmlns:s="${SOAP}" ${STYLE}><s:Body><u:Get xmlns:u="${URN}"><A>1</A><B></B></u:Get></s:Body></s:Envelope>\r\n`

describe('a plain call is read as the reader of XML reads it', () => {
  test.each([
    ['as miniupnpc writes it', usual],
    ['with an encoding', usual.replace('"1.0"', '"1.0" encoding="UTF-8"')],
    ['without a declaration', usual.slice(usual.indexOf('<s:'))],
    ['without an encoding style', usual.replace(` ${STYLE}`, '')],
    ['with other prefixes', usual.replace(/\bs:|(?<=xmlns:)s/g, p => (p === 's' ? 'SOAP-ENV' : 'SOAP-ENV:'))],
    ['with one prefix for both', usual.replace(/\bu(?=[:=])/g, 's')],
    ['with lines and blanks between the elements', usual.replace(/>(?=<[^/])|>(?=<\/[us])/g, '>\r\n\t ')],
    ['without arguments', usual.replace('<A>1</A><B></B>', '')],
    ['with an empty element', usual.replace('<B></B>', '<B/>')],
    ['with signs in a text', usual.replace('>1<', `>it's > "1"; a]b, ]]<`)],
    ['with an argument twice', usual.replace('<B></B>', '<A>2</A>')],
  ])('%s', (_, text) => {
    const bytes = utf8Encode(text)
    expect(readPlainCall(bytes)).toEqual(decodeByXml(bytes))
  })
})

describe('anything else is left to the reader of XML', () => {
  test.each([
    ['a reference', usual.replace('>1<', '>&lt;<')],
    ['an ampersand', usual.replace('>1<', '>Tom & Jerry<')],
    ['other than ASCII', usual.replace('>1<', '>Müller<')],
    ['a control character', usual.replace('>1<', '>\u0001<')],
    ['a line end in a text', usual.replace('>1<', '>1\r\n<')],
    ['the end of a CDATA section', usual.replace('>1<', '>]]><')],
    ['a CDATA section', usual.replace('>1<', '><![CDATA[1]]><')],
    ['a comment', usual.replace('<B>', '<!-- b --><B>')],
    ['an attribute', usual.replace('<A>', '<A x="1">')],
    ['a prefix at an argument', usual.replace('<A>1</A>', '<u:A>1</u:A>')],
    ['an element in an argument', usual.replace('>1<', '><C></C><')],
    ['another tag at the end of an argument', usual.replace('</A>', '</C>')],
    ['another tag at the end of the call', usual.replace('</u:Get>', '</u:Set>')],
    ['another prefix at the end', usual.replace('</s:Body>', '</u:Body>')],
    ['another envelope', usual.replace(SOAP, 'http://www.w3.org/2003/05/soap-envelope')],
    ['a header', usual.replace('<s:Body>', '<s:Header></s:Header><s:Body>')],
    ['two calls', usual.replace('</s:Body>', `<u:Get xmlns:u="${URN}"></u:Get></s:Body>`)],
    ['text between the elements', usual.replace('<B>', 'x<B>')],
    ['something after the end', `${usual}<x/>`],
    ['something before the beginning', ` ${usual}`],
    ['a document type', usual.replace('?>', '?><!DOCTYPE s>')],
    ['a prefix that begins with xml', usual.replace(/\bu(?=[:=])/g, 'xmlu')],
    ['half of it', usual.slice(0, -20)],
    ['very many arguments', usual.replace('<A>', `${'<A>1</A>'.repeat(65)}<A>`)],
    ['very much', usual + ' '.repeat(4096)],
    ['nothing', ''],
  ])('%s', (_, text) => {
    expect(readPlainCall(utf8Encode(text))).toBeUndefined()
  })
})

describe('a call of a shape that is known', () => {
  const shapes: CallShape[] = []
  readPlainCall(usual, shape => shapes.push(shape))
  const [shape] = shapes as [CallShape]
  const byShape = (text: string) => readByShape(text, shape)

  test('what is learned is all but the values', () => {
    expect(shape.names).toEqual(['A', 'B'])
    expect(shape.pieces.join('|')).toBe(usual.replace('>1<', '>|<').replace('<B><', '<B>|<'))
  })

  test.each([
    ['the same', usual],
    ['other values', usual.replace('>1<', '>70610<').replace('<B><', '<B>x<')],
    ['blanks and signs', usual.replace('>1<', `> it's > "1"; a]b, ]]<`)],
    ['no values', usual.replace('>1<', '><')],
  ])('is read as the reader of XML reads it: %s', (_, text) => {
    expect(byShape(text)).toEqual(decodeByXml(utf8Encode(text)))
  })

  test.each([
    ['a reference', usual.replace('>1<', '>&lt;<')],
    ['an ampersand', usual.replace('>1<', '>Tom & Jerry<')],
    ['a line end in a value', usual.replace('>1<', '>1\r\n<')],
    ['the end of a CDATA section', usual.replace('>1<', '>]]><')],
    ['an element in a value', usual.replace('>1<', '><C></C><')],
    ['another tag', usual.replace('</A>', '</C>')],
    ['another argument', usual.replace('<A>1</A>', '<C>1</C>')],
    ['one argument more', usual.replace('<B>', '<C></C><B>')],
    ['one argument less', usual.replace('<B></B>', '')],
    ['another action', usual.replaceAll('Get', 'Set')],
    ['something after the end', `${usual}\r\n`],
    ['something before the beginning', ` ${usual}`],
    ['half of it', usual.slice(0, -20)],
    ['nothing', ''],
  ])('has another one: %s', (_, text) => {
    expect(byShape(text)).toBeUndefined()
  })

  test('an empty element and a call without arguments', () => {
    const learned: CallShape[] = []
    readPlainCall(usual.replace('<B></B>', '<B/>'), each => learned.push(each))
    expect(learned).toHaveLength(0)
    const none = usual.replace('<A>1</A><B></B>', '')
    readPlainCall(none, each => learned.push(each))
    expect(readByShape(none, learned[0] as CallShape)).toEqual(decodeByXml(utf8Encode(none)))
    expect(readByShape(usual, learned[0] as CallShape)).toBeUndefined()
  })

  test('decodeCall() reads text again and again as it reads bytes', () => {
    const other = usual.replace('<A>1</A>', '<A>2</A>\r\n')
    for (const text of [usual, other, usual, usual.replace('>1<', '>Tom & Jerry<'), other, usual]) {
      expect(decodeCall(text, 'Get')).toEqual(decodeCall(utf8Encode(text)))
    }
  })
})
