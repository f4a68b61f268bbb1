# Every command of the project. `make` alone lists them.
# All tools live in .venv, installed from the hashed lock files in requirements/; nothing is installed outside this folder.
# Use another interpreter with `make PYTHON=/path/to/python3.12 ...`, another folder with `make VENV=/path ...`.

VENV ?= .venv
BIN := $(abspath $(VENV))/bin
# uv uses the machine's certificate store, as pip and browsers do; older and newer releases name the switch differently.
UV := UV_NATIVE_TLS=1 UV_SYSTEM_CERTS=1 $(BIN)/uv
INSTALL := $(UV) pip install --quiet --python $(BIN)/python
# Tests start hundreds of processes. Where Python may not write bytecode, each would compile what it imports, for more than a second.
SYNC := $(UV) pip sync --quiet --compile-bytecode --require-hashes
LOCK := $(UV) pip compile $(LOCK_ARGS) --quiet --generate-hashes --no-header --no-annotate --no-emit-index-url --no-emit-find-links
ANY_PYTHON := --universal --python-version 3.10
NOT_IN_IMAGE = $(patsubst %,--no-emit-package %,$(shell sed 's/\#.*//' requirements/not-in-image.in))
# What checks formats: jsonschema, and so the connector, imports it where it finds it, which can take longer than all the rest.
NOT_IN_DEV = $(patsubst %,--no-emit-package %,rfc3987-syntax rfc3986-validator isoduration arrow fqdn uri-template webcolors jsonpointer)
IMAGE = $(shell sed -n 's/^  dockerRepository: //p' metadata.yaml):$(shell sed -n 's/^  dockerImageTag: //p' metadata.yaml)
PLATFORM := linux/amd64
DBT_VERSIONS = $(patsubst dbt/integration_tests/requirements-dbt-%.in,%,$(wildcard dbt/integration_tests/requirements-dbt-*.in))
# What the site shows: the same files as a forge, where they lie.
PAGES = $(wildcard *.md docs/*.* dbt/*.md airbyte_config_tool/README.md examples/*/README.md)
# Two workers: the tests start servers and connector processes, so more workers only wait for each other.
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help release site demo test test-mysql test-warehouses test-dbt-versions test-airflow soak lint docs bench image lock clean venv
.DELETE_ON_ERROR:

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

demo: $(VENV)/demo.stamp ## end to end, on this machine: sandbox -> connector -> DuckDB -> dbt -> report
	@$(BIN)/python -m demo $(DEMO_ARGS)

test: $(VENV)/dev.stamp $(VENV)/runtime.stamp $(VENV)/fuzz.stamp $(VENV)/site.stamp ## all tests that need no container; TEST_ARGS are handed to pytest
	@$(PYTEST) -m 'not image and not mysql and not warehouses and not dbt_versions and not airflow and not soak and not image_tests and not old_cdk' $(TEST_ARGS)

test-mysql: $(VENV)/dev.stamp .venv-mysql/stamp ## the dbt package and the dlt bridge on a real MariaDB; needs its server installed
	@SYFTER_DBT_MYSQL=$(CURDIR)/.venv-mysql/bin/dbt $(BIN)/python -m pytest -m mysql $(TEST_ARGS)

test-warehouses: $(VENV)/dev.stamp .venv-warehouses/stamp ## the dbt package for Snowflake, BigQuery, Redshift, Databricks; needs Java for one test
	@SYFTER_WAREHOUSES_PYTHON=$(CURDIR)/.venv-warehouses/bin/python $(BIN)/python -m pytest -m warehouses $(TEST_ARGS)

test-dbt-versions: $(VENV)/dev.stamp $(patsubst %,.venv-dbt-%/stamp,$(DBT_VERSIONS)) ## the dbt package on older versions of dbt
	@$(BIN)/python -m pytest -m dbt_versions $(TEST_ARGS)

test-airflow: $(VENV)/dev.stamp .venv-airflow/stamp ## the example DAG in Airflow itself; the first time it installs Airflow
	@SYFTER_AIRFLOW_PYTHON=$(CURDIR)/.venv-airflow/bin/python $(BIN)/python -m pytest -m airflow $(TEST_ARGS)

soak: $(VENV)/dev.stamp $(VENV)/runtime.stamp $(VENV)/fuzz.stamp $(VENV)/site.stamp ## the long runs with many rows
	@$(BIN)/python -m pytest unit_tests/test_fuzz.py unit_tests/test_exact.py integration_tests/test_fuzz_http.py --hypothesis-profile soak --timeout 0 $(TEST_ARGS)
	@$(BIN)/python -m pytest -m soak --timeout 0 $(TEST_ARGS)

