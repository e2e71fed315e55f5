/** What attackers do to a gateway (attack.py), and what the daemon is found to be afterwards. */
import { readFileSync } from 'node:fs'
import { expect } from 'vitest'
import type { Host } from './host.ts'
import { LAN } from './lab.ts'
import type { Background } from './process.ts'
import { supportFile } from './root.ts'
import type { Server } from './server.ts'
import { HTTP_PORT, request, statusOf } from './upnp.ts'

/** The link addresses of br-lan (lab.ts). */
export const LAN_MAC = '02:00:00:00:88:01'

export interface Said {
  /** Until the end of the connection; the name of an error where there was none. */
  readonly text: string
  readonly ms: number
}

const program = () => ['/usr/bin/python3', '-u', supportFile('attack.py')]
const PLACE = [LAN, String(HTTP_PORT)]
const hexOf = (text: string): string => Buffer.from(text, 'latin1').toString('hex')
const hugely = { timeout: 55_000 }

async function ask<T>(host: Host, words: readonly string[], input = ''): Promise<T> {
  return JSON.parse(await host.must([...program(), ...words], { input, ...hugely })) as T
}

/** A text, or a text and the address of the host that it comes from. */
type Request = string | readonly [text: string, from: string]

/** Each request on a connection of its own, in order. */
export const exchange = (host: Host, requests: readonly Request[], to = LAN): Promise<readonly Said[]> =>
  ask(host, ['exchange', to, String(HTTP_PORT), 'eth0'], JSON.stringify(requests))

/** The statuses of the same. */
export const statuses = async (host: Host, requests: readonly Request[], to = LAN): Promise<readonly number[]> =>
  (await exchange(host, requests, to)).map(({ text }) => statusOf(text))

/** All on one connection, the next without waiting for the answer to the last. */
export const onward = (host: Host, writes: readonly string[]): Promise<Said> =>
  ask(host, ['onward', ...PLACE], JSON.stringify(writes))

/** Opens connections that say this much and no more. `from`: a prefix, from addresses .100 and up, eight of each. */
export async function hold(host: Host, count: number, text: string, from?: string): Promise<Background> {
  const it = host.start([
    ...program(),
    'hold',
    ...PLACE,
    String(count),
    hexOf(text),
    ...(from === undefined ? [] : [from]),
  ])
  await it.waitFor('"held"', 30_000)
  return it
}

/** A byte every so many seconds; what was answered, and after what time. */
export const drip = (host: Host, text: string, seconds: number): Promise<Said> =>
  ask(host, ['drip', ...PLACE, hexOf(text), String(seconds)])

/** The text, then this many characters of another as long as they are taken. */
export const upload = (
  host: Host,
  text: string,
  fill: string,
  count: number,
): Promise<Said & { readonly sent: number }> =>
  ask(host, ['upload', ...PLACE, hexOf(text), String(count), String(fill.charCodeAt(0))])

export interface Flood {
  readonly device: string
  readonly mac: string
  readonly from: string
  readonly port: number
  readonly to: string
  readonly text: string
  readonly perSecond: number
  readonly seconds: number
}

/** `bytes`: of payload. */
export const flood = (host: Host, { device, mac, from, port, to, text, perSecond, seconds }: Flood) =>
  ask<{ sent: number; bytes: number }>(host, [
    ...['flood', device, mac, from, String(port), to, hexOf(text), String(perSecond), String(seconds)],
  ])

export const syn = (host: Host, device: string, mac: string, from: string, port: number, to: string) =>
  ask<object>(host, ['syn', device, mac, from, String(port), to])

export interface Tally {
  /** Answers by status and UPnP error code: `200`, `500 728`. */
  readonly tally: Readonly<Record<string, number>>
  /** Of each call. */
  readonly ms: readonly number[]
}

/** One call after the other on one connection; `@` in the text counts from 10000. */
export const calls = (host: Host, count: number, text: string): Promise<Tally> =>
  ask(host, ['calls', ...PLACE, String(count)], text)

/** MiB in memory (VmRSS). */
export function resident(pid: number): number {
  const kib = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
  return Number(kib) / 1024
}

/** Seconds of processor that it has used (USER_HZ is 100). */
export function processor(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / 100
}

/** The most that is in memory while something goes on, in MiB. */
export async function most(pid: number, work: () => Promise<unknown>): Promise<number> {
  let found = resident(pid)
  const watch = setInterval(() => {
    found = Math.max(found, resident(pid))
  }, 20)
  await work().finally(() => clearInterval(watch))
  return Math.max(found, resident(pid))
}

/** It lives, and answers a good client within a second. */
export async function expectHealthy(server: Server, client: Host): Promise<void> {
  expect(server.process.status).toBeUndefined()
  const [said] = await exchange(client, [request('GET', '/rootDesc.xml')])
  expect(said?.text).toMatch(/^HTTP\/1\.1 200 /)
  expect(said?.text).toContain(':InternetGatewayDevice:')
  expect(said?.ms).toBeLessThan(1000)
}

/** UPnP error of an answer, `undefined` for none. */
export function codeOf(answer: string): number | undefined {
  const found = /<errorCode>(\d+)</.exec(answer)?.[1]
  return found === undefined ? undefined : Number(found)
}

/** The same request with the length that its body has now. */
export function sized(text: string): string {
  const end = text.indexOf('\r\n\r\n') + 4
  return text.replace(/Content-Length: \d+/, `Content-Length: ${text.length - end}`)
}
