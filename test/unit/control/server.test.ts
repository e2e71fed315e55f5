import { describe, expect, test } from 'vitest'
import { utf8Decode, utf8Encode } from '../../../src/base/text.ts'
import { controlHandler } from '../../../src/control/server.ts'
import { fieldOf } from '../../../src/wire/http.ts'
import { MemoryWorld, mapping, run } from '../../support/control-world.ts'

const options = { json: false, width: 80 }

function world(): MemoryWorld {
  const made = new MemoryWorld()
  made.held = [
    mapping({ port: 4000, label: 'one' }),
    mapping({ transport: 'udp', port: 4000, label: 'two', host: '192.168.88.20' }),
    mapping({ port: 80, via: 'operator', label: 'web' }),
  ]
  return made
}

async function ask(on: MemoryWorld, method: string, target: string, body: unknown = '') {
  const bytes = utf8Encode(typeof body === 'string' ? body : JSON.stringify(body))
  const request = { method, target, minor: 1, fields: [], body: bytes, keepAlive: true } as const
  const response = await controlHandler(on)(request)
  const text = 'pieces' in response ? Array.from(response.pieces, utf8Decode).join('') : utf8Decode(response.body)
  return { status: response.status, exit: fieldOf(response.fields, 'exit-status'), text }
}

const json = async (on: MemoryWorld, method: string, target: string, body?: unknown) => {
  const { status, text } = await ask(on, method, target, body)
  return { status, value: text === '' ? undefined : JSON.parse(text) }
}

describe('remove', () => {
  const rows: readonly (readonly [line: string, exit: number, said: string, removed: readonly string[]])[] = [
    ['remove 1', 0, '', ['one']],
    ['remove *FA0', 0, '', ['one']],
    ['remove *10fa0', 0, '', ['two']],
    ['remove 1,2', 0, '', ['one', 'two']],
    ['remove 1 1 *FA0', 0, '', ['one']],
    ['remove [find dynamic]', 0, '', ['one', 'two']],
    ['remove [find client=192.168.88.20]', 0, '', ['two']],
    ['remove [find dst-port=9]', 0, '', []],
    ['remove 3', 1, 'no such item\n', []],
    ['remove *1', 1, 'no such item\n', []],
    ['remove 1,9', 1, 'no such item\n', []],
    [
      'remove 0',
      1,
      'failure: cannot remove item *50: it is static: remove its `config mapping` from /etc/config/portico\n',
      [],
    ],
    ['remove x', 2, 'invalid internal item number (line 1 column 26)\n', []],
  ]
  for (const [line, exit, said, removed] of rows) {
    test(`${line} ends with ${exit}`, async () => {
      const on = world()
      expect(await run(on, `/ip upnp mappings ${line}`, options)).toEqual({ exit, text: said })
      expect(on.removed.map(({ label }) => label)).toEqual(removed)
    })
  }

  test('tells what the engine refuses', async () => {
    const on = world()
    on.obstacle = { ok: false, why: 'kernel', because: 'the kernel did not accept the change: EPERM' }
    expect(await run(on, '/ip upnp mappings remove 1', options)).toEqual({
      exit: 1,
      text: 'failure: cannot remove item *FA0: the kernel did not accept the change: EPERM\n',
    })
  })

  test('a mapping that ended meanwhile is removed as wished', async () => {
    const on = world()
    const remove = on.remove.bind(on)
    on.remove = async each => {
      const answer = await remove(each)
      on.held = [] // the other one expires while the kernel works
      return answer
    }
    expect(await run(on, '/ip upnp mappings remove [find dynamic]', options)).toEqual({ exit: 0, text: '' })
  })
})

describe('POST /console', () => {
  test('answers with the text and the exit status', async () => {
    const answer = await ask(world(), 'POST', '/console', { words: ['/ip', 'nat-pmp', 'print'], ...options })
    expect(answer).toEqual({
      status: 200,
      exit: '0',
      text: '                enabled: yes\n  allow-port-forwarding: yes\n',
    })
  })
  test('the exit status tells a refusal from bad grammar', async () => {
    const exit = async (line: string) => (await ask(world(), 'POST', '/console', { words: [line], ...options })).exit
    expect(await exit('/ip upnp mappings remove *1')).toBe('1')
    expect(await exit('/ip upnp mappings remove x')).toBe('2')
  })
  const bad: readonly unknown[] = [
    '',
    '{',
    '[]',
    'null',
    {},
    { words: [], ...options },
    { words: 'status', ...options },
    { words: [1], ...options },
    { words: ['status'], json: 1, width: 80 },
    { words: ['status'], json: false, width: 1e9 },
    { words: ['status'], json: false, width: null },
  ]
  for (const body of bad) {
    test(`refuses ${JSON.stringify(body)}`, async () => {
      expect((await ask(world(), 'POST', '/console', body)).status).toBe(400)
    })
  }
  test('refuses other methods and other paths', async () => {
    expect((await ask(world(), 'GET', '/console')).status).toBe(405)
    expect((await ask(world(), 'GET', '/')).status).toBe(404)
    expect((await ask(world(), 'GET', '/restful')).status).toBe(404)
  })
  test('answers 500 when the world breaks', async () => {
    const on = world()
    on.status = () => {
      throw new Error('boom')
    }
    const answer = await ask(on, 'POST', '/console', { words: ['status'], ...options })
    expect(answer).toEqual({ status: 500, exit: undefined, text: 'the daemon made a mistake: Error: boom\n' })
  })
})

