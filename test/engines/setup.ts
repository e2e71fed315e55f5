/** Builds what the tests run: the engines, and one bundle with all scenes beside what qjs and Node look for there. */
import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync } from 'node:fs'

export default function setup(): void {
  execFileSync('make', ['--no-print-directory', 'host', 'qjs', 'node'], { stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync('node', ['tools/build.mjs', 'test/engines/program/main.ts', 'build/engines/program.mjs'])
  copyFileSync('build/host/sys.so', 'build/engines/sys.so')
  copyFileSync('build/node/portico.node', 'build/engines/portico.node')
  mkdirSync('build/engines/alone', { recursive: true })
  copyFileSync('build/engines/program.mjs', 'build/engines/alone/program.mjs')
}
