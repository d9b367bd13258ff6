# Python >= 3.11, git and make are all that is needed. `make` alone lists the targets.
# The first run installs into .venv; later ones need no network until pyproject.toml or constraints.txt changes.
# Another interpreter: make test PYTHON=/path/to/python3.

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# pytest's -m given twice: the last one holds, so this lifts the `not sweep` of pyproject.toml.
EVERY := -m ""
WORKERS := --numprocesses auto --maxprocesses 8

define FIND_PYTHON
for python in $(PYTHON) python3.13 python3.12 python3.11 python3.14 python3 python; do \
	"$$python" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	python=; \
done; \
if [ -z "$$python" ]; then \
	echo "cauchy needs Python >= 3.11 with the venv and ensurepip modules (Debian: the package python3-venv)." >&2; \
	echo "None found on PATH; name one: make PYTHON=/path/to/python3" >&2; \
	exit 1; \
fi
endef

.PHONY: help tour test lint nightly bench format pins clean

help:
	@echo "make tour      everything the project promises, run for real, as one page"
	@echo "make test      format, lint, types, all tests"
	@echo "make nightly   the tests with the long sweeps"
	@echo "make bench     benchmarks against other libraries"
	@echo "make format    let ruff format and fix"
	@echo "make pins      resolve constraints.txt anew (PYTHON=python3.11)"
	@echo "make clean     remove .venv and caches"

tour: .venv/ready
	$(BIN)/cauchy tour

test: lint
	$(BIN)/pytest $(WORKERS)

nightly: lint
	$(BIN)/pytest $(WORKERS) $(EVERY)

lint: .venv/ready
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/basedpyright --pythonpath $(BIN)/python

bench: .venv/ready-bench
	@for file in benchmarks/[!_]*.py; do echo "== $$file" && $(BIN)/python "$$file" || exit 1; done

format: .venv/ready
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

.venv/ready: pyproject.toml constraints.txt
	@$(FIND_PYTHON); \
	if $(BIN)/python -c 'import pip, sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
	then echo "updating .venv"; \
	else echo "creating .venv with $$("$$python" --version)" && "$$python" -m venv --clear .venv; fi
	@rm -f .venv/ready-bench
	$(PIP) pip
	$(PIP) --group dev
	$(PIP) --no-build-isolation --editable '.[all]'
	@touch $@

.venv/ready-bench: .venv/ready
	$(PIP) --group bench
	@touch $@

pins:
	@$(FIND_PYTHON); fresh=$$(mktemp -d) && trap 'rm -rf "$$fresh"' EXIT && \
	"$$python" -m venv "$$fresh" && \
	"$$fresh/bin/pip" install --quiet --upgrade pip && \
	"$$fresh/bin/pip" install --quiet '.[all]' --group all && \
	{ sed '/^#/!d' constraints.txt; \
	  "$$fresh/bin/pip" freeze --all --exclude cauchy-calculus; } > "$$fresh/pins" && \
	cp "$$fresh/pins" constraints.txt

clean:
	rm -rf .venv .pytest_cache .ruff_cache .hypothesis build dist
