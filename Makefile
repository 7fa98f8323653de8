# make demo ARCHIVE=DIR   sets everything up and runs the main job on an archive in the published layout
# make test               sets everything up and runs the tests
# make dev                opens the Dagster UI and its daemon on http://127.0.0.1:3000
PYTHON ?= python3.11
BIN := .venv/bin
INSTALLED := .venv/.installed

.PHONY: install demo test lint dev benchmark clean

install: $(INSTALLED)

$(INSTALLED): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	touch $@

demo: install
	@test -n "$(ARCHIVE)" || { echo "make demo needs an archive in the published layout: make demo ARCHIVE=DIR"; exit 2; }
	$(BIN)/cctview backfill --network archive --path "$(ARCHIVE)"

test: install lint
	$(BIN)/python -m pytest

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

dev: install
	$(BIN)/cctview dev

benchmark: install
	$(BIN)/python benchmarks/partitions.py

clean:
	rm -rf .venv var
