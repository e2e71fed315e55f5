/** Calls of real programs (test/vectors/igd/calls.txt): all are read, but two that are wrong. */
import { describe, expect, test } from 'vitest'
import { readCall } from '../../../../src/protocol/igd/call.ts'
import { fieldOf, RequestReader } from '../../../../src/wire/http.ts'
import { recordedRequests } from '../../../support/http-requests.ts'
import { outcome } from '../../../support/igd.ts'
import file from '../../../vectors/igd/calls.txt?raw'

const recorded = recordedRequests(file).map(({ from, bytes }) => {
  const reader = new RequestReader()
  reader.push(bytes)
  const event = reader.next()
  if (event?.is !== 'request') throw new Error(`${from}: no request`)
  const { target, fields, body } = event.request
  const header = (name: string) => fieldOf(fields, name)
  return [
    from,
    readCall({ path: target, soapAction: header('soapaction'), contentType: header('content-type'), body }),
  ] as const
})

const named = (from: string) => recorded.find(([each]) => each === from)?.[1]

describe('recorded calls', () => {
  const notXml = 'upnpc of miniupnpc 2.2.4-1+b1, -e "a label <x>": AddPortMapping'
  const noProtocol = '@achingbrain/nat-port-mapper 4.0.5, Node 20: DeletePortMapping'

  test.each(recorded.filter(([from]) => from !== notXml && from !== noProtocol))('%s', (from, reading) => {
    expect(outcome(reading)).toMatchObject({ action: from.split(': ').at(-1) as string })
  })

  test('upnpc writes its description without escaping it: with markup in it that is no XML', () => {
    expect(named(notXml)).toMatchObject({ is: 'fault', code: 402 })
  })

  test('nat-port-mapper leaves the protocol of a deletion empty: which mapping it means cannot be known', () => {
    expect(named(noProtocol)).toMatchObject({ is: 'fault', code: 601 })
  })

  const said: readonly (readonly [from: string, args: Readonly<Record<string, unknown>>])[] = [
    [
      'upnpc of miniupnpc 2.2.4-1+b1: AddAnyPortMapping',
      {
        NewRemoteHost: '',
        NewExternalPort: 4003,
        NewProtocol: 'TCP',
        NewInternalPort: 4003,
        NewInternalClient: '192.168.88.10',
        NewEnabled: true,
        NewPortMappingDescription: 'libminiupnpc',
        NewLeaseDuration: 600,
      },
    ],
    [
      'upnpc of miniupnpc 2.2.4-1+b1: AddPinhole',
      {
        RemoteHost: '2001:db8::1',
        RemotePort: 0,
        InternalClient: 'fd00:88::10',
        InternalPort: 4001,
        Protocol: 6,
        LeaseTime: 600,
      },
    ],
    [
      'python3-miniupnpc 2.2.4-1+b1: AddPortMapping',
      { NewPortMappingDescription: 'python & test', NewProtocol: 'UDP' },
    ],
    ['@silentbot1/nat-api 0.4.9, Node 20: AddPortMapping', { NewPortMappingDescription: 'nat-api & co' }],
    ['nat-upnp 1.1.1: AddPortMapping', { NewPortMappingDescription: 'node:nat:upnp', NewLeaseDuration: 60 }],
    ['libtorrent 2.0.8: AddPortMapping', { NewExternalPort: 6881, NewPortMappingDescription: 'libtorrent/2.0.8.0' }],
  ]
  test.each(said)('%s, by value', (from, args) => expect(named(from)).toMatchObject({ call: { args } }))
})
