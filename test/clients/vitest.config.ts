import { defineConfig } from 'vitest/config'

/** One file after the other: they measure times, and the machine has few processors. */
export default defineConfig({
  test: {
    include: ['test/clients/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    maxConcurrency: 10,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
})
