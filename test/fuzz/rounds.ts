/**
 * How long and from where on: `make test` takes the same inputs each time, so that a red run says that the code has
 * changed; `make fuzz` takes others each time, and more of them. A failure prints the seed that repeats it.
 */
const number = (name: string, otherwise: number): number => Number(process.env[name] ?? otherwise)

/** FUZZ_SEED. */
export const SEED = number('FUZZ_SEED', 20_260_801)

/** FUZZ_RUNS: inputs for each target. */
export const RUNS = number('FUZZ_RUNS', 20_000)
