# `make` alone lists the targets. Every target sets up what it needs (tools/setup) and costs nothing
# when that is in place already.

BIN := .venv/bin
PY := $(BIN)/python
# Workers take tests from each other, so that one long file does not hold up the rest.
PYTEST := $(PY) -m pytest
PARALLEL := -n auto --maxprocesses 8 --dist worksteal
# A third of the time a test waits: for a server, a process, a clock. So two share a core.
SHARING := -n $(shell expr 2 \* $$(nproc)) --maxprocesses 8 --dist worksteal
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup setup-demo setup-test setup-lab setup-bench demo test check format pytest lab soak bench lock \
	golden schema docs clean

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/\1|\2/p' Makefile | awk -F '|' '{printf "make %-8s %s\n", $$1, $$2}'

setup: ## make the virtual environment .venv (PYTHON=… chooses the interpreter)
	@tools/setup

setup-demo:
	@tools/setup demo

setup-test:
	@tools/setup test

setup-lab:
	@tools/setup lab

setup-bench:
	@tools/setup bench

demo: setup-demo ## build a small home lab in a temporary folder and back it up, step by step
	@$(PY) -m tools.demo $(ARGS)

test: setup-test ## everything that must hold: check, then pytest
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory pytest

check: setup ## format, ruff, mypy --strict, import-linter
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

format: setup ## put the code in order: formatting, and what ruff can mend by itself
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

pytest: setup ## the tests alone (ARGS="-k routing" is passed on)
	$(PYTEST) $(SHARING) $(ARGS)

lab: setup-lab ## tests on machines with a real systemd; needs root (tests/lab/README.md)
	$(PYTEST) $(PARALLEL) -m 'lab and not slow' tests/lab $(ARGS)

soak: setup-test ## hours of it: slow tests, and 2,000 random examples for each property
	HYPOTHESIS_PROFILE=soak $(PYTEST) $(PARALLEL) -m 'not lab' $(ARGS)

bench: setup-bench ## measure what must be fast, as a table
	$(PY) -m benchmarks.run $(ARGS)

lock: setup ## resolve requirements.lock again (ARGS=--upgrade takes the newest)
	$(PY) -m tools.lock $(ARGS)
	@tools/setup

golden: setup ## rewrite the golden files of the tests; read the diff before you commit it
	$(PYTEST) --update-golden $(ARGS)

schema: docs
docs: setup ## write docs/reference anew from the schema and the commands (also: make schema)
	$(PY) -m tools.reference $(ARGS)

clean: ## remove the virtual environment, caches and build products
	rm -rf .venv build dist .hypothesis .mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
