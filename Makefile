# make up     installs what is needed into .venv and starts everything
# make test   runs every check that CI runs
# make soak   lets many visitors use a whole store for minutes (docs/soak.md)
# make bench  measures the store beside the same by hand, and while it grows (docs/bench.md)
# make crash  kills and breaks everything while shoppers buy: minutes
# make attack tries for minutes what strangers try (docs/attack-runs.md)
#
# Recipes are written for POSIX sh and for GNU make 3.81, which macOS has. Stamps are compared by
# content: git changes the times of files when it switches branches, and a folder can be moved.

PYTHON ?=
VENV_PYTHON := .venv/bin/python
# pip's own lines matter only when it fails, and it prints errors all the same.
PIP := $(VENV_PYTHON) -m pip --disable-pip-version-check --no-input -qq

# What `make soak`, `make crash` and `make attack` can be told; DATABASE is the URL of a PostgreSQL.
MINUTES ?= 10
SHOPPERS ?= 16
STORES ?= 1
WORKERS ?= 1
DATABASE ?=
JSON ?=
CHART ?=
ORDERS ?= 1000
SEED ?= 1
TIMES ?= 1
STAGE ?=
CASES ?= 10000
ATTACK ?=

.PHONY: help up test bench soak crash attack lock clean installed installed-test venv

help:
	@echo "make up      start the store, its worker and the outside world"
	@echo "make test    run linters, type checks and all tests"
	@echo "make bench   measure the store: minutes, DATABASE=postgresql+psycopg://... JSON=FILE"
	@echo "make soak    let many visitors use a whole store: MINUTES=10 SHOPPERS=16 STORES=1 WORKERS=1"
	@echo "             DATABASE=postgresql+psycopg://... JSON=FILE"
	@echo "make crash   kill and break everything while shoppers buy (docs/crash.md)"
	@echo "make attack  try for minutes what strangers try (docs/attack-runs.md)"
	@echo "make lock    write the three requirements files anew (needs uv)"
	@echo "make clean   delete .venv and caches; .cartwreck with your data stays"
	@echo
	@echo "PYTHON=/path/to/python3 chooses the Python (3.11 or later) that .venv is made with."

up: installed
	@exec $(VENV_PYTHON) -m scenarios.engine up

test: installed-test
	@echo "ruff check" && $(VENV_PYTHON) -m ruff check .
	@echo "ruff format --check" && $(VENV_PYTHON) -m ruff format --check .
	@echo "mypy" && $(VENV_PYTHON) -m mypy
# Two at a time: many tests start whole stores and browsers, and more of them make each other wait.
	@echo "pytest" && $(VENV_PYTHON) -m pytest -n 2
	@echo "cartwreck author verify" && $(VENV_PYTHON) -m scenarios.engine author verify

bench: installed-test
	@mkdir -p build
	@$(VENV_PYTHON) -m tests.bench $(if $(DATABASE),--database "$(DATABASE)") \
		--json "$(if $(JSON),$(JSON),build/bench.json)" --chart "$(if $(CHART),$(CHART),build/growth.svg)"

soak: installed-test
	@exec $(VENV_PYTHON) -m tests.load.soak --minutes "$(MINUTES)" --shoppers "$(SHOPPERS)" \
		--stores "$(STORES)" --workers "$(WORKERS)" \
		$(if $(DATABASE),--database "$(DATABASE)") $(if $(JSON),--json "$(JSON)")

crash: installed-test
	@$(VENV_PYTHON) -m tests.load.ordeal --orders $(ORDERS) --seed $(SEED) --times $(TIMES) \
		$(if $(DATABASE),--database "$(DATABASE)") $(foreach each,$(STAGE),--stage $(each))

attack: installed-test
	@$(VENV_PYTHON) -m tests.attacks.run --cases $(CASES) --seed $(SEED) \
		$(foreach each,$(ATTACK),--attack $(each))

# A new .venv has no stamps, so whatever is wrong with the old one (an install that was cut off, a
# Python that was removed), the next run starts from nothing.
venv:
	@if $(VENV_PYTHON) -c 'import pip' 2>/dev/null; then exit 0; fi; \
	for candidate in "$(PYTHON)" python3.14 python3.13 python3.12 python3.11 python3; do \
		if [ -z "$$candidate" ]; then continue; fi; \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			echo "Making .venv with $$("$$candidate" -V)."; \
			rm -rf .venv && "$$candidate" -m venv .venv && exit 0; \
			rm -rf .venv; \
			echo "$$candidate cannot make a virtual environment: install its venv package (Debian: python3-venv)." >&2; \
			exit 1; \
		fi; \
		if [ -n "$(PYTHON)" ]; then \
			echo "PYTHON=$(PYTHON) is not Python 3.11 or later: give the path of one that is." >&2; exit 1; \
		fi; \
	done; \
	echo "No Python 3.11 or later was found: install one, or give its path with PYTHON=/path/to/python3." >&2; \
	exit 1

# The folder is part of it, since an editable install points to where the checkout was.
RUN_STAMP := { pwd; cat requirements.txt pyproject.toml; }

installed: venv
	@if $(RUN_STAMP) 2>/dev/null | cmp -s - .venv/run-stamp; then exit 0; fi; \
	rm -f .venv/run-stamp; \
	echo "Installing the packages of requirements.txt." && \
	$(PIP) install --require-hashes -r requirements.txt && \
	echo "Installing cartwreck itself." && \
	$(PIP) install --no-deps --no-build-isolation -e . && \
	$(RUN_STAMP) > .venv/run-stamp

installed-test: installed
	@if cmp -s requirements-test.txt .venv/test-stamp; then exit 0; fi; \
	rm -f .venv/test-stamp; \
	echo "Installing the packages of requirements-test.txt." && \
	$(PIP) install --require-hashes -r requirements-test.txt && \
	cp requirements-test.txt .venv/test-stamp

LOCK := uv pip compile --universal --generate-hashes --no-emit-index-url --no-header --python-version 3.11 --extra build

lock:
	$(LOCK) pyproject.toml -o requirements.txt
# A container gets the versions that a laptop has, and a server of its own.
	$(LOCK) --extra server -c requirements.txt --no-annotate pyproject.toml -o requirements-server.txt
	$(LOCK) --extra server --extra test pyproject.toml -o requirements-test.txt

clean:
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build cartwreck.egg-info
	find . -name __pycache__ -type d -not -path './.cartwreck/*' -prune -exec rm -rf {} +
