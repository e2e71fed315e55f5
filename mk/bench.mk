.PHONY: bench bench-tools
BENCH_ARCH := $(if $(filter aarch64,$(shell uname -m)),aarch64_generic,x86_64)
BENCH_TOOLS := build/bench/load build/bench/firstpacket build/bench/watch build/bench/copyrules build/bench/soap build/bench/floor

bench: build/package/$(BENCH_ARCH)/porticod node bench-tools ## side by side with miniupnpd in one run, about ten minutes (QUICK=1: one minute, to see that it works)
	node test/bench/run.mjs
	node test/bench/upnp.mjs

bench-tools: $(BENCH_TOOLS)

build/bench/%: test/bench/%.c
	@tools/setup.sh bench
	@mkdir -p $(@D)
	cc -std=gnu11 -O2 -Wall -Wextra -Werror -o $@ $<
