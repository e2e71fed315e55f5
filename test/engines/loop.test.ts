/** Faults, signals, the alarm, fairness: what keeps a daemon alive and awake, on every engine. */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { compiled } from '../support/compile.ts'
import { Background, run, sleep, until } from '../support/process.ts'
import { abstract, ENGINES, loopbackUp, play, QUICKJS, starter } from './engines.ts'
import { Client } from './udp.ts'

beforeAll(loopbackUp)

const begin = starter()

/** CPU time in ms and voluntary context switches so far (proc(5), ticks of 10 ms). */
function used(pid: number): { cpu: number; switches: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? []
  const switches = /^voluntary_ctxt_switches:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return { cpu: (Number(fields[11]) + Number(fields[12])) * 10, switches: Number(switches) }
}

describe.each(ENGINES)('%s', engine => {
  test('no fault ends the process, and each is reported once', async () => {
    const program = await begin(engine, ['faults'])
    const client = new Client()
    await client.send('throw', 6000)
    await client.send('reject', 6000)
    await program.waitFor('the alarm still rings')
    await program.waitFor('fault: out of an async handler')
    await client.send('end', 6000)
    expect(await program.ended).toBe(7)
    client.close()
    const lines = program.output.split('\n').filter(line => line !== 'ready' && line !== '')
    expect(lines.sort()).toEqual([
      'await caught it',
      'fault: out of a datagram handler',
      'fault: out of an async handler',
      'fault: out of the alarm',
      'fault: promise without a handler',
      'the alarm still rings',
      'the late handler caught it',
    ])
  })

  test('signals come as events; SIGTERM ends cleanly', async () => {
    const program = await begin(engine, ['signals'])
    program.signal('SIGHUP')
    await program.waitFor('hangup\nfault: out of a signal handler')
    program.signal('SIGINT')
    await program.waitFor('interrupt')
    program.signal('SIGHUP')
    await program.waitFor(/hangup[\s\S]*hangup/)
    program.signal('SIGTERM')
    expect(await program.ended).toBe(0)
  })

  test('with nothing left to wait for it ends by itself', async () => {
    const { status, stderr } = await play(engine, ['ends'])
    expect([status, stderr]).toEqual([0, ''])
  })

  test('the alarm rings on time, never early, and a replaced one never', async () => {
    const { stdout } = await play(engine, ['alarm'])
    const late = /^late (.*)$/m.exec(stdout)?.[1]?.split(' ').map(Number) ?? []
    expect(late).toHaveLength(20)
    expect(stdout).not.toContain('replaced')
    expect(Math.min(...late)).toBeGreaterThanOrEqual(0)
    expect(late.sort((a, b) => a - b)[10]).toBeLessThanOrEqual(20)
  })

  test('an alarm in the past rings at once, after the call', async () => {
    expect((await play(engine, ['past'])).stdout.split('\n').sort().join(' ').trim()).toBe('rang ready')
  })

  test('the clock is CLOCK_BOOTTIME', async () => {
    const boot = async () =>
      Number(await run(['awk', '{ print $1 }', '/proc/uptime']).then(({ stdout }) => stdout)) * 1000
    const before = await boot()
    const { stdout } = await play(engine, ['clock'])
    const after = await boot()
    const [now, wall] = (stdout.split('\n')[0] ?? '').split(' ').map(Number)
    expect(now).toBeGreaterThanOrEqual(before - 10)
    expect(now).toBeLessThanOrEqual(after + 20)
    expect(Number.isInteger(now)).toBe(true)
    expect(Math.abs(Date.now() - (wall ?? 0))).toBeLessThan(10_000)
  })

  test('waiting costs nothing', async () => {
    const program = await begin(engine, ['idle', '2500'])
    await sleep(300)
    const before = used(program.pid)
    await sleep(1500)
    const after = used(program.pid)
    await program.waitFor('woke')
    expect(after.cpu - before.cpu).toBeLessThanOrEqual(20)
    if (engine !== 'node') expect(after.switches - before.switches).toBe(0)
  })

  test('a flooded socket starves no other one, no stream and no alarm', { timeout: 30_000 }, async () => {
    const program = await begin(engine, ['fair', '6100', '6101', '6102'])
    const flood = new Background([await compiled('flood'), '127.0.0.1', '6100', '400000', '4'])
    await sleep(300)
    const client = new Client()
    for (let i = 0; i < 100; i++) {
      for (const port of [6101, 6102]) expect((await client.ask(`${port} ${i}`, port))?.text).toBe(`${port} ${i}`)
    }
    const stream = connect({ path: abstract('portico-engines-fair') })
    const echoed = new Promise<string>(resolve => stream.once('data', bytes => resolve(bytes.toString())))
    stream.write('hello')
    expect(await echoed).toBe('hello')
    expect(flood.status).toBe(undefined)
    await flood.ended
    program.signal('SIGHUP')
    const [, flooded, ticks] = await program.waitFor(/flooded (\d+) ticks (\d+)/)
    expect(Number(flooded)).toBeGreaterThan(20_000)
    expect(Number(ticks)).toBeGreaterThan(50)
    client.close()
    stream.destroy()
  })

  test('a socket closed inside a handler is silent from then on, also when its number is used again', async () => {
    const program = await begin(engine, ['closing'])
    const client = new Client()
    execFileSync('kill', ['-STOP', String(program.pid)])
    for (let i = 0; i < 10; i++) for (const port of [6003, 6004]) await client.send('x', port)
    await until('stopped', async () =>
      readFileSync(`/proc/${program.pid}/stat`, 'utf8').includes(') T ') ? 1 : undefined,
    )
    execFileSync('kill', ['-CONT', String(program.pid)])
    await program.waitFor('open again')
    await client.send('new', 6005)
    await program.waitFor('again new')
    expect(program.output.match(/^datagram at/gm)).toHaveLength(1)
    client.close()
  })
})

test.each(QUICKJS)('%s: a burst is handed over whole, up to 64, before promise jobs run', async engine => {
  const program = await begin(engine, ['burst'])
  const client = new Client()
  execFileSync('kill', ['-STOP', String(program.pid)])
  for (let i = 0; i < 100; i++) await client.send('x', 6002)
  execFileSync('kill', ['-CONT', String(program.pid)])
  await program.waitFor(/turn of 64\nturn of 36\n/)
  client.close()
})
