/** What a row of the option table says, and how rows are written (`options.ts`). */
import type { Kind } from './kinds.ts'

/** Versions that `since` names. */
export const FIRST = '0.1'
export const WITH_UPNP = '0.2'

interface About {
  readonly help: string
  /** The first version in which the option does something. */
  readonly since: string
  /** The property's name in the console: RouterOS' own, or one in its manner. */
  readonly routeros: string
  /** RouterOS has no such property. */
  readonly extension?: true
  /** For the owner's page and for tests. */
  readonly example: string
}

export interface Option<V> extends About {
  // biome-ignore lint/suspicious/noExplicitAny: kinds of different values stand in one table.
  readonly kind: Kind<any>
  readonly isList: boolean
  readonly need: 'required' | 'optional'
  /** What holds where the option is not set. */
  readonly default: V | undefined
}

interface Common {
  readonly help: string
  readonly since: string
  /** Menus of the console that show the section. */
  readonly menus: readonly string[]
  /** RouterOS has no such menu, so that every property in it is an extension. */
  readonly extension?: true
  readonly options: Readonly<Record<string, Option<unknown>>>
}

/** `config portico 'name'`, once. */
export interface Settings extends Common {
  readonly is: 'settings'
  readonly type: 'portico'
}

/** `config type`, as often as the owner likes, up to `most`. */
export interface Rows extends Common {
  readonly is: 'rows'
  readonly type: string
  readonly most: number
}

/** What the loader makes of a section: every option that has a default or is required is there. */
export type Values<S extends Common> = {
  readonly [K in keyof S['options']]: S['options'][K] extends Option<infer V> ? V : never
}

export function withDefault<T>(kind: Kind<T>, value: T, about: About): Option<T> {
  return { kind, isList: false, need: 'optional', default: value, ...about }
}

export function required<T>(kind: Kind<T>, about: About): Option<T> {
  return { kind, isList: false, need: 'required', default: undefined, ...about }
}

export function optional<T>(kind: Kind<T>, about: About): Option<T | undefined> {
  return { kind, isList: false, need: 'optional', default: undefined, ...about }
}

export function listOf<T>(kind: Kind<T>, value: readonly T[], about: About): Option<readonly T[]> {
  return { kind, isList: true, need: 'optional', default: value, ...about }
}