describe('/rest', () => {
  const one = {
    '.id': '*FA0',
    dynamic: 'true',
    protocol: 'tcp',
    'dst-port': '4000',
    'internal-address': '192.168.88.10',
    'internal-port': '4000',
    service: 'nat-pmp',
    timeout: '7199',
    lifetime: '7200',
    'dst-address': '11.22.33.44',
    client: '192.168.88.10',
    comment: 'one',
    disabled: 'false',
    invalid: 'false',
  }
  test('GET of a list: all values are strings', async () => {
    const { status, value } = await json(world(), 'GET', '/rest/ip/upnp/mappings')
    expect(status).toBe(200)
    expect(value).toHaveLength(3)
    expect(value[1]).toEqual(one)
  })
  test('GET has the traffic that the kernel counts, and it can be asked for', async () => {
    const on = world()
    const [first] = on.held
    if (first !== undefined) on.counted.set(first, { packets: 3, bytes: 4567, bytesOut: 8 })
    const asked = '/rest/ip/upnp/mappings?bytes=4567&.proplist=.id,packets,bytes'
    const counts = { packets: '3', bytes: '4567' }
    const { value } = await json(on, 'GET', asked)
    expect(value).toMatchObject([counts])
    expect((await json(on, 'GET', `/rest/ip/upnp/mappings/${value[0]['.id']}`)).value).toMatchObject(counts)
    expect((await json(on, 'POST', '/rest/ip/firewall/nat/print', { bytes: '4567' })).value).toMatchObject([counts])
  })
  test('GET with filters and .proplist', async () => {
    const { value } = await json(
      world(),
      'GET',
      '/rest/ip/upnp/mappings?protocol=tcp&dynamic=true&.proplist=.id,comment',
    )
    expect(value).toEqual([{ '.id': '*FA0', comment: 'one' }])
    expect(await json(world(), 'GET', '/rest/ip/upnp/mappings?foo=1')).toEqual({
      status: 400,
      value: { error: 400, message: 'Bad Request', detail: 'unknown parameter foo' },
    })
  })
  test('GET of settings: one object', async () => {
    const expected = { status: 200, value: { enabled: 'true', 'allow-port-forwarding': 'true' } }
    expect(await json(world(), 'GET', '/rest/ip/nat-pmp')).toEqual(expected)
    expect(await json(world(), 'GET', '/rest/ip/upnp/natpmp')).toEqual(expected)
  })
  test('GET of one item', async () => {
    expect(await json(world(), 'GET', '/rest/ip/upnp/mappings/*FA0')).toEqual({ status: 200, value: one })
    expect(await json(world(), 'GET', '/rest/ip/upnp/mappings/%2AFA0')).toEqual({ status: 200, value: one })
    const absent = { status: 404, value: { error: 404, message: 'Not Found' } }
    expect(await json(world(), 'GET', '/rest/ip/upnp/mappings/*1')).toEqual(absent)
  })
  test('DELETE: once', async () => {
    const on = world()
    expect(await json(on, 'DELETE', '/rest/ip/upnp/mappings/*FA0')).toEqual({ status: 204, value: undefined })
    expect((await json(on, 'DELETE', '/rest/ip/upnp/mappings/*FA0')).status).toBe(404)
    expect(on.removed).toHaveLength(1)
  })
  test('POST print', async () => {
    const { value } = await json(world(), 'POST', '/rest/ip/upnp/mappings/print', { '.proplist': ['.id', 'dst-port'] })
    expect(value).toEqual([
      { '.id': '*50', 'dst-port': '80' },
      { '.id': '*FA0', 'dst-port': '4000' },
      { '.id': '*10FA0', 'dst-port': '4000' },
    ])
  })
  test('POST remove', async () => {
    const on = world()
    expect(await json(on, 'POST', '/rest/ip/upnp/mappings/remove', { '.id': '*fa0,*10FA0' })).toEqual({
      status: 200,
      value: [],
    })
    expect(on.removed).toHaveLength(2)
    const detail = async (body: unknown) => (await json(on, 'POST', '/rest/ip/upnp/mappings/remove', body)).value.detail
    expect(await detail({})).toBe('missing =.id=')
    expect(await detail({ '.id': '*1' })).toBe('no such item')
    expect(await detail({ '.id': '*50' })).toContain('it is static')
    expect(await detail('[')).toBe('the body is no JSON object of texts')
  })
  test('what is not there', async () => {
    const detail = async (method: string, target: string) => (await json(world(), method, target)).value.detail
    expect(await detail('GET', '/rest')).toBe('no such command or directory ()')
    expect(await detail('GET', '/rest/ip')).toBe('no such command or directory (ip)')
    expect(await detail('POST', '/rest/ip/nat-pmp/remove')).toBe('no such command or directory (remove)')
    expect(await detail('POST', '/rest/ip/nat-pmp/constructor')).toBe('no such command or directory (constructor)')
    expect(await detail('PATCH', '/rest/ip/nat-pmp/x')).toBe('PATCH is not served')
  })
})
