# make lab   makes the environment and opens JupyterLab at the start notebook
# make test  makes the environment with all that tests need, the browser included, and runs everything
# make check the quick half of it: lint, types, layers
# make bench measures speed and memory, and writes benchmarks/results/
SHELL := /bin/bash
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt
# one BLAS thread: the matrices are small, and tests run beside each other
ONE    := OPENBLAS_NUM_THREADS=1 OMP_NUM_THREADS=1

.PHONY: lab test check lint types layers unit browser bench clean

lab: $(VENV)/.lab
	cd notebooks && ../$(BIN)/jupyter lab 00_start.ipynb $(if $(filter 0,$(shell id -u)),--allow-root) $(LAB_ARGS)

test: $(VENV)/.test chromium check
	$(ONE) $(BIN)/python -m pytest -m "not browser"
	$(ONE) $(BIN)/python -m pytest -m browser || $(ONE) $(BIN)/python -m pytest -m browser --last-failed  # slow machines: once more

check: lint types layers

lint: $(VENV)/.test
	$(BIN)/ruff check .

types: $(VENV)/.test
	$(BIN)/mypy

layers: $(VENV)/.test
	$(BIN)/lint-imports

unit: $(VENV)/.test
	$(ONE) $(BIN)/python -m pytest -m "not browser and not slow" -q

browser: $(VENV)/.test chromium
	$(ONE) $(BIN)/python -m pytest -m browser

bench: $(VENV)/.bench chromium
	env -u OPENBLAS_CORETYPE -u OPENBLAS_L2_SIZE $(ONE) $(BIN)/python -m benchmarks $(BENCH_ARGS)

$(VENV)/.venv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed, found $$($(PYTHON) --version). Try: make PYTHON=python3.12 lab"; exit 1; }
	@$(PYTHON) -m venv $(VENV) \
	  || { echo "No virtual environment could be made. On Debian: apt-get install python3-venv"; exit 1; }
	touch $@

$(VENV)/.lab: $(VENV)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[lab]"
	touch $@

$(VENV)/.test: $(VENV)/.venv pyproject.toml constraints.txt
	$(PIP) -e ".[test]"
	touch $@

$(VENV)/.bench: $(VENV)/.test
	$(PIP) -e ".[bench]"
	touch $@

# Debian's Chromium; on other systems any chromium or google-chrome on the PATH will do
chromium:
	@command -v chromium chromium-browser google-chrome >/dev/null 2>&1 && exit 0; \
	SUDO=$$([ "$$(id -u)" = 0 ] || echo sudo); \
	$$SUDO apt-get update -qq && DEBIAN_FRONTEND=noninteractive $$SUDO apt-get install -y -qq chromium
.PHONY: chromium

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis artifacts dist build
