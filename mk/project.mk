.PHONY: check lint format unit ok test project

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

test: ## everything that fits CI: ok, three engines, foreign processors, kernel, clients, faults, fuzz
	node tools/test.mjs
