/**
 * REST in the shape of RouterOS: paths are menus, values are strings (`"true"`, `"3600"`), unset properties are absent.
 *
 *     GET    /rest/ip/upnp/mappings?protocol=tcp&.proplist=dst-port     list, filtered
 *     GET    /rest/ip/upnp/mappings/*1F                                 one item
 *     DELETE /rest/ip/upnp/mappings/*1F                                 204
 *     POST   /rest/ip/upnp/mappings/print   {".proplist": ["dst-port"]}
 *     POST   /rest/ip/upnp/mappings/remove  {".id": "*1F"}
 *     GET    /rest/ip/nat-pmp                                           one object
 */
import type { Content } from '../base/text.ts'
import { textOf, utf8Encode } from '../base/text.ts'
import type { HttpRequest, HttpResponse } from '../wire/http.ts'
import { splitTarget } from '../wire/http.ts'
import { counted, isCounted } from './counted.ts'
import { execute } from './execute.ts'
import type { Item } from './grammar.ts'
import { rowJson, safeJson } from './json.ts'
import type { ListMenu, Menu, Row } from './menu.ts'
import { commandsOf } from './menu.ts'
import { findMenu } from './tree.ts'
import type { Value, Values } from './value.ts'
import type { ControlWorld } from './world.ts'

export function restAnswer(world: ControlWorld, request: HttpRequest): HttpResponse | Promise<HttpResponse> {
  const { path, query } = splitTarget(request.target)
  const words = path.split('/').slice(2).map(decoded)
  const last = words.at(-1) ?? ''
  const named = findMenu(words)
  if (request.method === 'GET' && named !== undefined) return list(world, named, parameters(query))
  const menu = findMenu(words.slice(0, -1))
  if (menu === undefined) return failure(400, `no such command or directory (${last})`)
  switch (request.method) {
    case 'GET':
      return item(world, menu, last)
    case 'DELETE':
      return remove(world, menu, [{ id: last.toUpperCase() }], 404)
    case 'POST':
      return command(world, menu, last, request.body)
    default:
      return failure(405, `${request.method} is not served`)
  }
}

type Parameters = Readonly<Record<string, string>>

function list(world: ControlWorld, menu: Menu, filters: Parameters): HttpResponse | Promise<HttpResponse> {
  const { '.proplist': wanted, ...conditions } = filters
  if (menu.is === 'settings') return json(200, picked(strings(menu.values(world)), wanted))
  const unknown = Object.keys(conditions).find(name => !isProperty(menu, name))
  if (unknown !== undefined) return failure(400, `unknown parameter ${unknown}`)
  return withCounters(world, menu, menu.rows(world), rows => {
    const all = rows.map(row => strings(restRow(menu, row)))
    const fitting = all.filter(row => Object.entries(conditions).every(([name, value]) => row[name] === value))
    return json(
      200,
      fitting.map(row => picked(row, wanted)),
    )
  })
}

function item(world: ControlWorld, menu: Menu, id: string): HttpResponse | Promise<HttpResponse> {
  const row = menu.is === 'list' ? menu.rows(world).find(each => each.id === id) : undefined
  if (menu.is !== 'list' || row === undefined) return failure(404)
  return withCounters(world, menu, [row], ([it = row]) => json(200, strings(restRow(menu, it))))
}

/** At once where nothing is counted. */
function withCounters(
  world: ControlWorld,
  menu: ListMenu,
  rows: readonly Row[],
  answer: (rows: readonly Row[]) => HttpResponse,
): HttpResponse | Promise<HttpResponse> {
  return isCounted(menu) ? counted(world, rows).then(answer) : answer(rows)
}

function command(world: ControlWorld, menu: Menu, name: string, body: Content): HttpResponse | Promise<HttpResponse> {
  const asked = readParameters(body)
  if (asked === undefined) return failure(400, 'the body is no JSON object of texts')
  if (!commandsOf(menu).includes(name)) return failure(400, `no such command or directory (${name})`)
  if (name === 'print') return list(world, menu, asked)
  const ids = (asked['.id'] ?? asked['numbers'] ?? '').split(',').filter(id => id !== '')
  if (ids.length === 0) return failure(400, 'missing =.id=')
  return remove(
    world,
    menu,
    ids.map(id => ({ id: id.toUpperCase() })),
    400,
  )
}

async function remove(
  world: ControlWorld,
  menu: Menu,
  items: readonly Item[],
  absent: 400 | 404,
): Promise<HttpResponse> {
  await undefined
  if (menu.is !== 'list' || menu.remove === undefined) return failure(400, 'no such command or directory (remove)')
  const result = await execute(world, { is: 'remove', menu, selection: { by: 'item', items } })
  if (result.is === 'refused') {
    return result.message === 'no such item'
      ? failure(absent, absent === 404 ? undefined : 'no such item')
      : failure(400, result.message)
  }
  return absent === 404 ? { status: 204, fields: [], body: new Uint8Array(0) } : json(200, [])
}

/** The number of a row is a matter of the console. */
function restRow(menu: ListMenu, row: Row): Values {
  const { number: _, ...values } = rowJson(menu, row)
  return values
}

const isProperty = (menu: ListMenu, name: string): boolean =>
  name === '.id' || menu.properties.some(property => property.name === name)

const strings = (values: Values): Parameters =>
  Object.fromEntries(Object.entries(values).map(([name, value]: [string, Value]) => [name, String(value)]))

function picked(row: Parameters, wanted: string | undefined): Parameters {
  if (wanted === undefined) return row
  const names = wanted.split(',')
  return Object.fromEntries(Object.entries(row).filter(([name]) => names.includes(name)))
}

/** `a=1&b=2`; what has no `=` is dropped. */
function parameters(query: string): Parameters {
  const pairs = query.split('&').map(pair => /^([^=]+)=(.*)$/.exec(pair))
  return Object.fromEntries(
    pairs.flatMap(pair => (pair === null ? [] : [[decoded(pair[1] as string), decoded(pair[2] as string)]])),
  )
}

/** A JSON object; its lists become comma-separated texts. An empty body is an empty object. */
function readParameters(body: Content): Parameters | undefined {
  if (body.length === 0) return {}
  try {
    const value: unknown = JSON.parse(textOf(body))
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, Array.isArray(each) ? each.join(',') : String(each)]),
    )
  } catch {
    return undefined
  }
}

/** Percent escapes of a path or query; what is no escape stays as it is. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}

const MESSAGE: Readonly<Record<number, string>> = { 400: 'Bad Request', 404: 'Not Found', 405: 'Method Not Allowed' }

const failure = (status: 400 | 404 | 405, detail?: string): HttpResponse =>
  json(status, { error: status, message: MESSAGE[status], ...(detail === undefined ? {} : { detail }) })

const json = (status: number, value: unknown): HttpResponse => ({
  status,
  fields: [['content-type', 'application/json']],
  body: utf8Encode(safeJson(value)),
})
