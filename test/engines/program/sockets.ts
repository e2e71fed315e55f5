/** Scenes about UDP, streams and ports. */
import type { Ip, Port } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import type { InternetAddress, Platform, Stream, StreamAddress, UdpOptions } from '../../../src/platform/platform.ts'
import type { Scene } from './main.ts'

const text = (bytes: Uint8Array) => String.fromCharCode(...bytes)
const bytesOf = (words: string) => Uint8Array.from(words, letter => letter.charCodeAt(0))
const codeOf = (error: unknown) => (error as { code?: string }).code ?? String(error)

/** `/path`, `@abstract`, `address,port` or `address,port,device` */
function addressOf(word: string): StreamAddress {
  if (word.startsWith('@')) return { unix: `\0${word.slice(1)}` }
  if (word.startsWith('/')) return { unix: word }
  return internetOf(word)
}

function internetOf(word: string): InternetAddress {
  const [address, port, device] = word.split(',')
  const at = { address: address as Ip, port: Number(port) as Port }
  return device === undefined ? at : { ...at, device }
}

export const socketScenes: Record<string, Scene> = {
  /** udp ADDRESS PORT DEVICE: answers every datagram with who sent it and how long it was. */
  async udp(platform, [address, port, device]) {
    const options = { address: address as Ip, port: Number(port) as Port, device: device as string, multicastTtl: 3 }
    try {
      const socket = await platform.udp(options)
      socket.take(({ bytes, from }) => {
        socket.send(bytesOf(`${from.ip} ${from.port} ${bytes.length} ${text(bytes.subarray(0, 8))}`), from)
      })
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
    }
  },

  /** groups PORT DEVICE GROUP... [-- BEGINS]: prints what each group hears; only what begins with these two letters. */
  async groups(platform, [port, device, ...groups]) {
    const begins = groups.includes('--') ? bytesOf(groups.pop() as string) : undefined
    for (const group of groups) {
      if (group === '--') continue
      const options: UdpOptions = {
        address: group as Ip,
        port: Number(port) as Port,
        device: device as string,
        multicastTtl: 2,
        ...(begins === undefined ? {} : { begins: [begins[0] as number, begins[1] as number] }),
      }
      try {
        const socket = await platform.udp(options)
        socket.take(({ bytes, from }) => platform.stdout(`${device} ${group} heard ${text(bytes)} of ${from.ip}\n`))
      } catch (error) {
        platform.stdout(`refused ${codeOf(error)}\n`)
      }
    }
  },

  /** shared ADDRESS PORT DEVICE: an echo that lets others have the port too. */
  async shared(platform, [address, port, device]) {
    const where = { address: address as Ip, port: Number(port) as Port, device: device as string }
    const socket = await platform.udp({ ...where, multicastTtl: 2, shared: true })
    socket.take(({ bytes, from }) => socket.send(bytes, from))
  },

  /** dial WHERE FROM MILLISECONDS: gives up after that time. */
  dial(platform, [where, from, patience]) {
    let inside = true
    const own = from === '-' ? {} : { from: from as Ip }
    const dialing = platform.dial({ ...internetOf(where as string), ...own }, outcome => {
      if (inside) platform.stdout('called from inside\n')
      if (outcome instanceof Error) {
        platform.stdout(`refused ${outcome.code}\n`)
        platform.exit(0)
      } else {
        outcome.take(
          bytes => platform.stdout(text(bytes)),
          () => platform.exit(0),
        )
        outcome.write(bytesOf('end hello'))
      }
    })
    inside = false
    platform.wakeAt((platform.clock.now() + Number(patience)) as Instant, () => {
      dialing.close()
      dialing.close()
      platform.stdout('given up\n')
    })
  },

  /** udp-echo ADDRESS PORT: the plain echo that rates are measured with. */
  async 'udp-echo'(platform, [address, port]) {
    const options = { address: address as Ip, port: Number(port) as Port, device: 'lo', multicastTtl: 1 }
    const socket = await platform.udp(options)
    socket.take(({ bytes, from }) => socket.send(bytes, from))
  },

  /** udp-send ADDRESS PORT DEVICE TO-ADDRESS TO-PORT: one datagram. */
  async 'udp-send'(platform, [address, port, device, to, toPort]) {
    const options = { address: address as Ip, port: Number(port) as Port, device: device as string, multicastTtl: 7 }
    const socket = await platform.udp(options)
    socket.send(bytesOf('hello'), { ip: to as Ip, port: Number(toPort) as Port })
    // What cannot be sent is dropped without a word.
    socket.send(bytesOf('lost'), { ip: '198.51.100.1' as Ip, port: 9 as Port })
    platform.wakeAt((platform.clock.now() + 200) as Instant, () => platform.exit(0))
  },

  /** listen WHERE: echoes; `end` and `close` are orders, and the end of the input is told. */
  async listen(platform, [where]) {
    try {
      let count = 0
      const listener = await platform.listen(addressOf(where as string), stream => {
        count++
        if (count === 1) platform.stdout(`peer ${stream.peer === undefined ? 'none' : stream.peer.ip}\n`)
        stream.take(
          bytes => serve(platform, stream, text(bytes), () => listener.close()),
          () => {
            platform.stdout('ended\n')
            stream.write(bytesOf('after the end'))
            stream.end()
          },
        )
      })
      platform.onSignal('SIGHUP', () => platform.stdout(`accepted ${count}\n`))
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
      platform.exit(1)
    }
  },

  /** connect WHERE: prints what comes until the end. */
  async connect(platform, [where]) {
    try {
      const stream = await platform.connect(addressOf(where as string))
      stream.take(
        bytes => platform.stdout(text(bytes)),
        () => platform.exit(0),
      )
      stream.write(bytesOf('hello'))
    } catch (error) {
      platform.stdout(`refused ${codeOf(error)}\n`)
    }
  },

  /** pour WHERE MEGABYTES: a numbered flood to whoever connects, written only while little is pending. */
  async pour(platform, [where, megabytes]) {
    await platform.listen(addressOf(where as string), stream => {
      pour(platform, stream, Number(megabytes))
    })
  },

  /** heap WHERE MEGABYTES: everything is written at once, and then `end`: all of it must arrive. */
  async heap(platform, [where, megabytes]) {
    await platform.listen(addressOf(where as string), stream => {
      const piece = new Uint8Array(1 << 20)
      for (let i = 0; i < Number(megabytes); i++) stream.write(piece.fill(i))
      platform.stdout(`pending ${stream.pending}\n`)
      stream.end()
      stream.write(bytesOf('too late'))
    })
  },

  /** words WHERE COUNT: numbered lines, in turn as text and as bytes, written at once, more than the kernel takes. */
  async words(platform, [where, count]) {
    await platform.listen(addressOf(where as string), stream => {
      for (let i = 0; i < Number(count); i++) {
        const line = `${i} ${'abcdefgh'.repeat(8192)}\n`
        stream.write(i % 3 === 2 ? bytesOf(line) : line)
      }
      platform.stdout(`pending ${stream.pending}\n`)
      stream.end()
    })
  },

  /** ports TRANSPORT ADDRESS PORT...: whether each is in use. */
  ports(platform, [transport, address, ...ports]) {
    const used = ports.map(port => platform.portInUse(transport as 'tcp', address as Ip, Number(port) as Port))
    platform.stdout(`${used.join(' ')}\n`)
  },
}

function serve(platform: Platform, stream: Stream, order: string, closeListener: () => void) {
  if (order.startsWith('close')) {
    stream.close()
    stream.close()
    stream.write(bytesOf('never'))
    return
  }
  if (order.startsWith('shut')) closeListener()
  stream.write(bytesOf(order))
  if (order.startsWith('end')) stream.end()
  if (order.startsWith('exit')) platform.exit(0)
}

/** The daemon's way with a slow reader: look at `pending`, come back later. */
function pour(platform: Platform, stream: Stream, megabytes: number) {
  let left = megabytes * 16
  let most = 0
  stream.take(
    () => undefined,
    () => stream.close(),
  )
  const more = () => {
    while (left > 0 && stream.pending < 1 << 18) {
      stream.write(new Uint8Array(1 << 16).fill(left & 255))
      left--
      most = Math.max(most, stream.pending)
    }
    if (left > 0) return platform.wakeAt((platform.clock.now() + 1) as Instant, more)
    platform.stdout(`most pending ${most}\n`)
    stream.end()
  }
  more()
}
