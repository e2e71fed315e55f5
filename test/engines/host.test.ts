/** What belongs to the host program and to sys.so alone. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { must, run } from '../support/process.ts'

const HOST = 'build/host/porticod'
const directory = mkdtempSync(join(tmpdir(), 'portico-host-'))
afterAll(() => rmSync(directory, { recursive: true }))

function script(text: string): string {
  const path = join(directory, 'script.mjs')
  writeFileSync(path, text)
  return path
}

describe('porticod', () => {
  test.each([
    ['a script that does not parse', 'let = ;', /SyntaxError/],
    ['a top level that throws', `throw new Error('no way')`, /no way[\s\S]*script\.mjs:1/],
    ['a top level that rejects later', `await null; throw new Error('no way')`, /no way/],
    ['an import of anything but sys', `import 'std'`, /there is no module 'std'/],
    ['a promise that fails and is not awaited', `Promise.reject(new Error('no way'))`, /no way/],
    ['an import of a file', `await import('./other.mjs')`, /there is no module/],
  ])('%s ends with status 1 and says why', async (_, text, words) => {
    const { status, stderr } = await run([HOST, '--bundle', script(text)])
    expect(status).toBe(1)
    expect(stderr).toMatch(words)
  })

  test('a bundle that is not there ends with status 1', async () => {
    expect(await run([HOST, '--bundle', join(directory, 'none')])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('No such file or directory'),
    })
    expect((await run([HOST, '--bundle'])).status).toBe(1)
  })

  test('a descriptor that was closed at the start is not given to a socket', async () => {
    const path = script(`const sys = await import('sys'); sys.print(1, String(sys.epollOpen()))`)
    expect(Number(await must(['sh', '-c', `${HOST} --bundle ${path} <&- 2>&-`]))).toBeGreaterThan(2)
  })

  test('the bundle is inside: it runs from any directory, without files', async () => {
    const { status, stderr } = await run([join(process.cwd(), HOST), 'daemon', '--run'], { directory: '/' })
    expect([status, stderr]).toEqual([2, expect.stringContaining('--run')])
  })
})

describe('sys', () => {
  test('arguments that cannot be are exceptions, never memory', async () => {
    const path = script(`
      const sys = await import('sys')
      const out = []
      const buffer = new ArrayBuffer(8)
      const tries = [
        () => sys.random(buffer, 0, 9), () => sys.random(buffer, 9, 0), () => sys.random(buffer, -1, 1),
        () => sys.random(buffer, 4, 2 ** 53), () => sys.random({}, 0, 0), () => sys.random(undefined, 0, 0),
        () => sys.readFile('a\\0b'), () => sys.readFile('x'.repeat(5000)),
        () => sys.udpOpen('1'.repeat(100), 1, 'lo', 1, 1), () => sys.interfaceIndex('x'.repeat(16)),
        () => sys.trackRejections(1), () => sys.print(1, Symbol()), () => sys.unixListen(''),
        () => sys.unixListen('x'.repeat(108)), () => sys.tcpListen('nonsense', 1), () => sys.wait(1, buffer, 4, 8, 0),
      ]
      for (const attempt of tries) {
        try { out.push(attempt()) } catch (error) { out.push(error.name) }
      }
      sys.print(1, out.join(' '))`)
    const words = (await must([HOST, '--bundle', path])).split(' ')
    expect(words).toEqual([
      ...['RangeError', 'RangeError', 'RangeError', 'RangeError', 'TypeError', 'TypeError'],
      ...['RangeError', 'RangeError', 'RangeError', 'RangeError'],
      ...['TypeError', 'TypeError', 'RangeError', 'RangeError', 'RangeError', 'RangeError'],
    ])
  })

  test('names every errno as Node does', async () => {
    const path = script(`const sys = await import('sys')
      const names = {}
      for (let n = 1; n < 134; n++) names[n] = sys.errnoName(n)
      sys.print(1, JSON.stringify(names))`)
    const names = JSON.parse(await must([HOST, '--bundle', path])) as Record<string, string>
    const wrong = Object.entries(constants.errno).filter(([name, errno]) => {
      const aliases = ['EWOULDBLOCK', 'ENOTSUP', 'EOPNOTSUPP', 'EAGAIN']
      return !aliases.includes(name) && names[errno] !== name && names[errno] !== `E${errno}`
    })
    expect(wrong).toEqual([])
    expect(Object.values(names).filter(name => !/^E\d+$/.test(name)).length).toBeGreaterThan(70)
  })

  test('sys.so touches no reference count, and needs nothing of qjs but exported functions', () => {
    const symbols = execFileSync('nm', ['-D', '--undefined-only', 'build/host/sys.so']).toString()
    const wanted = [...symbols.matchAll(/\bU (_*JS_\w+)/g)].map(([, name]) => name as string)
    // The inline helpers end in this call, so its absence shows that none was compiled in.
    expect(wanted).not.toContain('__JS_FreeValue')
    expect(wanted).not.toContain('__JS_FreeValueRT')
    expect(wanted.length).toBeGreaterThan(10)
    const exported = execFileSync('nm', ['-D', '--defined-only', 'build/host/qjs']).toString()
    expect(wanted.filter(name => !new RegExp(`\\b${name}$`, 'm').test(exported))).toEqual([])
    const defined = execFileSync('nm', ['-D', '--defined-only', 'build/host/sys.so']).toString()
    expect([...defined.matchAll(/ [A-Z] (\w+)$/gm)].map(([, name]) => name).sort()).toEqual([
      'js_init_module',
      'js_init_module_sys',
    ])
  })

  test.each([
    'JS_FreeValue(ctx, v)',
    'JS_DupValue(ctx, v)',
    'JS_FreeValueRT(0, v)',
    '((JSRefCountHeader *)0)->ref_count',
  ])('the compiler refuses %s in it', async statement => {
    const path = join(directory, 'counts.c')
    writeFileSync(path, `#include "sys.h"\nvoid f(JSContext *ctx, JSValue v) { ${statement}; }\n`)
    const flags = ['-fsyntax-only', '-Isrc/platform', '-isystem', 'build/quickjs/source']
    const { status, stderr } = await run(['cc', ...flags, path])
    expect(status).not.toBe(0)
    expect(stderr).toContain('poisoned')
    writeFileSync(path, '#include "sys.h"\nJSValue f(JSContext *ctx) { return JS_NewInt32(ctx, 1); }\n')
    expect((await run(['cc', ...flags, path])).status).toBe(0)
  })

  test('every part includes the header that poisons', () => {
    for (const part of ['sys', 'sys-sockets', 'sys-files', 'sys-constants']) {
      const text = readFileSync(`src/platform/${part}.c`, 'utf8')
      expect(text).toMatch(/#include "sys\.h"/)
      expect(text).not.toMatch(/quickjs-libc|#include "quickjs\.h"/)
    }
  })
})
