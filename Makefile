# `make demo` runs the main job, `make test` the tests; each sets up everything it needs, once.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PIP_CONSTRAINT := $(CURDIR)/constraints.txt
READY := $(VENV)/.ready

.PHONY: setup demo test check format docs mini clean

setup: $(READY)

$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

demo: $(READY)
	$(BIN)/vicp demo --out demo

test: $(READY)
	$(BIN)/pytest

check: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(MAKE) test

docs: $(READY)
	$(BIN)/python -m typer vicp.cli utils docs --name vicp --output docs/cli.md

format: $(READY)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# The shipped checkpoint again from nothing: hours on two cores; goes on where it was stopped.
# PHOTOS=file.parquet adds natural photos (a column `image` of encoded bytes).
mini: $(READY)
	$(BIN)/vicp pretrain --resume --config configs/mini-backbone.yaml $(if $(PHOTOS),pretrain.photos=$(PHOTOS))
	$(BIN)/vicp train --resume --config configs/mini.yaml

clean:
	rm -rf $(VENV) demo .pytest_cache .mypy_cache .ruff_cache .hypothesis
