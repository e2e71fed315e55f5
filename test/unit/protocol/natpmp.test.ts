import { describe, expect, test } from 'vitest'
import type { Ip, Mac } from '../../../src/base/ip.ts'
import { A, B, bytesOf, policy, Router } from '../../support/router.ts'

const MAP = '00 01 0000 1388 1388 00001c20'

describe('NatPmp bad input', () => {
  test.each([
    ['nothing', ''],
    ['one byte', '00'],
    ['a short mapping request', '00 01 0000 1388'],
    ['a response', '00 81 0000 00000e10 1388 1388 00001c20'],
    ['a PCP response', '02 81 0000 00000e10 00000000'],
    ['1101 bytes with an unknown opcode', `00 03 ${'00'.repeat(1099)}`],
    ['64 KiB', `00 01 ${'ff'.repeat(65_000)}`],
  ])('%s gets silence, no state and no line of its own', async (_what, hex) => {
    const router = await Router.start()
    const before = router.lines.length
    expect(await router.from(A).send(hex)).toBeUndefined()
    expect([router.engine.mappings.size, router.lines.length]).toEqual([0, before])
    await router.pass(60)
    expect(router.lines).toHaveLength(before + 1)
    expect(router.lines.at(-1)).toMatch(/^warning dropped 1 .* from 192\.168\.1\.100 in 60 s$/)
  })

  test('a source port of zero cannot be answered', async () => {
    const router = await Router.start()
    expect(await router.from(A, undefined, 'br-lan', 0).send(MAP)).toBeUndefined()
    expect(router.engine.mappings.size).toBe(0)
  })

  test('bytes after a request are ignored', async () => {
    const router = await Router.start()
    expect((await router.from(A).send(`${MAP} deadbeef`))?.slice(0, 8)).toBe('00810000')
    expect((await router.from(A).send('00 00 01 02 03'))?.length).toBe(24)
  })

  test('a lifetime for internal port zero is refused, and maps nothing', async () => {
    const router = await Router.start()
    expect(await router.from(A).send('00 01 0000 0000 1388 00001c20')).toBe('00810002000000000000000000000000')
    expect(router.engine.mappings.size).toBe(0)
  })

  test('an unknown opcode is echoed whole, with the epoch in its place', async () => {
    const router = await Router.start({ epoch: 258 })
    expect(await router.from(A).send('00 7f aabb ccddeeff 01020304 0506')).toBe(
      '00ff0005' + '00000102' + '010203040506',
    )
    expect(await router.from(A).send('00 7f')).toBe('00ff000500000102')
  })

  test('no reply is longer than its request or than the table of formats', async () => {
    const router = await Router.start()
    for (let opcode = 0; opcode < 128; opcode++) {
      for (const length of [2, 8, 12, 24, 60, 1100]) {
        for (const version of [0, 1, 2, 3, 255]) {
          const bytes = new Uint8Array(length).fill(1)
          bytes[0] = version
          bytes[1] = opcode
          const hex = Array.from(bytes, byte => byte.toString(16).padStart(2, '0')).join('')
          const reply = await router.from(A).send(hex)
          const limit = version !== 0 ? 8 : opcode === 0 ? 12 : opcode < 3 ? 16 : Math.max(8, length)
          expect(bytesOf(reply ?? '').length <= limit).toBe(true)
        }
      }
    }
  })

  test('a host above the limit hears nothing, others are answered', async () => {
    const router = await Router.start({ policy: policy([], { requestsPerSecond: 5 }) })
    const replies: (string | undefined)[] = []
    for (let i = 0; i < 50; i++) replies.push(await router.from(A).send('00 00'))
    expect(replies.filter(reply => reply !== undefined)).toHaveLength(10)
    expect((await router.from(B).send('00 00'))?.length).toBe(24)
    await router.pass(60)
    expect(router.lines.at(-1)).toBe('warning dropped 40 requests above the limit from 192.168.1.100 in 60 s')
  })
})

describe('NatPmp and the kernel', () => {
  test('a kernel that refuses is "out of resources", and nothing is remembered', async () => {
    const router = await Router.start()
    router.kernel.refuse = () => 'ENFILE'
    expect(await router.from(A).map('udp', 5000, 5000)).toEqual({
      result: 4,
      epoch: 0,
      internal: 5000,
      external: 0,
      lifetime: 0,
    })
    expect(router.engine.mappings.size).toBe(0)
  })

  test('the epoch of a reply is that of its departure', async () => {
    const router = await Router.start()
    let open = () => {}
    router.kernel.gate = new Promise(resolve => {
      open = resolve
    })
    const reply = router
      .from(A)
      .map('udp', 5000, 5000)
      .catch(() => undefined)
    router.clock.set(5000)
    open()
    expect((await reply)?.epoch).toBe(5)
  })

  test('the mapping carries label and link address of the client', async () => {
    const router = await Router.start()
    await router.from(A, '02:00:00:00:00:01' as Mac).map('udp', 5000, 5000)
    const [made] = router.kernel.elements
    expect([made?.label, made?.mac, made?.owner]).toEqual([
      'NAT-PMP',
      '02:00:00:00:00:01',
      { via: 'nat-pmp', client: A },
    ])
  })

  test('a client that reboots gets its old port back', async () => {
    const router = await Router.start()
    await router.from(B).map('udp', 5000, 5000)
    const { external } = await router.from(A).map('udp', 5000, 5000, 60)
    await router.pass(61)
    expect((await router.from(A).map('udp', 5000, 0, 60)).external).toBe(external)
  })

  test('a host of another LAN is served on its own device', async () => {
    const barred = (host: Ip, device: string | undefined) => (device === 'br-iot' ? undefined : `${host} is not here`)
    const router = await Router.start({ surroundings: { barred } })
    expect(await router.from('10.0.0.5' as Ip, undefined, 'br-lan').send('00 00')).toBeUndefined()
    expect((await router.from('10.0.0.5' as Ip, undefined, 'br-iot').send('00 00'))?.length).toBe(24)
  })
})
