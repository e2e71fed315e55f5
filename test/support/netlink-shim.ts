/** The netlink part of the platform for tests on the kernel, until Node's own file is there. */
import { writeSync } from 'node:fs'
import { getSystemErrorMap } from 'node:util'
import { RawNetlinkSocket } from 'netlink'
import type { Instant } from '../../src/base/time.ts'
import type { NetlinkOptions, NetlinkSocket, Platform } from '../../src/platform/platform.ts'

function netlink({ family, groups }: NetlinkOptions): Promise<NetlinkSocket> {
  const socket = new RawNetlinkSocket(family === 'route' ? 0 : 12)
  for (const group of groups) socket.addMembership(group)
  let closed = false
  return Promise.resolve({
    portId: socket.address().port,
    send: datagram => socket.send(datagram),
    take(each, overrun) {
      socket.on('message', bytes => {
        try {
          if (!closed) each(Uint8Array.from(bytes))
        } catch (error) {
          writeSync(2, 'SHIM ' + error.stack)
        }
      })
      socket.on('error', error => {
        if (error.code === 'ENOBUFS' || error.errno === 105 || error.errno === -105) overrun()
        else console.log('SHIM', error)
      })
    },
    drain() {},
    close() {
      if (!closed) socket.close()
      closed = true
    },
  })
}

const shim: Pick<Platform, 'engine' | 'littleEndian' | 'errnoName' | 'clock' | 'netlink'> = {
  engine: 'shim',
  littleEndian: true,
  errnoName: errno => getSystemErrorMap().get(-errno)?.[0] ?? `E${errno}`,
  clock: { now: () => Number(process.hrtime.bigint() / 1_000_000n) as Instant },
  netlink,
}

export const createNodePlatform = (): Platform => shim as Platform
process.on('uncaughtExceptionMonitor', e => writeSync(2, `SHIM uncaught ${e?.stack}\n`))
