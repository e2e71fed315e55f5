/** What the daemon says about itself: who, what, and what to do. The journal (`core/journal.ts`) is about mappings. */

/** syslog severities (RFC 5424 §6.2.1), the four that are used. */
export type Severity = 'error' | 'warning' | 'info' | 'debug'

/** Values are shown as `key=value`; text from strangers must have gone through `oneLine` first. */
export type Detail = Readonly<Record<string, string | number | boolean | undefined>>

export type Log = (severity: Severity, topic: string, message: string, detail?: Detail) => void
