# `make` lists what can be done. Each part brings its own targets in mk/; a target's help is the text behind `##`.
SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules

ENGINE ?= quickjs

.PHONY: help
help: ## this list
	@grep -hE '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## ?/\1\t/' | awk -F'\t' '{ printf "  make %-14s %s\n", $$1, $$2 }'

SOURCES := $(shell find src tools -name '*.ts' -o -name '*.mjs' -o -name '*.json' 2>/dev/null)

node_modules/.package-lock.json: package.json package-lock.json
	tools/setup.sh npm
	@touch $@

dist/portico.mjs: node_modules/.package-lock.json $(SOURCES)
	node tools/build.mjs

.PHONY: bundle
bundle: dist/portico.mjs ## build the bundle dist/portico.mjs

include $(wildcard mk/*.mk)
