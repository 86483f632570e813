# Each target sets up its environment in .venv by itself, on a machine with Python 3.11 or newer.
SHELL := /bin/bash
BIN := .venv/bin
PORT := 8501
PYTHON ?= $(shell setup/find python)

.PHONY: run test quick lowest app bench docs check tidy clean found-run found-test found-bench

run: .venv/installed  ## answer the question, and write results/relapsed.xlsx
	@mkdir -p results
	@$(BIN)/hemodel run relapsed --out results/relapsed.xlsx --force

test: found-test .venv/installed check  ## everything that proves it
	$(BIN)/python -m pytest -n 2 --dist worksteal

quick: .venv/installed  ## the numbers alone: without the app, spreadsheet programs, whole documents and deliberate faults
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

lowest: found-test  ## the tests on the lowest versions that pyproject.toml allows, in an environment of their own
	$(PYTHON) -m venv --clear .venv-lowest
	.venv-lowest/bin/python -m pip install -q --disable-pip-version-check uv
	.venv-lowest/bin/uv pip install -q --python .venv-lowest/bin/python --resolution lowest-direct -e ".[dev]"
	.venv-lowest/bin/python -m pytest -n 2 --dist worksteal

check: .venv/installed  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

app: .venv/installed  ## open the app at http://127.0.0.1:8501
	@exec $(BIN)/hemodel app --port $(PORT)

bench: found-bench .venv/installed  ## time it beside its peers, and write benchmarks/RESULTS.md
	$(BIN)/pip install -q -e ".[benchmark,sensitivity,distributed]"
	$(BIN)/python benchmarks/run.py

docs: found-test .venv/installed  ## write the numbers in README.md and docs/ anew
	$(BIN)/python -m tests.readme_numbers --write
	$(BIN)/python -m tests.your_own_appraisal --write
	$(BIN)/python -m tests.verification_page --write

tidy: .venv/installed  ## put code in order
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv .venv-lowest results build dist .pytest_cache .mypy_cache .ruff_cache

found-run found-test found-bench: found-%:  ## the programs outside Python, setup/programs.txt: installed where that may be, else named
	@setup/find $*

.venv/installed: requirements.lock pyproject.toml | found-run
	$(PYTHON) -m venv --clear .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check -r requirements.lock
	$(BIN)/python -m pip install -q --disable-pip-version-check --no-build-isolation --no-deps -e .
	@touch .venv/installed
