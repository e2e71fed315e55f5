/**
 * Tests on the real kernel. Every test file runs in a process with a network namespace of its own (`lo` is down at
 * first), so it may change links, addresses, routes and rules as it likes, and all of it vanishes with the process.
 */
import { join } from 'node:path'
import { defineConfig } from 'vitest/config'

// The addon stands beside no source; `make node` puts it there.
process.env['PORTICO_ADDON'] ??= join(import.meta.dirname, '../../build/node/portico.node')
process.execPath = join(import.meta.dirname, '../support/private-node.sh') // what vitest forks its workers with

export default defineConfig({
  test: {
    // Some rows watch the clock, and machines are noisy: what fails twice is wrong.
    retry: 1,
    include: ['test/kernel/**/*.test.ts'],
    pool: 'forks',
    isolate: true,
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
