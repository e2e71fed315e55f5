/** What the client tests run against: Portico on both engines, or miniupnpd (`SERVER=miniupnpd`) to test the tests. */
import type { Lab } from '../support/lab.ts'
import { startMiniupnpd } from '../support/miniupnpd.ts'
import { type Engine, type StartOptions, startDaemon } from '../support/server.ts'

export type Subject = Engine | 'miniupnpd'

const wish = process.env['SERVER']

export const SUBJECTS: readonly Subject[] = wish === undefined ? ['quickjs', 'node'] : (wish.split(',') as Subject[])

/** The rows that look into the daemon run on Portico only. */
export const ENGINES: readonly Engine[] = SUBJECTS.filter(subject => subject !== 'miniupnpd')

export async function startSubject(
  lab: Lab,
  subject: Subject,
  options: StartOptions & { readonly service?: 'upnp' | 'nat-pmp' } = {},
): Promise<{ stop(): Promise<number>; readonly output: string }> {
  return subject === 'miniupnpd'
    ? startMiniupnpd(lab, options.service)
    : startDaemon(lab, { ...options, engine: subject })
}
