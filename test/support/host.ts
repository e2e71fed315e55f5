/** A machine of the lab: a network namespace with a name, an address and an agent. */
import { type Address, Agent, type Heard, type Known, type LoadCounts, type LoadOptions, type Seen } from './agent.ts'
import { Background, type Finished, must, type RunOptions, run } from './process.ts'

export interface Echo {
  /** Datagrams or blocks that reached the server. */
  received(): Promise<number>
  close(): Promise<void>
}

export interface UdpFlow {
  send(to: Address, text: string): Promise<void>
  receive(ms?: number): Promise<Heard>
  /** Sends and waits for what comes back. */
  ask(to: Address, text: string, ms?: number): Promise<Heard>
  close(): Promise<void>
}

export interface TcpFlow {
  ask(text: string, ms?: number): Promise<Heard>
  close(): Promise<void>
}

export interface Sniffer {
  seen(): Promise<readonly Seen[]>
  close(): Promise<void>
}

/** A committed change of nf_tables. */
export interface Generation {
  /** CLOCK_MONOTONIC, seconds: when the notice arrived. */
  readonly at: number
  /** Process that made it. */
  readonly pid: number
  readonly name: string
  /** Rules that came with it. */
  readonly rules: number
}

export interface Generations {
  seen(): Promise<readonly Generation[]>
  close(): Promise<void>
}

export interface Load {
  pause(): Promise<void>
  resume(): Promise<void>
  known(): Promise<{ readonly keys: readonly Known[]; readonly counts: LoadCounts }>
  close(): Promise<void>
}

export interface From {
  readonly from_ip?: string
  readonly from_port?: number
  readonly device?: string
  readonly broadcast?: boolean
}

export class Host {
  readonly name: string
  readonly netns: string
  readonly ip: string
  readonly #script: string
  #agent: Agent | undefined
  readonly #background = new Set<Background>()

  constructor(name: string, netns: string, ip: string, agentScript: string) {
    this.name = name
    this.netns = netns
    this.ip = ip
    this.#script = agentScript
  }

  /** Runs a program here to its end. */
  run(command: readonly string[], options: RunOptions = {}): Promise<Finished> {
    return run(command, { ...options, netns: this.netns })
  }

  must(command: readonly string[], options: RunOptions = {}): Promise<string> {
    return must(command, { ...options, netns: this.netns })
  }

  start(command: readonly string[], options: RunOptions = {}): Background {
    const it = new Background(command, { ...options, netns: this.netns })
    this.#background.add(it)
    return it
  }

  /** A server that answers `<name> saw <peer ip>:<peer port> <what it got>`. */
  async udpEcho(port: number, ip = '0.0.0.0'): Promise<Echo> {
    return this.#echo((await this.#call({ do: 'udp_echo', port, ip })) as number)
  }

  async tcpEcho(port: number, ip = '0.0.0.0'): Promise<Echo> {
    return this.#echo((await this.#call({ do: 'tcp_echo', port, ip })) as number)
  }

  /** One datagram from a new socket, and what comes back to it. */
  udpAsk(to: Address, payload: string | Uint8Array, ms = 1000, from: From = {}): Promise<Heard> {
    return this.#call({ do: 'udp_ask', to, hex: hexOf(payload), seconds: ms / 1000, ...from }) as Promise<Heard>
  }

  tcpAsk(to: Address, payload: string | Uint8Array, ms = 1500): Promise<Heard> {
    return this.#call({ do: 'tcp_ask', to, hex: hexOf(payload), seconds: ms / 1000 }) as Promise<Heard>
  }

  /** Sends over TCP; all that came back until the end or for so long, '' when nobody answered. */
  fetch(to: Address, text: string, ms = 3000): Promise<string> {
    return this.#call({ do: 'fetch', to, hex: hexOf(text), seconds: ms / 1000 }) as Promise<string>
  }

  async udpFlow(from: From = {}): Promise<UdpFlow> {
    const handle = await this.#call({ do: 'udp_open', ...from })
    const send = (to: Address, text: string) =>
      this.#call({ do: 'udp_send', handle, to, hex: hexOf(text) }) as Promise<void>
    const receive = (ms = 1000) => this.#call({ do: 'udp_receive', handle, seconds: ms / 1000 }) as Promise<Heard>
    const ask = async (to: Address, text: string, ms = 1000) => {
      await send(to, text)
      return receive(ms)
    }
    return { send, receive, ask, close: () => this.#close(handle) }
  }

  async tcpFlow(to: Address): Promise<TcpFlow> {
    const handle = await this.#call({ do: 'tcp_open', to })
    const ask = (text: string, ms = 1500) =>
      this.#call({ do: 'tcp_say', handle, hex: hexOf(text), seconds: ms / 1000 }) as Promise<Heard>
    return { ask, close: () => this.#close(handle) }
  }

  /** Watches UDP from or to these ports on a device. */
  async sniff(device: string, ports: readonly number[]): Promise<Sniffer> {
    const handle = await this.#call({ do: 'sniff', device, ports })
    return { seen: () => this.#call({ do: 'sniffed', handle }) as Promise<Seen[]>, close: () => this.#close(handle) }
  }

  /** Watches nf_tables: who changed it, and when. */
  async generations(): Promise<Generations> {
    const handle = await this.#call({ do: 'generations' })
    return {
      seen: () => this.#call({ do: 'sniffed', handle }) as Promise<Generation[]>,
      close: () => this.#close(handle),
    }
  }

  /** A datagram with any source address, put on the link to the station with this MAC. */
  async inject(device: string, mac: string, source: Address, target: Address, payload: Uint8Array): Promise<void> {
    await this.#call({ do: 'inject', device, target_mac: mac, source, target, hex: hexOf(payload) })
  }

  /** Starts NAT-PMP clients that ask without rest (natpmp_load.py). */
  async load(options: LoadOptions): Promise<Load> {
    const handle = await this.#call({ do: 'load', ...options })
    const call = (what: string) => this.#call({ do: what, handle })
    return {
      pause: () => call('load_pause') as Promise<void>,
      resume: () => call('load_resume') as Promise<void>,
      known: () => call('load_known') as ReturnType<Load['known']>,
      close: () => this.#close(handle),
    }
  }

  /** Answer times (ms, sorted) of a client that asks for the external address, one question at a time. */
  latency(server: Address, seconds: number): Promise<{ readonly ms: readonly number[]; readonly lost: number }> {
    return this.#call({ do: 'latency', server, seconds }) as Promise<{ ms: number[]; lost: number }>
  }

  async close(): Promise<void> {
    await Promise.all([...this.#background].map(it => it.kill()))
    await this.#agent?.stop()
  }

  #call(request: { readonly do: string; readonly [key: string]: unknown }): Promise<unknown> {
    this.#agent ??= new Agent(this.#script, this.name, this.netns)
    return this.#agent.call(request)
  }

  #echo(handle: number): Echo {
    return {
      received: () => this.#call({ do: 'received', handle }) as Promise<number>,
      close: () => this.#close(handle),
    }
  }

  async #close(handle: unknown): Promise<void> {
    await this.#call({ do: 'close', handle })
  }
}

const hexOf = (payload: string | Uint8Array): string => Buffer.from(payload).toString('hex')
