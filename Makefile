# make lab    opens JupyterLab on the first notebook         make lint   ruff, mypy, tsc, eslint, who imports whom
# make test   all tests, then the notebooks, two at a time make bench  speed, growth, and peers beside it
# make stress storms, faults and bad input, in full        make site   lessons, replays and reference as pages
# make bench-gpu  the same on a GPU, in five minutes
# make lab TORCH_INDEX=https://download.pytorch.org/whl/cpu   the first time, or after `make clean`: with PyTorch's CPU build,
#                                                           which needs 4 GB of disk less on Linux
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ROOT_FLAG := $(shell [ "$$(id -u)" = 0 ] && echo --allow-root)

# without compiled files each kernel and each process of the tests would compile PyTorch anew: seconds
unexport PYTHONDONTWRITEBYTECODE

# How long an idle thread of a parallel computation stays awake before it sleeps (GNU's OpenMP, which PyTorch uses): 1 ms. The usual
# 15 ms made a loop on two threads up to a hundred times slower beside busy processes. recipe_widgets/cli has the number, too.
export GOMP_SPINCOUNT ?= 20000

.PHONY: setup lab test stress studies lint bench bench-gpu peers bug-matrix notebooks site screenshots audit clean

PIP_LINES := sed -n 's/^      - //p' environment.yml
INSTALL := xargs $(BIN)/python -m pip install --quiet --disable-pip-version-check

setup: $(VENV)/.ready

# compiles what a first cell imports, and looks whether PyTorch's GPU libraries are of use here
define FIRST_CELL
import torch, torch._dynamo, recipe_widgets.panels.live_panel
if (torch.version.cuda or torch.version.hip) and not torch.cuda.is_available():
    print("No GPU is found: the GPU libraries that came with PyTorch are not used. The Makefile's first lines say how to do without.")
endef
export FIRST_CELL

# what a reader needs; the tools of the tests come with the first `make setup` or `make test`
$(VENV)/.reader: environment.yml constraints.txt pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
ifdef TORCH_INDEX
	sed -n 's/^      - \(torch.*\)/\1/p' environment.yml | $(INSTALL) --no-deps --index-url $(TORCH_INDEX)
endif
	$(PIP_LINES) | grep -v nbval | sed 's/\[.*\]/[lab,tune,data]/' | $(INSTALL) --no-compile  # Python compiles what is used
	@$(BIN)/python -c "$$FIRST_CELL"
	touch $@

$(VENV)/.ready: $(VENV)/.reader
	$(PIP_LINES) | $(INSTALL)
	touch $@

# first on PATH: `recipe` and `python` of a terminal in JupyterLab are this environment's
lab: $(VENV)/.reader
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/jupyter lab $(ROOT_FLAG) --ip=127.0.0.1 --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb $(ARGS)

test: setup
ifdef ARGS
	$(BIN)/python -m pytest $(ARGS)
else
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests -n 2 --dist loadfile
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest notebooks -n 2 --dist loadfile
endif

stress: setup
	RECIPE_STRESS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest tests/stress -n 2 $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	@if command -v npm >/dev/null; then npm ci --silent --no-fund --no-audit && npm run --silent lint; \
	else echo "npm is missing: the front end's JavaScript is not checked"; fi

studies: setup
	OMP_NUM_THREADS=1 $(BIN)/python -m studies $(ARGS)

bench: setup
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/training.py
	$(BIN)/python benchmarks/live.py
	$(BIN)/python benchmarks/seeds.py
	$(BIN)/python benchmarks/tuning.py
	$(BIN)/python benchmarks/watch.py
	$(BIN)/python benchmarks/machines.py --only run_all
	$(BIN)/python benchmarks/compiled.py --markdown benchmarks/records/compiled.md
	$(BIN)/python benchmarks/scaling.py --markdown benchmarks/records/scaling.md
	$(MAKE) peers

# about five minutes on a machine with a GPU; ARGS="--full FOLDER" with cifar10.npz for CIFAR-10 to 94 %
bench-gpu: setup
	$(BIN)/python benchmarks/gpu.py --markdown benchmarks/records/gpu.md $(ARGS)

peers: $(VENV)-peers/.ready
	$(VENV)-peers/bin/python benchmarks/peers/run.py --markdown benchmarks/records/peers.md $(ARGS)

$(VENV)-peers/.ready: benchmarks/peers/requirements.txt constraints.txt pyproject.toml
	test -x $(VENV)-peers/bin/python || $(PYTHON) -m venv $(VENV)-peers
	sed -n 's/^      - \(torch\)/\1/p' environment.yml | xargs $(VENV)-peers/bin/python -m pip install --quiet \
	  --disable-pip-version-check -c constraints.txt -r benchmarks/peers/requirements.txt -e .[lab,data]
	touch $@

bug-matrix: setup
	$(BIN)/python -m tests.planted_bugs.matrix --write $(ARGS)

notebooks: setup
	$(BIN)/python notebooks/run.py $(ARGS)

site: setup
	@if command -v npm >/dev/null; then npm ci --silent --no-fund --no-audit; fi
	OMP_NUM_THREADS=1 $(BIN)/python -m docs.site.build $(ARGS)

# known holes in what is installed (needs PyPI's advisories), and its licences, with tools in an environment of their own
audit: setup
	test -x $(VENV)-audit/bin/pip-audit || $(PYTHON) -m venv $(VENV)-audit
	$(VENV)-audit/bin/python -m pip install --quiet --disable-pip-version-check "pip-audit>=2.10" "pip-licenses>=5.5"
	$(VENV)-audit/bin/pip-licenses --python $(BIN)/python --format json | $(BIN)/python docs/licences.py > docs/licences.md
	$(VENV)-audit/bin/pip-audit --strict --disable-pip --no-deps --requirement constraints.txt

screenshots: setup
	$(BIN)/python tests/e2e/moving_picture.py

clean:
	rm -rf $(VENV) $(VENV)-peers $(VENV)-audit node_modules build dist site .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -prune -exec rm -rf {} +
