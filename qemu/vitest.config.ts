import { defineConfig } from 'vitest/config'

/** One router at a time: two would share the processors and spoil each other's times. */
export default defineConfig({
  test: {
    // A bench says how fast, not whether it is right, and takes its time: `make qemu-bench`.
    include: [process.env['BENCH'] ? 'qemu/suite/bench.test.ts' : 'qemu/suite/!(bench).test.ts'],
    pool: 'forks',
    fileParallelism: false,
    testTimeout: 180_000,
    hookTimeout: 180_000,
  },
})
