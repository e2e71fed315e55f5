import { describe, expect, test } from 'vitest'
import type { Ip } from '../../../src/base/ip.ts'
import type { Instant } from '../../../src/base/time.ts'
import { Epoch } from '../../../src/core/epoch.ts'
import { WishQueue } from '../../../src/core/queue.ts'
import { Rate } from '../../../src/core/rate.ts'
import { ipv4FromNumber } from '../../support/addresses.ts'
import { map } from '../../support/mappings.ts'
import { A, B } from '../../support/router.ts'

const at = (n: number) => n as Instant
const host = (n: number): Ip => ipv4FromNumber(0x0a000000 + n)

function taken(rate: Rate, from: Ip, perSecond: number, now: number): number {
  let count = 0
  while (count < 10_000 && rate.allows(from, perSecond, at(now))) count++
  return count
}

describe('Rate', () => {
  test('a burst of twice the limit, then the limit each second', () => {
    const rate = new Rate()
    expect(taken(rate, A, 50, 0)).toBe(100)
    expect(taken(rate, A, 50, 1000)).toBe(50)
    expect(taken(rate, A, 50, 1020)).toBe(1)
    expect(taken(rate, A, 50, 60_000)).toBe(100)
  })

  test('a least burst holds where the limit is low, and only there', () => {
    expect([5, 50].map(perSecond => taken(new Rate(64), A, perSecond, 0))).toEqual([64, 100])
    const rate = new Rate(64)
    taken(rate, A, 5, 0)
    expect(taken(rate, A, 5, 1000)).toBe(5)
  })

  test('one host does not use up what another has', () => {
    const rate = new Rate()
    taken(rate, A, 50, 0)
    expect(taken(rate, B, 50, 0)).toBe(100)
  })

  test('0 is no limit', () => expect(taken(new Rate(), A, 0, 0)).toBe(10_000))

  test('a flood of invented addresses is forgotten, oldest first', () => {
    const rate = new Rate()
    for (let n = 0; n < 5000; n++) rate.allows(host(n), 50, at(0))
    expect(rate.hosts).toBe(1024)
  })
})

describe('WishQueue', () => {
  const wait = (from: Ip) => ({ wish: map({ host: from }), answer: () => {} })

  test('one host has its share of the places and no more', () => {
    const queue = new WishQueue()
    for (let n = 0; n < 128; n++) expect(queue.push(wait(A))).toBe(true)
    expect(queue.push(wait(A))).toBe(false)
    expect(queue.push(wait(B))).toBe(true)
    queue.take(100)
    expect(queue.length).toBe(29)
    for (let n = 0; n < 100; n++) expect(queue.push(wait(A))).toBe(true)
    expect(queue.push(wait(A))).toBe(false)
    queue.take(1000)
    expect(queue.push(wait(A))).toBe(true)
  })

  test('all places together are bounded', () => {
    const queue = new WishQueue()
    for (let n = 0; n < 2000; n++) queue.push(wait(host(n)))
    expect(queue.length).toBe(1024)
  })

  test('first come, first served', () => {
    const queue = new WishQueue()
    for (const from of [A, B, host(1)]) queue.push(wait(from))
    const clients = [...queue.take(2), ...queue.take(2)].map(({ wish }) => wish.ask === 'map' && wish.internal.ip)
    expect(clients).toEqual([A, B, host(1)])
  })
})

describe('Epoch', () => {
  test('counts whole seconds from its start, and tells of a new one', () => {
    const starts: number[] = []
    const epoch = new Epoch(at(500), start => starts.push(start))
    expect([epoch.seconds(at(1499)), epoch.seconds(at(1500))]).toEqual([0, 1])
    epoch.reset(at(5000))
    expect([epoch.seconds(at(5999)), epoch.seconds(at(6000)), epoch.start]).toEqual([0, 1, 5000])
    expect(starts).toEqual([5000])
  })

  test('goes on from an adopted start without telling anybody', () => {
    const starts: number[] = []
    const epoch = new Epoch(at(9000), start => starts.push(start))
    epoch.resume(at(1000))
    expect([epoch.seconds(at(9000)), starts]).toEqual([8, []])
  })
})
