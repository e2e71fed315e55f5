/** Builds what the tests run: the engines, and one bundle with all scenes where the stock qjs finds sys.so. */
import { execFileSync } from 'node:child_process'
import { copyFileSync } from 'node:fs'

export default function setup(): void {
  execFileSync('make', ['--no-print-directory', 'host', 'qjs'], { stdio: ['ignore', 'ignore', 'inherit'] })
  execFileSync('node', ['tools/build.mjs', 'test/engines/program/main.ts', 'build/engines/program.mjs'])
  copyFileSync('build/host/sys.so', 'build/engines/sys.so')
}
