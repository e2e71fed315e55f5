/** Addresses by the number that they are, for tests that need many. */
import type { Ip } from '../../src/base/ip.ts'

export const ipv4FromNumber = (n: number): Ip =>
  `${(n >>> 24) & 255}.${(n >>> 16) & 255}.${(n >>> 8) & 255}.${n & 255}` as Ip
