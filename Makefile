# make lab    opens JupyterLab on the first notebook      make lint   ruff, mypy, layer rules
# make test   runs all tests, notebooks and browser       make bench  speed against the bare loop
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)
ARGS ?=

.PHONY: setup lab test lint bench bug-matrix notebooks screenshots clean

setup: $(VENV)/.ready

$(VENV)/.ready: environment.yml constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	sed -n 's/^      - //p' environment.yml | xargs $(BIN)/python -m pip install --quiet --disable-pip-version-check
	touch $@

lab: setup
	$(BIN)/jupyter lab $(ROOT_FLAG) --ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

test: setup
	$(BIN)/python -m pytest $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: setup
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/tuning.py
	$(BIN)/python benchmarks/watch.py

bug-matrix: setup
	$(BIN)/python -m tests.planted_bugs.matrix --write $(ARGS)

notebooks: setup
	$(BIN)/python notebooks/run.py $(ARGS)

screenshots: setup
	$(BIN)/python tests/e2e/screenshots.py

clean:
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
