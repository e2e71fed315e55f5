import type { Ip } from '../../src/base/ip.ts'
import type { LinkAddress } from '../../src/wire/rtnetlink.ts'

/** An address that is fit for use, as the kernel lists it, but for what the test is about. */
export const linkAddress = (
  index: number,
  ip: string,
  bits: number,
  change: Partial<LinkAddress> = {},
): LinkAddress => ({
  index,
  ip: ip as Ip,
  bits,
  peer: undefined,
  broadcast: undefined,
  scope: 'universe',
  secondary: false,
  deprecated: false,
  usable: true,
  ...change,
})
