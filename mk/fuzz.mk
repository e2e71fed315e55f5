.PHONY: fuzz
FUZZ_RUNS ?= 1000000
fuzz: node_modules/.package-lock.json ## every decoder and decide() against random input, for long (FUZZ_RUNS=, FUZZ_SEED=)
	FUZZ_RUNS=$(FUZZ_RUNS) npx vitest run --config test/fuzz/vitest.config.ts
