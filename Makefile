# One command per job. Each does its own set-up: the first run makes the environment, the next ones reuse it.
#   VENV=/elsewhere    an environment of your own          PYTHON=python3.12    the interpreter to make it with

PYTHON ?= python3
VENV ?= .venv
PY = $(VENV)/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-thorough test-slow lint wheel api notebook figures bench fuzz mutants oracle check-backprop clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(VENV)/.has-demo ## train the two-layer network on the flower, check its gradients, draw what it learned
	$(PY) -m models.two_layer

# A process for each core, up to 8, with one thread of BLAS each: the arrays are small. Bytecode is kept, whatever the
# environment says: some tests start programs, and each of them would compile the package anew.
test: $(VENV)/.has-dev ## the tests and every documented example, in under two minutes
	OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -n auto --maxprocesses 8 --dist worksteal

test-thorough: $(VENV)/.has-dev ## these, and more cases of each: what has to pass before a change goes in (five minutes)
	OPENBLAS_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(PY) -m pytest -m "not slow" -n auto --maxprocesses 8 --dist worksteal

test-slow: $(VENV)/.has-dev ## the tests that take longer
	$(PY) -m pytest -m slow

lint: $(VENV)/.has-dev ## style (ruff) and types (mypy --strict)
	$(PY) -m ruff check .
	$(PY) -m mypy

wheel: $(VENV)/.has-dev ## build the wheel and the source archive, and try both in an empty environment
	$(PY) -m tests.wheel

api: $(VENV)/.has-dev ## write the API reference, docs/api/, from the docstrings
	$(PY) docs/make_api.py

notebook: $(VENV)/.has-dev ## run every cell of the tour, docs/tour.ipynb, again
	$(PY) docs/make_notebook.py

figures: $(VENV)/.has-demo ## draw every picture of the README, and of every model, again
	$(PY) -m models.figures

bench: $(VENV)/.has-bench ## time against hand-written NumPy, PyTorch, JAX and others (downloads them)
	$(PY) -m benchmarks

fuzz: $(VENV)/.has-dev ## random programs, differentiated in several ways that must agree
	$(PY) -m tests.generators.fuzz

mutants: $(VENV)/.has-dev ## make every rule of the table wrong, in many ways: do its tests notice?
	OPENBLAS_NUM_THREADS=1 $(PY) -m tests.mutants

oracle: $(VENV)/.has-oracle ## every op against JAX, every layer of tg.nn against PyTorch (downloads them)
	$(PY) -m pytest tests/oracle -m "slow or not slow"

check-backprop: $(VENV)/.has-demo ## check the backprop in a file of yours: make check-backprop FILE=my_network.py
	@test -n "$(FILE)" || { echo "Say which file:  make check-backprop FILE=my_network.py" >&2; exit 2; }
	@$(PY) -m tinygrad_lite.check "$(FILE)"

clean: ## remove the environment and everything generated
	rm -rf $(VENV) build dist out .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# An environment with one set of extras installed. The stamp makes the second time instant; a changed
# pyproject.toml makes it stale. Nothing is asked of an environment but a working pip, so that one made by
# another tool can be shared.
$(VENV)/.has-%: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  found=$$($(PYTHON) --version 2>/dev/null) || found="not there"; \
	  echo "tinygrad_lite needs Python 3.11 or newer; '$(PYTHON)' is $$found." >&2; \
	  echo "Name another one, for example:  make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@echo "Setting up $(VENV) for 'make $(MAKECMDGOALS)' (only the first time)"
	@$(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv $(VENV)
	@$(PY) -m pip install --quiet --disable-pip-version-check --editable '.[$(SET_$*)]'
	@touch $@

SET_demo = demo
SET_dev = dev
SET_bench = dev,bench
SET_oracle = dev,oracle
