# Two commands for a fresh machine with Python 3.11, venv and make: make run, make test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Most tests wait for processes and sockets, so the machine has time for more of them than cores.
WORKERS ?= $(shell echo $$((3 * $$(getconf _NPROCESSORS_ONLN))))

# Where bytecode is not kept, each of the thousand processes that the tests start compiles us anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test unit lint collected fix bench losses soak screenshots clean

run: $(STAMP)
	@$(BIN)/mmpush-tui demo

test: $(STAMP)
	@$(MAKE) --no-print-directory --jobs 2 lint collected
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

unit: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not slow"

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Pytest compiles the tests in a way of its own. Once is enough; its workers, which all begin at
# the same time, would each do it. What goes wrong here is said by the tests' own run.
collected: $(STAMP)
	-@$(BIN)/pytest --collect-only -qq >/dev/null 2>&1

fix: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

screenshots: $(STAMP)
	$(BIN)/python -m tools.screenshots

bench: $(STAMP)
	$(BIN)/python -m benchmarks.worker
	$(BIN)/python -m benchmarks.forwarding
	$(BIN)/python -m benchmarks.console
	$(BIN)/python -m benchmarks.http2
	$(BIN)/python -m benchmarks.checks

losses: $(STAMP)
	$(BIN)/python -m benchmarks.losses

soak: $(STAMP)
	$(BIN)/python -m benchmarks.soak

# pip older than 25.1 knows no dependency groups, so the newest one is asked for first.
$(STAMP): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mmpush-tui needs Python 3.11 or newer; this is %d.%d. Name one: make PYTHON=python3.12" % sys.version_info[:2])'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade 'pip>=25.1'
	$(BIN)/python -m pip install --quiet --editable . --group dev
	@touch $(STAMP)

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find mmpush_tui tests tools benchmarks -name __pycache__ -prune -exec rm -rf {} +
