import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/web/**/*.test.ts'],
    reporters: ['default'],
    // Two browsers at once would only wait for each other on a small machine.
    fileParallelism: false,
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // A busy machine draws late; what is waited for comes or fails.
    expect: { poll: { timeout: 10_000 } },
  },
})
