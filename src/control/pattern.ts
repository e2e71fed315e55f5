/**
 * The patterns of `where name~"pattern"`: POSIX extended expressions without counts and back references: `. * + ? |
 * ( ) [a-z] [^a-z] ^ $ \x`. Matched by stepping all possibilities at once (Thompson's construction), so the time is at
 * most pattern times text: no pattern, however clever, makes the daemon think for long.
 */

export interface Pattern {
  /** Whether it is found anywhere in `text`. Case counts, as in RouterOS. */
  matches(text: string): boolean
}

/** `undefined`: it does not parse, or is longer than 128 characters. */
export function compilePattern(source: string): Pattern | undefined {
  if (source.length > LONGEST) return undefined
  if (!/[.*+?|()[\]{}^$\\]/.test(source)) return { matches: text => text.includes(source) }
  const parser = new Parser(source)
  const tree = parser.parse()
  if (tree === undefined) return undefined
  const program: Step[] = []
  emit(tree, program)
  program.push({ do: 'found' })
  return { matches: text => run(program, text) }
}

const LONGEST = 128
const DEEPEST = 16

type Node =
  | { readonly is: 'one'; readonly test: (code: number) => boolean }
  | { readonly is: 'start' | 'end' }
  | { readonly is: 'all' | 'any'; readonly of: readonly Node[] }
  | { readonly is: 'repeat'; readonly of: Node; readonly least: 0 | 1; readonly most: 1 | 'many' }

type Step =
  | { readonly do: 'one'; readonly test: (code: number) => boolean }
  | { readonly do: 'start' | 'end' | 'found' }
  | { do: 'fork'; to: number; or: number }
  | { do: 'jump'; to: number }

class Parser {
  readonly #source: string
  #at = 0
  #depth = 0

  constructor(source: string) {
    this.#source = source
  }

  parse(): Node | undefined {
    const tree = this.#choice()
    return this.#at === this.#source.length ? tree : undefined
  }

  #choice(): Node | undefined {
    const branches: Node[] = []
    do {
      const branch = this.#sequence()
      if (branch === undefined) return undefined
      branches.push(branch)
    } while (this.#accept('|'))
    return { is: 'any', of: branches }
  }

  #sequence(): Node | undefined {
    const parts: Node[] = []
    while (this.#at < this.#source.length && !'|)'.includes(this.#peek())) {
      const atom = this.#atom()
      if (atom === undefined) return undefined
      parts.push(this.#repeated(atom))
    }
    return { is: 'all', of: parts }
  }

  #repeated(atom: Node): Node {
    let node = atom
    for (;;) {
      if (this.#accept('*')) node = { is: 'repeat', of: node, least: 0, most: 'many' }
      else if (this.#accept('+')) node = { is: 'repeat', of: node, least: 1, most: 'many' }
      else if (this.#accept('?')) node = { is: 'repeat', of: node, least: 0, most: 1 }
      else return node
    }
  }

  #atom(): Node | undefined {
    const char = this.#next()
    if (char === '^') return { is: 'start' }
    if (char === '$') return { is: 'end' }
    if (char === '.') return { is: 'one', test: () => true }
    if (char === '(') return this.#group()
    if (char === '[') return this.#set()
    if ('*+?{}]'.includes(char)) return undefined
    return char === '\\' ? this.#escaped() : literal(char)
  }

  #escaped(): Node | undefined {
    const char = this.#next()
    return char === '' || /[0-9A-Za-z]/.test(char) ? undefined : literal(char)
  }

  #group(): Node | undefined {
    if (++this.#depth > DEEPEST) return undefined
    const inner = this.#choice()
    this.#depth--
    return this.#accept(')') ? inner : undefined
  }

  #set(): Node | undefined {
    const inverted = this.#accept('^')
    const ranges: (readonly [number, number])[] = []
    do {
      const first = this.#next()
      const isRange = this.#peek() === '-' && this.#source[this.#at + 1] !== ']'
      if (isRange) this.#next()
      const last = isRange ? this.#next() : first
      if (first === '' || last === '' || first > last) return undefined
      ranges.push([first.charCodeAt(0), last.charCodeAt(0)])
    } while (this.#at < this.#source.length && this.#peek() !== ']')
    if (!this.#accept(']')) return undefined
    return { is: 'one', test: code => ranges.some(([from, to]) => from <= code && code <= to) !== inverted }
  }

  #peek(): string {
    return this.#source.charAt(this.#at)
  }

  #next(): string {
    return this.#source.charAt(this.#at++)
  }

  #accept(char: string): boolean {
    if (this.#peek() !== char) return false
    this.#at++
    return true
  }
}

function literal(char: string): Node {
  const wanted = char.charCodeAt(0)
  return { is: 'one', test: code => code === wanted }
}

function emit(node: Node, program: Step[]): void {
  switch (node.is) {
    case 'one':
      program.push({ do: 'one', test: node.test })
      return
    case 'start':
    case 'end':
      program.push({ do: node.is })
      return
    case 'all':
      for (const part of node.of) emit(part, program)
      return
    case 'any':
      emitAny(node.of, program)
      return
    case 'repeat':
      emitRepeat(node.of, node.least, node.most, program)
      return
  }
}

function emitAny(branches: readonly Node[], program: Step[]): void {
  const jumps: { do: 'jump'; to: number }[] = []
  for (const [index, branch] of branches.entries()) {
    if (index === branches.length - 1) {
      emit(branch, program)
      continue
    }
    const fork: Step = { do: 'fork', to: program.length + 1, or: 0 }
    program.push(fork)
    emit(branch, program)
    const jump = { do: 'jump' as const, to: 0 }
    jumps.push(jump)
    program.push(jump)
    fork.or = program.length
  }
  for (const jump of jumps) jump.to = program.length
}

function emitRepeat(of: Node, least: 0 | 1, most: 1 | 'many', program: Step[]): void {
  const start = program.length
  const fork: Step = { do: 'fork', to: start + 1, or: 0 }
  if (least === 0) program.push(fork)
  emit(of, program)
  if (most === 'many') {
    program.push({ do: 'fork', to: start + (least === 0 ? 1 : 0), or: program.length + 1 })
  }
  fork.or = program.length
}

function run(program: readonly Step[], text: string): boolean {
  let active: number[] = []
  for (let at = 0; ; at++) {
    // A match may start anywhere, so the first step joins in at every place.
    const reached = follow(program, [...active, 0], at, text.length)
    if (reached === 'found') return true
    if (at === text.length) return false
    const code = text.charCodeAt(at)
    active = []
    for (const index of reached) {
      const step = program[index] as Step
      if (step.do === 'one' && step.test(code)) active.push(index + 1)
    }
  }
}

/** All steps that wait for a character, reachable from `from` without one. */
function follow(program: readonly Step[], from: number[], at: number, length: number): number[] | 'found' {
  const seen = new Set<number>()
  const waiting: number[] = []
  while (from.length > 0) {
    const index = from.pop() as number
    if (seen.has(index)) continue
    seen.add(index)
    const step = program[index] as Step
    if (step.do === 'found') return 'found'
    if (step.do === 'one') waiting.push(index)
    else if (step.do === 'jump') from.push(step.to)
    else if (step.do === 'fork') from.push(step.to, step.or)
    else if (step.do === 'start' ? at === 0 : at === length) from.push(index + 1)
  }
  return waiting
}
