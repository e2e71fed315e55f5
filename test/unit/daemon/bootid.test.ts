/** BOOTID grows with every start, over reboots too. */
import { describe, expect, test } from 'vitest'
import { utf8Decode } from '../../../src/base/text.ts'
import type { Instant } from '../../../src/base/time.ts'
import { bootIdFiles, noteBootId, Rising } from '../../../src/daemon/bootid.ts'

type Files = Record<string, Uint8Array>

/** A machine with clocks and files. */
class Machine {
  /** Seconds since 1970, and since the boot. */
  wall: number
  up = 20
  readonly files: Files
  isFull = false

  constructor(wall: number, files: Files = {}) {
    this.wall = wall
    this.files = files
  }
  readonly clock = { now: () => (this.up * 1000) as Instant }
  readonly wallTime = () => this.wall * 1000 + 999
  readonly readFile = (path: string) => this.files[path]
  readonly makeDirectory = () => {}
  readonly writeFile = (path: string, bytes: Uint8Array) => {
    if (this.isFull) throw new Error('ENOSPC')
    this.files[path] = bytes
  }

  /** Both clocks run. */
  pass(seconds: number): void {
    this.wall += seconds
    this.up += seconds
  }

  /** What lay in the run directory is gone, and the wall clock begins at that time. */
  reboot(wall: number): Machine {
    const left = Object.entries(this.files).filter(([path]) => !path.startsWith('/run/'))
    return new Machine(wall, Object.fromEntries(left))
  }
}

const NOW = 1_800_000_000
/** The newest file of the router's image. */
const PAST = 1_750_000_000
const RAM = bootIdFiles(undefined, '/run')
const FLASH = bootIdFiles('/etc/portico/leases', '/run')

describe('bootIdFiles()', () => {
  test.each([
    [undefined, undefined],
    ['', undefined],
    ['none', undefined],
    ['/etc/portico/leases', '/etc/portico/leases.bootid'],
  ])('beside the lease file %s', (leaseFile, lasting) =>
    expect(bootIdFiles(leaseFile, '/run')).toEqual({ run: '/run/bootid', lasting }),
  )
})

describe('the first of a start', () => {
  test('is the wall clock in seconds', () => expect(new Rising(new Machine(NOW), RAM).first).toBe(NOW))

  test.each([
    ['in the same second', NOW, NOW + 1],
    ['after the clock was put back', 1_000, NOW + 1],
    ['later', NOW + 9, NOW + 9],
  ])('is greater than the last one: %s', (_, seconds, expected) => {
    const machine = new Machine(seconds)
    noteBootId(machine, RAM, NOW)
    expect(utf8Decode(machine.files['/run/bootid'] as Uint8Array)).toBe('1800000000\n')
    expect(new Rising(machine, RAM).first).toBe(expected)
  })

  test('stays below 2^31', () => expect(new Rising(new Machine(2 ** 31 + 5), RAM).first).toBe(5))

  test('of a clock before 1970 is none below 0', () => expect(new Rising(new Machine(-50), RAM).first).toBe(1))

  test.each(['', 'x', '-1', '1e9', '99999999999'])('a file that says %o is no file', text => {
    const files = { '/run/bootid': Uint8Array.from(text, char => char.charCodeAt(0)) }
    expect(new Rising(new Machine(1000, files), RAM).first).toBe(1000)
  })

  test('a directory that is full is no reason to stop', () => {
    const machine = new Machine(0)
    machine.isFull = true
    expect(() => noteBootId(machine, FLASH, 1)).not.toThrow()
  })
})

describe('over reboots of a router without a battery', () => {
  test('rises with a file on flash, whatever the clock says', () => {
    let machine = new Machine(NOW)
    const seen: number[] = []
    for (const wall of [PAST, PAST, PAST - 86_400, 0, PAST]) {
      const { first } = new Rising(machine, FLASH)
      noteBootId(machine, FLASH, first)
      seen.push(first)
      machine = machine.reboot(wall)
    }
    expect(seen).toEqual([NOW, NOW + 1, NOW + 2, NOW + 3, NOW + 4])
  })

  test('takes the greater of both files', () => {
    const machine = new Machine(PAST)
    noteBootId(machine, FLASH, NOW)
    noteBootId(machine, RAM, NOW + 7)
    expect(new Rising(machine, FLASH).first).toBe(NOW + 8)
  })

  test('does not follow the clock where the file knows better', () => {
    const machine = new Machine(NOW)
    noteBootId(machine, FLASH, NOW)
    const again = machine.reboot(PAST)
    const rising = new Rising(again, FLASH)
    again.pass(30)
    again.wall = NOW + 500
    expect(rising.afterClockSet(rising.first)).toBeUndefined()
  })

  test('in RAM: follows the clock once it is set, and is then above the boot before', () => {
    const before = new Machine(PAST)
    const first = new Rising(before, RAM)
    before.wall = NOW
    expect(first.afterClockSet(first.first)).toBe(NOW)
    const after = before.reboot(PAST)
    const second = new Rising(after, RAM)
    expect(second.first).not.toBe(NOW)
    after.pass(30)
    expect(second.afterClockSet(second.first)).toBeUndefined()
    after.wall = NOW + 200
    expect(second.afterClockSet(second.first)).toBe(NOW + 200)
    after.pass(900)
    expect(second.afterClockSet(NOW + 200)).toBeUndefined()
  })

  test.each([
    ['a small correction', 59],
    ['a clock that was put back', -3600],
  ])('in RAM: %s is nothing', (_, seconds) => {
    const machine = new Machine(NOW)
    const rising = new Rising(machine, RAM)
    machine.wall += seconds
    expect(rising.afterClockSet(rising.first)).toBeUndefined()
  })

  test('in RAM: what is greater already stays', () => {
    const machine = new Machine(PAST)
    noteBootId(machine, RAM, NOW)
    const rising = new Rising(machine, RAM)
    machine.wall += 3600
    expect(rising.afterClockSet(rising.first)).toBeUndefined()
  })
})
