import { defineConfig } from 'vitest/config'

/** The packages as built, and the service in a small OpenWrt of busybox and doubles; `make package`. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 60_000,
    hookTimeout: 120_000,
  },
})
