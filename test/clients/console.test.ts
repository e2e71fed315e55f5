/** The console and the control socket of a running daemon, with mappings that real requests made. */
import { connect } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kernelView, nameOf } from '../support/kernel.ts'
import { LAN, type Lab, makeLab, WAN } from '../support/lab.ts'
import { askMap } from '../support/natpmp.ts'
import { run, sleep, until } from '../support/process.ts'
import { expectNoReach, expectReach } from '../support/reach.ts'
import { defaultUci, type Server, startDaemon } from '../support/server.ts'
import { ENGINES } from './under-test.ts'

const MORE = `config permission
	option action 'deny'
	option protocol 'tcp'
	option internal_port '2222'
	option comment 'no ssh'

config mapping
	option protocol 'tcp'
	option external_port '8443'
	option internal_address '192.168.88.5'
	option internal_port '443'
	option comment 'web server'
`

describe.each(ENGINES)('on %s', engine => {
  let lab: Lab
  let server: Server

  beforeAll(async () => {
    lab = await makeLab()
    server = await startDaemon(lab, { engine, uci: defaultUci({ more: MORE }) })
    await Promise.all([lab.a.udpEcho(4100), lab.a.tcpEcho(4100)])
  })
  afterAll(() => lab?.close())
  beforeEach(async () => {
    for (const transport of ['udp', 'tcp'] as const) {
      await askMap(lab.a, { transport, internal: 4100, external: 4100, lifetime: 3600 })
    }
  })

  const said = async (...words: string[]) => {
    const { status, stdout, stderr } = await server.console(...words)
    return { status, stdout, stderr }
  }
  const curl = (path: string, ...options: string[]) => {
    const socket = ['--unix-socket', join(server.runDirectory, 'portico.sock')]
    return run(['curl', '-s', ...socket, ...options, `http://x/rest${path}`])
  }

  test('status tells engine, service, uplink and mappings', async () => {
    const { status, stdout } = await said('status')
    expect(status).toBe(0)
    expect(stdout).toMatch(engine === 'node' ? / on Node \d+/ : / on QuickJS \d{4}/)
    expect(stdout).toContain(`nat-pmp: on, at ${LAN}:5351`)
    expect(stdout).toContain(`external: wan0 ${WAN} (public)`)
    expect(stdout).toContain(`internal: br-lan ${LAN}`)
    expect(stdout).toMatch(/mappings: 3 of \d+ /)
  })

  test('the settings and the roles', async () => {
    expect((await said('/ip', 'nat-pmp', 'print')).stdout).toBe(
      '                enabled: yes\n  allow-port-forwarding: yes\n',
    )
    expect((await said('/ip upnp natpmp print')).stdout).toBe((await said('/ip nat-pmp print')).stdout)
    const { stdout } = await said('/ip/nat-pmp/interfaces/print')
    expect(stdout).toMatch(/\n0 D lan +internal +br-lan\n1 D wan +external +wan0\n$/)
  })

  test('the mappings, and the same as RouterOS rules', async () => {
    const { stdout } = await said('/ip upnp mappings print')
    expect(stdout).toMatch(/\n;;; web server\n0 {3}tcp +8443 +192\.168\.88\.5 +443 +static\n/)
    expect(stdout).toMatch(/\n1 D tcp +4100 +192\.168\.88\.10 +4100 +nat-pmp +59m5\ds|\n1 D tcp .* 1h\n/)
    const nat = (await said('/ip', 'firewall', 'nat', 'print', 'where', 'dynamic')).stdout
    expect(nat).toContain('\n1 D ;;; nat-pmp 192.168.88.10:')
    expect(nat).toContain(
      '\n    chain=dstnat action=dst-nat to-addresses=192.168.88.10 to-ports=4100\n' +
        `    protocol=tcp dst-address=${WAN} in-interface=wan0 dst-port=4100\n`,
    )
  })

  test('print stats shows what came in', async () => {
    await lab.router.must(['sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_acct=1'])
    await expectReach(lab, 'udp', 4100, lab.a)
    // A reading of the kernel serves for a second.
    const carried = await until('traffic', async () => {
      const rows = await server.json('/ip upnp mappings print where protocol=udp and bytes>0')
      return (rows as readonly Readonly<Record<string, number>>[])[0]
    })
    expect(carried['packets']).toBeGreaterThanOrEqual(2)
    const { stdout } = await said('/ip upnp mappings print stats where protocol=udp')
    expect(stdout).toContain('BYTES  PACKETS\n')
    expect(stdout).toMatch(/ 4100 +[1-9]\d+ +[1-9]\d*\n/)
  })

  test('a flow that began and ended unseen counts, on the console and by REST', async () => {
    await lab.router.must(['sysctl', '-q', '-w', 'net.netfilter.nf_conntrack_acct=1'])
    const packets = async () => {
      await sleep(1100) // a reading of the kernel serves for a second
      const [row] = (await server.json('/ip upnp mappings print where protocol=udp')) as readonly { packets?: number }[]
      return row?.packets ?? 0
    }
    const before = await packets()
    for (let n = 0; n < 5; n++) await expectReach(lab, 'udp', 4100, lab.a)
    await lab.router.must(['conntrack', '-F'])
    expect(await packets()).toBe(before + 10)
    const { stdout } = await curl('/ip/upnp/mappings?protocol=udp&.proplist=packets')
    expect(JSON.parse(stdout)).toEqual([{ packets: String(before + 10) }])
  })

  test('remove ends the mapping in the kernel and its traffic, and nothing else', async () => {
    await expectReach(lab, 'tcp', 4100, lab.a)
    expect(await said('/ip upnp mappings remove [find where protocol=tcp and dynamic]')).toEqual({
      status: 0,
      stdout: '',
      stderr: '',
    })
    await expectNoReach(lab, 'tcp', 4100)
    expect((await kernelView(lab)).forward.map(nameOf).sort()).toEqual([
      `tcp ${WAN}:8443 -> 192.168.88.5:443`,
      `udp ${WAN}:4100 -> 192.168.88.10:4100`,
    ])
    const { stdout } = await said('/log', 'print', 'where', 'message~removed')
    expect(stdout).toContain(`${WAN}:4100`)
  })

  test('remove by id, once', async () => {
    const id = `*${(0x10000 + 4100).toString(16).toUpperCase()}`
    expect(await server.json('/ip upnp mappings remove', id)).toEqual({ removed: [id] })
    expect(await said('/ip upnp mappings remove', id)).toEqual({ status: 1, stdout: '', stderr: 'no such item\n' })
  })

  test('a static mapping is refused with the reason, exit 1; bad grammar is exit 2', async () => {
    const refused = await said('/ip upnp mappings remove 0')
    expect(refused.status).toBe(1)
    expect(refused.stderr).toContain('it is static')
    expect(await said('/ip', 'upnpx')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'bad command name upnpx (line 1 column 5)\n',
    })
  })

  test('a refusal of the policy stands in the log and in the status, with its rule', async () => {
    await askMap(lab.a, { transport: 'tcp', internal: 2222, external: 2222, lifetime: 3600 })
    expect((await said('/log print where message~"no ssh"')).stdout).toMatch(/nat-pmp,info .*2222.*permission 0/)
    expect((await said('status')).stdout).toMatch(/Refused lately\n {2}1 x not-allowed, last: .*no ssh/)
  })

  test('REST on the socket', async () => {
    const { stdout } = await curl('/ip/upnp/mappings?protocol=udp&.proplist=.id,dst-port')
    expect(JSON.parse(stdout)).toEqual([{ '.id': '*11004', 'dst-port': '4100' }])
    await curl('/ip/upnp/mappings/*11004', '-X', 'DELETE')
    expect((await kernelView(lab)).forward.map(nameOf)).not.toContain(`udp ${WAN}:4100 -> 192.168.88.10:4100`)
    expect(JSON.parse((await curl('/ip/upnp/mappings/*11004')).stdout)).toEqual({ error: 404, message: 'Not Found' })
  })

  test('a client that stalls in the middle of a request keeps nobody waiting', async () => {
    const stalled = connect(join(server.runDirectory, 'portico.sock'))
    stalled.on('error', () => {})
    stalled.write('POST /console HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{')
    await sleep(50)
    expect((await said('status')).status).toBe(0)
    stalled.destroy()
  })

  test('without a daemon: exit 1, and what to do', async () => {
    const { status, stderr } = await server.console('--run', '/nowhere', 'status')
    expect(status).toBe(1)
    expect(stderr).toContain('no daemon answers on /nowhere/portico.sock')
    expect(stderr).toContain('/etc/init.d/portico start')
  })
})
