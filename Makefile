# For everyone `make demo`; while code is changed `make check`, before it is handed in `make test`.
# Each makes .venv and installs what it needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
CODE := src tests benchmarks studies
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo check lint test test-browser chromium bench tables format clean

demo: $(VENV)/.core
	$(BIN)/showface demo --out demo --overwrite

# All of `make test` but the tests marked slow; the ones that should be marked are listed at the end.
check: lint
	$(BIN)/python -m pytest -q -m "not slow" --durations=5 --durations-min=2

test: lint
	$(BIN)/python -m pytest -q

lint: $(VENV)/.test
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy --strict src

# The editor in a real browser; ordinary `make test` does not need one.
test-browser: chromium $(VENV)/.browser
	$(BIN)/python -m pytest -q tests/browser

chromium:
	@[ -n "$$SHOWFACE_CHROMIUM" ] || command -v chromium >/dev/null || command -v chromium-browser >/dev/null \
	  || command -v google-chrome >/dev/null || { [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null \
	  && apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium fonts-dejavu-core >/dev/null; } \
	  || { echo "no chromium: apt-get install chromium, or name one in SHOWFACE_CHROMIUM" >&2; exit 1; }

bench: $(VENV)/.core
	$(BIN)/python benchmarks/startup.py
	$(BIN)/python benchmarks/inference.py
	$(BIN)/python benchmarks/training.py

# The tables of README, model card and docs/, from results/*.json; measures nothing.
tables: $(VENV)/.core
	$(BIN)/python benchmarks/tables.py

format: $(VENV)/.test
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

clean:
	rm -rf $(VENV) demo build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e .
	touch $@

$(VENV)/.test: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[test,train,evaluate,onnx,identity,heic,web]'
	touch $@ $(VENV)/.core

$(VENV)/.browser: $(BIN)/python pyproject.toml constraints.txt
	$(PIP) -e '.[test,web,browser]'
	touch $@ $(VENV)/.core
