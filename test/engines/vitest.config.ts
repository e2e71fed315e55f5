/**
 * Tests of the engines: what `src/platform/platform.ts` promises, on the programs that run it. Each file has a network
 * namespace of its own, which goes away with it.
 */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

process.execPath = join(import.meta.dirname, '../support/private-node.sh') // what vitest forks its workers with

export default defineConfig({
  test: {
    // Some rows watch the clock, and machines are noisy: what fails twice is wrong.
    retry: 1,
    include: ['test/engines/**/*.test.ts'],
    globalSetup: ['test/engines/setup.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
})
