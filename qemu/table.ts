/** The table of the benches in qemu/README.md, made of the latest figures of each image. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../test/support/root.ts'

interface Figure {
  readonly image: string
  readonly name: string
  readonly value: number | string
  readonly unit: string
  readonly at: string
}

interface Row {
  readonly image: string
  readonly what: string
  readonly unit: string
  readonly at: string
  readonly peer: number
  readonly ours: number
}

const BEGIN = '<!-- made by make qemu-bench -->'
const END = '<!-- end -->'

export function writeBenchTable(): void {
  const readme = join(root, 'qemu/README.md')
  const text = readFileSync(readme, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) throw new Error(`${readme} has no place for the table`)
  const all = rows()
  if (all.length === 0) return
  writeFileSync(readme, `${text.slice(0, from + BEGIN.length)}\n\n${table(all)}\n${text.slice(to)}`)
}

function rows(): readonly Row[] {
  const file = join(root, 'build/qemu/figures.jsonl')
  const lines = existsSync(file) ? readFileSync(file, 'utf8').trim().split('\n') : []
  const latest = new Map<string, Figure>()
  for (const line of lines) {
    const figure = JSON.parse(line) as Figure
    latest.set(`${figure.image} ${figure.name}`, figure)
  }
  return [...latest.values()].flatMap(({ image, name, value, unit, at }) => {
    const what = /^bench, Portico: (.*)$/.exec(name)?.[1]
    const peer = latest.get(`${image} bench, miniupnpd: ${what}`)
    if (what === undefined || peer === undefined) return []
    return [{ image, what, unit, at, peer: Number(peer.value), ours: Number(value) }]
  })
}

/** One line for each figure; a column for each router: the peer's, ours, and how many times the one is the other. */
function table(all: readonly Row[]): string {
  const images = [...new Set(all.map(({ image }) => image))].sort()
  const whats = [...new Set(all.map(({ what }) => what))]
  const cell = (what: string, image: string): string => {
    const row = all.find(each => each.what === what && each.image === image)
    return row === undefined ? '' : `${row.peer} / ${row.ours}${ratio(row)}`
  }
  const date = (image: string) =>
    all
      .find(each => each.image === image)
      ?.at.slice(0, 16)
      .replace('T', ' ')
  const unit = (what: string) => all.find(each => each.what === what)?.unit
  return [
    `| miniupnpd / Portico | ${images.join(' | ')} |`,
    `|---|${images.map(() => '---').join('|')}|`,
    `| when (UTC) | ${images.map(date).join(' | ')} |`,
    ...whats.map(
      what => `| ${what}${unit(what) ? `, ${unit(what)}` : ''} | ${images.map(each => cell(what, each)).join(' | ')} |`,
    ),
    '',
  ].join('\n')
}

const ratio = ({ peer, ours, what }: Row): string =>
  what.startsWith('requests') && peer > 0 ? ` (x ${(ours / peer).toFixed(1)})` : ''
