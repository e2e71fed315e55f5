/**
 * What the daemon wrote about itself, kept for `/log print` beside the journal of the mappings, and the one place that
 * writes to standard error. syslog adds time and name, so a line begins with its topics, as RouterOS shows them.
 */

import type { Detail, Log, Severity } from '../base/log.ts'
import { oneLine } from '../base/text.ts'
import type { Instant } from '../base/time.ts'
import type { JournalLine } from '../control/world.ts'
import type { Entry } from '../core/journal.ts'
import { Journal } from '../core/journal.ts'
import type { Event } from '../core/record.ts'
import { severityOf, textOf } from '../core/record.ts'
import type { Platform } from '../platform/platform.ts'
import { isJailed } from './jail.ts'

const RANK: Record<Severity, number> = { error: 0, warning: 1, info: 2, debug: 3 }
const LONGEST_LINE = 800
const KEPT = 200

export class Diary {
  readonly journal: Journal
  readonly log: Log
  /** Told of what is written of mappings; a flood is counted, not told. */
  heard: (event: Event) => void = () => {}
  readonly #platform: Platform
  readonly #lines: { readonly at: Instant; readonly line: Omit<JournalLine, 'time'> }[] = []
  /**
   * procd files standard output under daemon.info and standard error under daemon.err, whatever a line says. It says so
   * by PORTICO_LOG, which may not come through its jail.
   */
  readonly #isSplit: boolean
  #level: Severity = 'info'

  constructor(platform: Platform) {
    this.#platform = platform
    this.#isSplit = platform.environment('PORTICO_LOG') === 'split' || isJailed(platform)
    this.journal = new Journal((severity, line, event) => {
      this.#write(severity, topicsOf(event).join(), line)
      this.heard(event)
    })
    this.log = (severity, topic, message, detail) => this.#note(severity, topic, message, detail)
  }

  /** Least important severity that is written; the ring keeps all. */
  set level(level: Severity) {
    this.#level = level
  }

  /** Everything that is remembered, oldest first. */
  lines(now: Instant): readonly JournalLine[] {
    const wall = this.#platform.wallTime() - now
    const own = this.#lines.map(({ at, line }) => ({ at, line }))
    const mappings = this.journal.entries().map(entry => ({ at: entry.at, line: lineOf(entry) }))
    return [...mappings, ...own].sort((a, b) => a.at - b.at).map(({ at, line }) => ({ ...line, time: wall + at }))
  }

  #note(severity: Severity, topic: string, message: string, detail: Detail = {}): void {
    const details = Object.entries(detail).flatMap(([key, value]) => (value === undefined ? [] : `${key}=${value}`))
    const text = oneLine([message, ...details].join(' '), LONGEST_LINE)
    this.#lines.push({ at: this.#platform.clock.now(), line: { severity, topics: [topic], message: text } })
    if (this.#lines.length > KEPT) this.#lines.shift()
    this.#write(severity, topic, text)
  }

  #write(severity: Severity, topic: string, text: string): void {
    if (RANK[severity] > RANK[this.#level]) return
    const line = `${topic},${severity} ${text}`
    if (this.#isSplit && RANK[severity] > RANK.warning) this.#platform.stdout(`${line}\n`)
    else this.#platform.stderr(line)
  }
}

const lineOf = ({ event }: Entry): Omit<JournalLine, 'time'> => ({
  severity: severityOf(event),
  topics: topicsOf(event),
  message: textOf(event),
})

function topicsOf(event: Event): readonly string[] {
  switch (event.what) {
    case 'granted':
    case 'renewed':
    case 'changed':
    case 'suspended':
    case 'resumed':
    case 'expired':
    case 'removed':
      return [event.mapping.owner.via]
    case 'refused':
      return [event.wish.owner.via]
    case 'network':
      return ['upnp']
    case 'uplink':
    case 'moved':
      return ['uplink']
    case 'static-refused':
      return ['config']
    case 'adopted':
    case 'kernel':
      return ['kernel']
    case 'noise':
    case 'quiet':
      return ['system']
  }
}
