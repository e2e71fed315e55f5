.PHONY: demo dev kernel clients faults storm setup-lab setup-clients

setup-lab:
	@tools/setup.sh npm build lab

setup-clients:
	@tools/setup.sh npm build lab clients strangers

# What an engine needs beside the bundle.
ENGINE_TARGET.quickjs := host
ENGINE_TARGET.qjs := qjs
ENGINE_TARGET.node := node

demo: ## see it work: a lab, a client, three ports, the world gets in (ENGINE=node for Node)
	@tools/setup.sh npm build lab
	@echo "Building Portico (the first time QuickJS is built too, which takes half a minute)"
	@$(MAKE) --no-print-directory --silent bundle $(ENGINE_TARGET.$(ENGINE))
	@npx esbuild tools/demo.ts --bundle --platform=node --format=esm --target=node20 --outfile=build/demo.mjs --log-level=warning
	@ENGINE=$(ENGINE) node build/demo.mjs

dev: ## the same lab with a daemon in it, and a shell on its router to try things by hand (ENGINE=node for Node)
	@tools/setup.sh npm build lab
	@$(MAKE) --no-print-directory --silent bundle $(ENGINE_TARGET.$(ENGINE))
	@npx esbuild tools/dev.ts --bundle --platform=node --format=esm --target=node20 --outfile=build/dev.mjs --log-level=warning
	@ENGINE=$(ENGINE) node build/dev.mjs

kernel: setup-lab ## our netlink against the real kernel: nf_tables, conntrack, links
	@$(MAKE) --no-print-directory bundle host node
	npx vitest run --config test/kernel/vitest.config.ts

clients: setup-clients ## programs of strangers, and NAT-PMP on the wire (SERVER=miniupnpd to compare)
	@$(MAKE) --no-print-directory bundle host node
	npx vitest run --config test/clients/vitest.config.ts

faults: setup-lab ## kill -9, flushed rulesets, floods, and what else routers go through
	@$(MAKE) --no-print-directory bundle host qjs node
	npx vitest run --config test/faults/vitest.config.ts

SEED ?= $(shell date +%s)
ROUNDS ?= 200
storm: setup-lab ## everything at once by chance, for long (SEED=, ROUNDS=, SERVER=, ONLY=reload,restart,...)
	@$(MAKE) --no-print-directory bundle host node
	STORM_SEED=$(SEED) STORM_ROUNDS=$(ROUNDS) $(if $(ONLY),STORM_ONLY=$(ONLY)) npx vitest run --config test/faults/vitest.config.ts --retry 0 test/faults/storm.test.ts
