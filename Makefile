# The one front door. Each target makes the environment when it is missing.
.DEFAULT_GOAL := help
PYTHON ?= python3
WORKERS ?= 4
BIN := .venv/bin
STAMP := .venv/.installed
SLOW := tests/e2e/test_replicas.py tests/e2e/test_store_copy.py tests/unit/store/test_mongodb_outage.py tests/unit/store/test_killed.py tests/kit/test_broken_statement.py tests/kit/test_broken_wire.py

# The tests start hundreds of Python processes: each would compile again what the first has compiled.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help setup demo serve test lint type bench docs clean

help:  ## show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info; v >= (3, 11) or sys.exit("appsmith_proxy needs Python 3.11 or newer; this one is %d.%d. Try: make PYTHON=python3.12" % v[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,dev]'
	@touch $@

setup: $(STAMP)  ## make .venv with the exact versions of constraints.txt

demo: $(STAMP)  ## serve a sample shop on 127.0.0.1:8080 (WITH=postgres,mysql,mongodb adds databases)
	@$(BIN)/appsmith-proxy demo $(if $(WITH),--with $(WITH)) $(DEMO_ARGS)

serve: $(STAMP)  ## run the real server (needs settings: appsmith-proxy settings)
	@$(BIN)/appsmith-proxy serve

# More workers than cores: half of a test's time is waiting for a server. tests/conftest.py says which files begin first.
test: $(STAMP)  ## prove everything, against real servers (FAST=1: without outages, replicas and the kit's own tests)
	@$(BIN)/python -m compileall -q appsmith_proxy plugins
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(if $(FAST),$(SLOW:%=--ignore=%)) $(TEST_ARGS)

lint: $(STAMP)  ## ruff and the import contracts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache

type: $(STAMP)  ## mypy, strict
	@$(BIN)/mypy

bench: $(STAMP)  ## compare with hand-written handlers, interleaved (ratios, not absolute times)
	@$(BIN)/python -m bench $(BENCH_ARGS)

docs: $(STAMP)  ## make the reference pages from the tables in code
	@$(BIN)/python -m docs.build

clean:  ## remove what make made
	rm -rf .venv .demo .mypy_cache .ruff_cache