bench: $(VENV)/dev.stamp $(VENV)/runtime.stamp ## side by side with alternatives; BENCH_ARGS=--quick takes two minutes and writes nothing
	@$(BIN)/python -m benchmarks $(BENCH_ARGS)

lint: $(VENV)/dev.stamp $(VENV)/pipelines.stamp ## ruff, mypy, the arrows between packages, fresh tables, the pipelines
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check .
	@cd airbyte_config_tool && $(BIN)/ruff check --quiet . && $(BIN)/ruff format --quiet --check . && MYPYPATH=src:tests $(BIN)/mypy --no-error-summary src tests/config_tool_support tests/conftest.py tests/unit tests/integration
	@$(BIN)/mypy --no-error-summary source_syfter syfter_dlt sandbox demo tools testing
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache
	@$(BIN)/python tools/docs.py --check

# Slow to start, and seldom of another opinion.
$(VENV)/pipelines.stamp: $(wildcard .github/workflows/*.yml) .gitlab-ci.yml renovate.json $(VENV)/dev.stamp
	@$(BIN)/zizmor --offline --quiet --no-progress .
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci --data-transform gitlab-ci .gitlab-ci.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.renovate renovate.json
	@touch $@

image: ## build the image that Airbyte runs, and run it locked down
	@docker version >/dev/null 2>&1 || { echo "No container engine answers. Start Docker (or Podman with its docker command) and try again."; exit 1; }
	docker build --platform $(PLATFORM) $(IMAGE_ARGS) -t $(IMAGE) .
	@sh tools/image_check.sh $(IMAGE)
	@docker image inspect --format '$(IMAGE) is built, {{.Size}} bytes' $(IMAGE)

release: $(VENV)/dev.stamp ## VERSION=1.2.3: set the version everywhere, close the changelog, commit and tag
	@$(BIN)/python tools/release.py $(VERSION)

docs: $(VENV)/dev.stamp ## rewrite the generated tables in docs/ from manifest and schemas
	@$(BIN)/python tools/docs.py

site: $(VENV)/site.stamp ## the documentation as a site, in build/site
	@rm -rf build/pages && mkdir -p build/pages
	@tar -c $(PAGES) | tar -x -C build/pages
	@NO_MKDOCS_2_WARNING=1 $(BIN)/../site/bin/mkdocs build --strict

venv: $(VENV)/dev.stamp ## the environment alone, with everything that tests and linters need

lock: $(VENV)/bootstrap.stamp ## resolve what is required into the hashed requirements*.txt; LOCK_ARGS=--upgrade takes newer versions
	@$(LOCK) $(ANY_PYTHON) requirements/bootstrap.in -o requirements/bootstrap.txt
	@$(LOCK) $(ANY_PYTHON) pyproject.toml $(NOT_IN_IMAGE) -o requirements/runtime.txt
	@$(LOCK) $(ANY_PYTHON) pyproject.toml --all-extras $(NOT_IN_DEV) -o requirements/dev.txt
	@$(LOCK) $(ANY_PYTHON) pyproject.toml --extra sandbox --extra demo -c requirements/dev.txt -o requirements/demo.txt
	@$(LOCK) $(ANY_PYTHON) requirements/fuzz.in -o requirements/fuzz.txt
	@$(LOCK) $(ANY_PYTHON) requirements/site.in -o requirements/site.txt
	@$(LOCK) $(ANY_PYTHON) benchmarks/requirements.in -o benchmarks/requirements.txt
	@$(LOCK) --universal --python-version 3.11 dbt/integration_tests/requirements-mysql.in -o dbt/integration_tests/requirements-mysql.txt
	@$(LOCK) --universal --python-version 3.11 dbt/integration_tests/requirements-warehouses.in -o dbt/integration_tests/requirements-warehouses.txt
	@for version in $(DBT_VERSIONS); do \
	  name=dbt/integration_tests/requirements-dbt-$$version; $(LOCK) --universal --python-version 3.11 $$name.in -o $$name.txt || exit 1; done
	@$(LOCK) --python-version 3.11 examples/airflow/requirements.in -o examples/airflow/requirements.txt

clean: ## remove the environments, caches and the demo's output
	rm -rf $(VENV) .venv-mysql .venv-warehouses .venv-dbt-* .venv-airflow demo/output dist build .pytest_cache .mypy_cache .ruff_cache .hypothesis .tmp
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# --- the environment ----------------------------------------------------------------------------------------------------
# Stamps make a second run instant. demo.txt is a subset of dev.txt with the same versions, so both share one environment.
# --no-deps: the lock files are complete. It also keeps uv from refusing the three pure-Python packages (PyAirbyte and two
# around it) that declare Python <3.13 but run on 3.13.

$(VENV)/bootstrap.stamp: requirements/bootstrap.txt
	@python=$$(sh tools/find_python.sh) && echo "Making $(VENV) with $$($$python --version)" && $$python -m venv $(VENV)
	@$(BIN)/python -m pip install -qq --no-deps --require-hashes -r requirements/bootstrap.txt
	@touch $@

$(VENV)/demo.stamp: requirements/demo.txt pyproject.toml $(VENV)/bootstrap.stamp
	@echo "Installing what the demo needs (pinned, with hashes) ..."
	@$(INSTALL) --no-deps --require-hashes -r requirements/demo.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/dev.stamp: requirements/dev.txt pyproject.toml $(VENV)/bootstrap.stamp
	@echo "Installing what the tests need (pinned, with hashes) ..."
	@$(SYNC) --python $(BIN)/python requirements/dev.txt
	@$(INSTALL) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/demo.stamp

# What the image holds, without the image: the wheel and requirements/runtime.txt in an environment of their own. The tests in
# integration_tests/test_package.py run the connector there.
$(VENV)/runtime.stamp: requirements/runtime.txt pyproject.toml $(shell find source_syfter syfter_dlt -type f -not -name '*.pyc') $(VENV)/dev.stamp
	@$(BIN)/python -m venv --without-pip $(VENV)/runtime
	@$(SYNC) --python $(VENV)/runtime/bin/python requirements/runtime.txt
	@rm -rf $(VENV)/wheel && $(UV) build --quiet --wheel --no-build-isolation --python $(BIN)/python -o $(VENV)/wheel .
	@$(UV) pip install --quiet --python $(VENV)/runtime/bin/python --no-deps --reinstall $(VENV)/wheel/*.whl
	@touch $@

# Schemathesis wants a newer pytest than the CDK's standard tests allow.
$(VENV)/fuzz.stamp: requirements/fuzz.txt $(VENV)/dev.stamp
	@$(BIN)/python -m venv --without-pip $(VENV)/fuzz
	@$(SYNC) --python $(VENV)/fuzz/bin/python requirements/fuzz.txt
	@touch $@

$(VENV)/site.stamp: requirements/site.txt $(VENV)/bootstrap.stamp
	@$$(sh tools/find_python.sh) -m venv --without-pip $(VENV)/site
	@$(SYNC) --python $(VENV)/site/bin/python requirements/site.txt
	@touch $@

# dbt-mysql is held at dbt 1.7, which cannot share an environment with today's; it needs Python 3.12 at most.
.venv-mysql/stamp: dbt/integration_tests/requirements-mysql.txt $(VENV)/dev.stamp
	@python=$$(sh tools/find_python.sh) && $$python -m venv --without-pip .venv-mysql
	@$(SYNC) --python .venv-mysql/bin/python dbt/integration_tests/requirements-mysql.txt
	@touch $@

# The cloud warehouses' adapters bring clients that have no place beside the connector.
.venv-warehouses/stamp: dbt/integration_tests/requirements-warehouses.txt $(VENV)/dev.stamp
	@python=$$(sh tools/find_python.sh) && $$python -m venv --without-pip .venv-warehouses
	@$(SYNC) --python .venv-warehouses/bin/python dbt/integration_tests/requirements-warehouses.txt
	@touch $@

.venv-dbt-%/stamp: dbt/integration_tests/requirements-dbt-%.txt $(VENV)/dev.stamp
	@python=$$(sh tools/find_python.sh) && $$python -m venv --without-pip .venv-dbt-$*
	@$(SYNC) --python .venv-dbt-$*/bin/python dbt/integration_tests/requirements-dbt-$*.txt
	@touch $@

# Airflow and the CDK conflict.
.venv-airflow/stamp: examples/airflow/requirements.txt $(VENV)/dev.stamp
	@python=$$(sh tools/find_python.sh) && $$python -m venv --without-pip .venv-airflow
	@$(SYNC) --python .venv-airflow/bin/python examples/airflow/requirements.txt
	@touch $@
