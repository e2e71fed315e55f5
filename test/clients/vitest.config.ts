import { defineConfig } from 'vitest/config'

/** One file after the other: they measure times, and the machine has few processors. */
export default defineConfig({
  test: {
    // Some rows watch the clock, and machines are noisy: what fails twice is wrong.
    retry: 1,
    include: ['test/clients/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    maxConcurrency: 10,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default'],
  },
})
