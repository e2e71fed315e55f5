/** The floors of src/README.md, read off the imports: nobody looks upward. */
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

const MAY_IMPORT: Record<string, readonly string[]> = {
  base: [],
  wire: ['base'],
  core: ['base'],
  protocol: ['base', 'wire', 'core'],
  kernel: ['base', 'wire', 'core', 'platform types'],
  config: ['base', 'wire', 'core'],
  control: ['base', 'wire', 'core', 'config', 'platform types'],
  daemon: ['base', 'wire', 'core', 'protocol', 'kernel', 'config', 'control', 'platform types'],
  platform: ['base', 'platform types'],
}
const ENGINE_FILES = /^src\/platform\/(node|quickjs)/
const PLATFORM_TYPES = 'src/platform/platform.ts'

interface Import {
  readonly from: string
  readonly to: string
  readonly dynamic: boolean
}

describe('floors', () => {
  const imports = files('src').flatMap(importsOf)

  test('there are imports to judge', () => {
    expect(imports.length).toBeGreaterThan(50)
  })

  test('nobody imports from a floor above or from a stranger', () => {
    expect(imports.filter(each => !allowed(each)).map(each => `${each.from} imports ${each.to}`)).toEqual([])
  })

  test('the engine files are named by main.ts alone, by dynamic import', () => {
    const namers = imports.filter(each => ENGINE_FILES.test(each.to) && !ENGINE_FILES.test(each.from))
    expect(namers.length).toBeGreaterThan(0)
    expect(namers.filter(each => each.from !== 'src/main.ts' || !each.dynamic)).toEqual([])
  })

  test('one caller of firewall.apply', () => {
    const callers = files('src').filter(file => /firewall\.apply\(/i.test(code(file)))
    expect(callers).toEqual(['src/core/engine.ts'])
  })

  test('one writer of the table', () => {
    const writers = files('src').filter(file => /#table\.commit\(/.test(code(file)))
    expect(writers).toEqual(['src/core/engine.ts'])
    expect(files('src').filter(file => /new Table\(/.test(code(file)))).toEqual(['src/core/engine.ts'])
  })

  test('programs are started for netifd and for the owner’s check, and for nothing else', () => {
    const starters = files('src').filter(
      file => !file.startsWith('src/platform/') && /platform\.run\(/.test(code(file)),
    )
    expect(starters.sort()).toEqual(['src/daemon/checks.ts', 'src/daemon/configuration.ts', 'src/daemon/upnp-world.ts'])
  })

  test('no clock, timer or randomness outside platform/', () => {
    const forbidden = /\b(Date\.now|new Date\(\)|Math\.random|setTimeout|setInterval|performance\.now)\b/
    const offenders = files('src').filter(file => !file.startsWith('src/platform/') && forbidden.test(code(file)))
    expect(offenders).toEqual([])
  })
})

function allowed({ from, to, dynamic }: Import): boolean {
  const floor = floorOf(from)
  if (floor === 'main') return true
  if (ENGINE_FILES.test(to)) return ENGINE_FILES.test(from)
  if (to === PLATFORM_TYPES) return floor === 'platform' || (MAY_IMPORT[floor] ?? []).includes('platform types')
  if (!to.startsWith('src/')) return ENGINE_FILES.test(from) && dynamic
  return floorOf(to) === floor || (MAY_IMPORT[floor] ?? []).includes(floorOf(to))
}

function floorOf(file: string): string {
  return file === 'src/main.ts' ? 'main' : (file.split('/')[1] as string)
}

function files(folder: string): string[] {
  return readdirSync(folder).flatMap(name => {
    const path = join(folder, name)
    if (statSync(path).isDirectory()) return files(path)
    return path.endsWith('.ts') ? [path] : []
  })
}

/** The file without its comments, so that prose about setTimeout is no crime. */
function code(file: string): string {
  return readFileSync(file, 'utf8')
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}

function importsOf(file: string): Import[] {
  const found: Import[] = []
  for (const match of code(file).matchAll(/(import|export)\s+(type\s+)?[^'"()]*?from\s*['"]([^'"]+)['"]/g)) {
    if (match[2] !== undefined && !(match[3] as string).startsWith('.')) continue
    found.push({ from: file, to: resolve(file, match[3] as string), dynamic: false })
  }
  for (const match of code(file).matchAll(/import\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ from: file, to: resolve(file, match[1] as string), dynamic: true })
  }
  return found
}

function resolve(file: string, target: string): string {
  return target.startsWith('.') ? normalize(join(dirname(file), target)) : target
}
