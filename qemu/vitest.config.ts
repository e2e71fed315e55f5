import { defineConfig } from 'vitest/config'

/** One router at a time: two would share the processors and spoil each other's times. */
export default defineConfig({
  test: {
    include: ['qemu/suite/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
