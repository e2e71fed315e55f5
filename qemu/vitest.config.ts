import { defineConfig } from 'vitest/config'

/** One router at a time: two would share the processors and spoil each other's times. */
export default defineConfig({
  test: {
    // A bench says how fast, not whether it is right, and takes its time: `make qemu-bench`.
    include: [process.env['BENCH'] ? 'qemu/suite/bench.test.ts' : 'qemu/suite/!(bench).test.ts'],
    // To see a fault, its first row is enough.
    bail: Number(process.env['BAIL'] ?? 0),
    pool: 'forks',
    fileParallelism: false,
    // Longer than all that a row waits for itself, on a machine that is busy with other things: those say what is missing.
    testTimeout: 900_000,
    hookTimeout: 1_200_000,
  },
})
