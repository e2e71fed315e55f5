.PHONY: fuzz
FUZZ_RUNS ?= 1000000
FUZZ_SEED ?= $(shell date +%s)
fuzz: node_modules/.package-lock.json ## every decoder and decide() against new random input, for long (FUZZ_RUNS=, FUZZ_SEED=)
	FUZZ_RUNS=$(FUZZ_RUNS) FUZZ_SEED=$(FUZZ_SEED) npx vitest run --config test/fuzz/vitest.config.ts
