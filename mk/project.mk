.PHONY: check lint format unit ok test project dev

check: node_modules/.package-lock.json ## type check: source, engine edges, tests
	npm run --silent check

lint: node_modules/.package-lock.json ## formatter and linter
	npm run --silent lint

format: node_modules/.package-lock.json
	npm run --silent format

unit: node_modules/.package-lock.json ## unit tests on Node, in seconds
	npm run --silent unit

project: node_modules/.package-lock.json ## rules of the tree: floors, lock file, documents that must be current
	npx vitest run --config test/project/vitest.config.ts

ok: lint check unit project ## am I done? lint, types, unit tests, rules of the tree

test: ## everything that fits CI: all of ok, both engines, cross-built engines, kernel, clients, faults, fuzz
	tools/test.sh

dev: host bundle ## a lab with a running daemon and a shell on the router
	node --experimental-strip-types tools/dev.ts
