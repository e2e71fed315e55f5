/**
 * What a table of `services/` may say, and the types that follow from it. One table serves the description (SCPD), the
 * reading of arguments and the writing of answers, so they cannot disagree; the compiler derives each call's arguments
 * and results from the same table.
 */

/** UPnP Device Architecture 1.1 §2.3, as far as IGD uses it. */
export type ValueType = 'string' | 'ui2' | 'ui4' | 'boolean'

export interface Variable {
  readonly type: ValueType
  /** Closed list of values; another is 601. */
  readonly values?: readonly string[]
  /** A client may write a value in lower case; it is read as it stands in the list. */
  readonly anyCase?: true
  /** Of numbers. */
  readonly range?: { readonly min: number; readonly max: number }
  /** What becomes of a number above the range: the highest one; without this it is 402. */
  readonly clamps?: true
  /** Of numbers: what some clients write instead, in lower case. */
  readonly words?: Readonly<Record<string, number>>
  readonly initial?: string
  /** Bytes of UTF-8 that an argument may have; more is 605. Without it 128. */
  readonly longest?: number
  /** Blanks around it mean nothing: addresses. */
  readonly trimmed?: true
  readonly evented?: true
  /** The value is XML, a document of its own. */
  readonly document?: true
}

/** Argument name -> name of its variable, in the order of the standard. */
export type Arguments = Readonly<Record<string, string>>

export interface Action {
  readonly in: Arguments
  readonly out: Arguments
}

export interface ServiceTable {
  /** The part of the service type between `service:` and the version. */
  readonly name: string
  readonly version: 1 | 2
  readonly id: string
  readonly variables: Readonly<Record<string, Variable>>
  readonly actions: Readonly<Record<string, Action>>
}

export const typeOf = ({ name, version }: ServiceTable): string => `urn:schemas-upnp-org:service:${name}:${version}`

/** Of all states a subscriber hears of, in the order of the table (UDA §4). */
export const eventedOf = ({ variables }: ServiceTable): readonly string[] =>
  Object.keys(variables).filter(name => variables[name]?.evented === true)

/** The value of a variable on our side of the wire. */
export type ValueOf<V> = V extends { readonly type: 'boolean' }
  ? boolean
  : V extends { readonly type: 'ui2' | 'ui4' }
    ? number
    : V extends { readonly values: readonly (infer Word)[] }
      ? Word
      : string

export type ValuesOf<S extends ServiceTable, A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends keyof S['variables'] ? ValueOf<S['variables'][A[K]]> : never
}

/** A call of one service: a union over its actions. */
export type CallOf<S extends ServiceTable> = {
  readonly [A in keyof S['actions'] & string]: {
    readonly service: S['name']
    readonly version: S['version']
    readonly action: A
    readonly args: ValuesOf<S, S['actions'][A]['in']>
  }
}[keyof S['actions'] & string]
