# Everything runs in .venv, which any target makes when it is missing. `make` alone prints this help.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
BENCH := $(VENV)/.bench
KERNELS := $(VENV)/.kernels
PIP := $(BIN)/python -m pip --disable-pip-version-check
PINNED := --quiet --constraint constraints.txt
# uv installs in a tenth of pip's time, but does not read pip's configuration: where that names an
# index of its own, and where uv is not there or fails, pip installs. Neither compiles here: of two
# gigabytes a run imports a tenth, and compiles that as it goes.
define install
	@if $(PIP) config list | grep -qE '\.(index-url|no-index)=' || ! $(PIP) install $(PINNED) uv \
	|| ! $(BIN)/uv pip install --python $(BIN)/python $(PINNED) --editable '$(1)'; \
	then $(PIP) install $(PINNED) --no-compile --editable '$(1)'; fi
endef
DEMO := demo

# Telemetry off; Prefect keeps its database inside the project, so `make serve` shows what
# `make demo` ran, and removing the folder removes every trace.
# Some images forbid compiled files; without them every process compiles every import anew.
unexport PYTHONDONTWRITEBYTECODE
export DO_NOT_TRACK := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export PREFECT_SERVER_UI_V2_ENABLED := false
export PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS := 90
# The console shows warnings; the pages of the runs show their log.
export PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL ?= WARNING
# Tiny matrix products inside an optimiser are 10 to 20 times slower on many BLAS threads.
export OPENBLAS_NUM_THREADS := 1
demo serve deploy: export PREFECT_HOME := $(CURDIR)/.prefect

.DEFAULT_GOAL := help
.PHONY: help setup demo test torture audit check format bench mutation serve deploy docs screenshots clean

help: ## Print this help
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup: $(STAMP) ## Make .venv and install the exact versions of constraints.txt

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: $(PYTHON) not found; name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: unwind needs Python 3.11 or newer; name one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(call install,.[dev])
	@touch $(STAMP)

$(KERNELS): $(STAMP) $(shell grep -rl --include='*.py' njit features models)
	$(BIN)/python -m tests.warm_up
	@touch $(KERNELS)

demo: $(KERNELS) ## Run the flows on a simulated February 2026: verdict, lake, report
	@mkdir -p .prefect && chmod 700 .prefect
	$(BIN)/unwind demo --lake $(DEMO)/lake
	@echo; $(BIN)/unwind show --why --lake $(DEMO)/lake --as-of 2026-02-05

test: $(KERNELS) ## Run the test suite (browser tests where a Chromium is found)
	$(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

# Six minutes for the kills, as many for the rest, and beside them a server that is started nine
# times to see its dead runs: a run that hangs is a fault too.
torture: $(KERNELS) ## Kill, cut, flip, refuse and fuzz at length; print what was tried
	timeout 2700 $(BIN)/python -m pytest tests/torture tests/flows/test_scan.py tests/flows/test_spread.py tests/flows/test_universe.py --torture -n 2 --dist loadscope

audit: $(STAMP) ## Hold constraints.txt against the advisory database of the Python Package Index
	$(BIN)/python -m tests.audit

check: $(STAMP) ## Lint, format, types, import layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pip check
	$(BIN)/python -m tests.audit --if-reachable

format: $(STAMP) ## Format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

$(BENCH): $(STAMP)
	$(call install,.[bench])
	@touch $(BENCH)

bench: $(BENCH) ## Print speed ratios against peers and limits, in one interleaved run
	$(BIN)/python -m benchmarks

mutation: $(BENCH) ## Change the core one spot at a time and print what no test notices (an hour; all of it: make mutation ARGUMENTS=--full)
	$(BIN)/python -m benchmarks.mutation $(ARGUMENTS)

serve: $(STAMP) ## Start Prefect's server and UI behind a login, the deployments and a worker on 127.0.0.1:4200
	BIN=$(BIN) deployments/serve.sh

deploy: $(STAMP) ## Apply deployments/prefect.yaml to the server in force (twice is fine)
	BIN=$(BIN) deployments/deploy.sh

docs: $(STAMP) ## Write docs/tables.md from the declarations
	$(BIN)/unwind tables --markdown > docs/tables.md

screenshots: demo ## Write docs/images from the demo's report (needs a Chromium)
	$(BIN)/python -m tests.screenshots $(DEMO)/lake docs/images

clean: ## Remove what the targets made
	rm -rf $(VENV) $(DEMO) .prefect .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
