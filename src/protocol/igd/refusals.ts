/** What a refusal of the core is called in a connection service, for each version (WANIPConnection:2 §2.5.23). */
import type { Refusal } from '../../core/mapping.ts'
import type { ErrorsOf } from './errors.ts'

type Codes = { readonly [V in 1 | 2]: ErrorsOf['WANIPConnection'][V] }

/**
 * Never 402 or 725, after which clients ask the same again without a lease; and in version 1 none of the codes that
 * version 2 brought.
 */
export const CONNECTION_REFUSALS: Readonly<Record<Refusal, Codes>> = {
  'not-allowed': { 1: 606, 2: 606 },
  'forwarding-off': { 1: 606, 2: 606 },
  'bad-host': { 1: 606, 2: 606 },
  'not-owner': { 1: 606, 2: 606 },
  quota: { 1: 501, 2: 728 },
  'no-port': { 1: 501, 2: 728 },
  conflict: { 1: 718, 2: 718 },
  reserved: { 1: 718, 2: 729 },
  absent: { 1: 714, 2: 714 },
  'no-uplink': { 1: 501, 2: 501 },
  busy: { 1: 501, 2: 501 },
  kernel: { 1: 501, 2: 501 },
}
