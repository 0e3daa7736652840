# One command a job. Each makes its own virtual environment; Python >= 3.10, make and a package index are all it needs.
PYTHON ?= python3
VENV := .venv
# What only the benchmark needs: a peer that it measures, and what draws its chart.
PEERS := .venv-peers
RUN := $(VENV)/bin
ARGS ?=
# What `make mutate` changes, and the tests that should notice.
MODULES ?= src/singletable/keys
COVER ?= tests/framework/keys tests/properties/test_keys.py tests/properties/test_bounds.py

.DEFAULT_GOAL := help
.PHONY: help demo check test test-deep test-random test-engines mutate mutate-writes lint bench clean

help:  ## this list
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(VENV)/ready  ## load a sample and ask every access pattern (ARGS="--sample northwind --data DIR")
	@$(RUN)/singletable demo $(ARGS)

check: $(VENV)/ready  ## what is wrong with the shop's keys and access patterns
	@$(RUN)/singletable check $(ARGS)

test: $(VENV)/ready  ## the tests, within five minutes
	@$(RUN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

test-deep: $(VENV)/ready  ## the property tests with 10,000 examples each, 10,000 simulated histories, 200 forked workers, all blocks of the docs
	@HYPOTHESIS_PROFILE=deep $(RUN)/python -m pytest -q -n auto --dist worksteal -m "not engines" tests/properties \
		tests/framework/migrations tests/framework/infra tests/roles tests/framework/testing/test_planted_faults.py \
		tests/framework/requests/test_forking.py tests/documents tests/shop/test_stream.py $(ARGS)

test-random: $(VENV)/ready  ## the same with other examples every time
	@HYPOTHESIS_PROFILE=random $(RUN)/python -m pytest -q -n auto tests/properties $(ARGS)

test-engines: $(VENV)/ready  ## the same behaviour on moto, dynalite and MiniStack (installed on first use)
	@$(RUN)/python -m pytest -q -m engines tests/engines $(ARGS)

mutate: $(VENV)/ready  ## which changes of keys/ no test notices (ARGS="--sample 100 --seed 1", or other MODULES and COVER)
	@PYTHONHASHSEED=0 $(RUN)/python -m tests.mutation $(MODULES) --tests $(COVER) $(ARGS)

mutate-writes: $(VENV)/ready  ## the same for updates, failed conditions and cursors
	@PYTHONHASHSEED=0 $(RUN)/python -m tests.mutation $(addprefix src/singletable/,models/writing/change.py models/writing/effects.py \
		models/writing/writes.py requests/cursor.py) --tests tests/framework/models tests/framework/requests/test_cursor.py \
		tests/properties/test_effects.py $(ARGS)

lint: $(VENV)/ready  ## style, types, import rules, and what the wheel holds
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/python -m tests.wheel

bench: $(VENV)/ready  ## CPU and memory against others and against targets; writes docs/benchmarks (ARGS=--profile, --memory)
	@$(MAKE) --no-print-directory $(PEERS)/ready || echo "Going on without pydynox and without a new chart."
	@$(RUN)/python -m benchmarks $(ARGS)

clean:  ## remove what the other commands made
	rm -rf $(VENV) $(PEERS) build dist .hypothesis .mypy_cache .ruff_cache .import_linter_cache src/*.egg-info

$(VENV)/ready: setup.cfg pyproject.toml
	@echo "Making a virtual environment in $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "singletable needs Python 3.10 or later.")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

$(PEERS)/ready: benchmarks/requirements.txt
	@echo "Making a virtual environment in $(PEERS) (once) ..."
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@
