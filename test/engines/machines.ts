/** Machines on the other end of a link, as the tests of sockets need them. */
import { execFileSync } from 'node:child_process'
import { Background, must } from '../support/process.ts'

export const ip = (...words: readonly string[]): string => execFileSync('ip', words).toString()

/** A machine: .1 is ours, .2 is its address, and we are its router; with link-local addresses of IPv6 on both ends. */
export async function neighbour(device: string, prefix: string): Promise<Background> {
  const other = new Background(['unshare', '--net', 'sh', '-c', 'echo there; exec sleep 1000'])
  await other.waitFor('there')
  ip('link', 'add', device, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(other.pid))
  ip('addr', 'add', `${prefix}.1/24`, 'dev', device)
  // No link-local address but the one that the tests know.
  ip('link', 'set', device, 'addrgenmode', 'none')
  ip('addr', 'add', 'fe80::1/64', 'dev', device, 'nodad')
  ip('link', 'set', device, 'up')
  const commands = [
    `addr add ${prefix}.2/24 dev eth0`,
    'link set eth0 addrgenmode none',
    'addr add fe80::2/64 dev eth0 nodad',
    'link set eth0 up',
    `route add default via ${prefix}.1`,
  ]
  execFileSync('nsenter', ['-t', String(other.pid), '-n', 'ip', '-batch', '-'], { input: commands.join('\n') })
  return other
}

/** Runs python in a machine; what it printed. */
export const pythonIn = async (machine: Background, script: string): Promise<string> =>
  (await must(['nsenter', '-t', String(machine.pid), '-n', 'python3', '-c', script])).trim()

/** What a datagram `hi` from that machine is answered with. */
export const askFrom = (machine: Background, own: string, address: string, port: number): Promise<string> =>
  pythonIn(
    machine,
    `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('${own}', 0))
s.settimeout(1)
s.sendto(b'hi', ('${address}', ${port}))
try:
    print(s.recv(100).decode())
except TimeoutError:
    print('silence')
`,
  )

/** Sends to a group from that machine. */
export const tellGroup = (machine: Background, group: string, port: number, words: string): Promise<string> =>
  pythonIn(
    machine,
    `
import socket, sys, time
six = ':' in '${group}'
s = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_DGRAM)
index = socket.if_nametoindex('eth0')
if six:
    for attempt in range(50):
        try:
            s.sendto(b'${words}', ('${group}', ${port}, 0, index))
            break
        except OSError: # the link is not quite up
            time.sleep(0.1)
else:
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, bytes(8) + index.to_bytes(4, sys.byteorder))
    s.sendto(b'${words}', ('${group}', ${port}))
`,
  )
