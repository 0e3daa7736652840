# One command for each job. Each makes its own virtual environment; Python >= 3.10, make and a package index suffice.
PYTHON ?= python3
VENV := .venv
# Only the benchmark uses these: a peer that it measures, and matplotlib, which draws its chart.
PEERS := .venv-peers
# The lowest versions that setup.cfg allows, and the newest.
LOWEST := .venv-lowest
NEWEST := .venv-newest
RUN := $(VENV)/bin
ARGS ?=
# The code that `make mutate` changes, and the tests that should notice.
MODULES ?= src/singletable/keys
COVER ?= tests/framework/keys tests/properties/test_keys.py tests/properties/test_bounds.py
# The tests of `make test-lowest` and `make test-newest`: each module of PynamoDB, boto3 and moto that singletable uses
# has a test among them.
DEPENDING ?= tests/framework/keys tests/framework/models tests/framework/requests tests/framework/transport tests/framework/engine/test_embedded.py \
	tests/properties/test_keys.py tests/properties/test_effects.py tests/properties/test_queries.py

.DEFAULT_GOAL := help
.PHONY: help demo check test test-deep test-random test-engines test-lowest test-newest coverage mutate mutate-writes \
	lint bench hooks news clean

help:  ## Print this list
	@awk 'BEGIN { FS = ":.*## " } /^##@ / { printf "\n%s\n", substr($$0, 5) } \
		/^[a-z-]+:.*## / { printf "  %-13s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\n%s\n' 'ARGS is passed on to the program of a target, for example:'
	@printf '  make %s\n' 'demo ARGS="--sample northwind --data DIR"' 'test ARGS="-k cursor -x"' \
		'mutate ARGS="--sample 100 --seed 1" MODULES=PATHS COVER=TESTS' 'bench ARGS=--profile   (or --memory)' \
		'test-lowest PYTHON=python3.10'

##@ Try it
demo: $(VENV)/ready  ## Load a sample and ask every access pattern
	@$(RUN)/singletable demo $(ARGS)

check: $(VENV)/ready  ## Check the keys and the access patterns of the shop
	@$(RUN)/singletable check $(ARGS)

##@ Test
test: $(VENV)/ready  ## Run the tests, within five minutes on two cores
	@$(RUN)/python -m pytest -q -n auto --dist worksteal $(ARGS)

test-deep: $(VENV)/ready  ## Run 10,000 examples of each property, and all docs
	@HYPOTHESIS_PROFILE=deep $(RUN)/python -m pytest -q -n auto --dist worksteal -m "not engines" tests/properties \
		tests/framework/migrations tests/framework/infra tests/roles tests/framework/testing/test_planted_faults.py \
		tests/framework/requests/test_forking.py tests/documents tests/shop/test_stream.py $(ARGS)

test-random: $(VENV)/ready  ## Run the properties with other examples every time
	@HYPOTHESIS_PROFILE=random $(RUN)/python -m pytest -q -n auto tests/properties $(ARGS)

test-engines: $(VENV)/ready  ## Compare moto, dynalite and MiniStack (installs them)
	@$(RUN)/python -m pytest -q -m engines tests/engines $(ARGS)

test-lowest: $(LOWEST)/ready  ## Test with the lowest versions that setup.cfg allows
	@$(LOWEST)/bin/python -m tests.versions lowest
	@$(LOWEST)/bin/python -m pytest -q -n auto --dist worksteal $(DEPENDING) $(ARGS)

test-newest:  ## Test with the newest versions that setup.cfg allows
	@test -d $(NEWEST) || $(PYTHON) -m venv $(NEWEST)
	@$(NEWEST)/bin/python -m pip install --quiet --disable-pip-version-check --upgrade --upgrade-strategy eager \
		-e '.[dev]'
	@$(NEWEST)/bin/python -m tests.versions
	@$(NEWEST)/bin/python -m pytest -q -n auto --dist worksteal $(DEPENDING) $(ARGS)

# Without the tests of CPU time, which a measured run exceeds.
coverage: $(VENV)/ready  ## Run the tests and measure their coverage
	@$(RUN)/coverage erase
	@$(RUN)/coverage run -m pytest -q -n auto --dist worksteal --deselect tests/framework/requests/test_bounded_work.py \
		$(ARGS)
	@$(RUN)/coverage combine --quiet
	@$(RUN)/coverage report

mutate: $(VENV)/ready  ## Plant faults in keys/, and list those that no test notices
	@PYTHONHASHSEED=0 $(RUN)/python -m tests.mutation $(MODULES) --tests $(COVER) $(ARGS)

mutate-writes: $(VENV)/ready  ## Do the same for updates, failed conditions and cursors
	@PYTHONHASHSEED=0 $(RUN)/python -m tests.mutation $(addprefix src/singletable/models/writing/,checked_actions.py \
		planned_change.py effects.py writes.py) src/singletable/requests/cursor.py --tests tests/framework/models \
		tests/framework/requests/test_cursor.py \
		tests/properties/test_effects.py $(ARGS)

##@ Check and measure
lint: $(VENV)/ready  ## Check style, types, imports, language and the wheel
	@$(RUN)/ruff check .
	@$(RUN)/ruff format --check .
	@$(RUN)/mypy
	@$(RUN)/lint-imports
	@$(RUN)/python -m tests.language
	@$(RUN)/python -m tests.wheel

hooks: $(VENV)/ready  ## Let Git run the checks of `make lint` before each commit
	@$(RUN)/pre-commit install

bench: $(VENV)/ready  ## Measure CPU and memory; writes docs/benchmarks
	@$(MAKE) --no-print-directory $(PEERS)/ready || echo "Going on without pydynox and without a new chart."
	@$(RUN)/python -m benchmarks $(ARGS)

##@ Keep house
news: $(VENV)/ready  ## Show the fragments of changelog.d as they will be released
	@$(RUN)/towncrier build --draft $(ARGS)

clean:  ## Remove all files that the other commands made
	rm -rf $(VENV) $(PEERS) $(LOWEST) $(NEWEST) build dist .coverage .coverage.* .hypothesis .mypy_cache .ruff_cache \
		.import_linter_cache src/*.egg-info

$(VENV)/ready: setup.cfg pyproject.toml
	@echo "Making a virtual environment in $(VENV) (once) ..."
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "singletable needs Python 3.10 or later.")'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

# Without the extra `dev`: its tools depend on later versions of users' dependencies. pip cannot resolve to the lowest.
$(LOWEST)/ready: setup.cfg
	@echo "Making a virtual environment in $(LOWEST) (once) ..."
	@$(PYTHON) -m venv --clear $(LOWEST)
	@$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check 'uv>=0.5'
	@$(LOWEST)/bin/uv pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		-e '.[dask,dax,infra,lambda,opentelemetry,testing]' 'flask>=3' 'flask-cors>=5' 'opentelemetry-sdk>=1.20' \
		'pytest-xdist>=3.5'
	@touch $@

$(PEERS)/ready: benchmarks/requirements.txt
	@echo "Making a virtual environment in $(PEERS) (once) ..."
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check -r benchmarks/requirements.txt
	@touch $@
