# make demo               sets everything up and runs all assets on 15 minutes of the synthetic city (MINUTES=60 for more)
# make demo ARCHIVE=DIR   the same on an archive in the published layout
# make view               opens the pages of the demo's city on http://127.0.0.1:8020: frames, vehicles, figures
# make dev-city           opens the Dagster UI and its daemon on the demo's city, on http://127.0.0.1:3000
# make dev                opens them on the lake that CCTVIEW_LAKE names, var/lake by default
# make test               sets everything up and runs ruff and the tests that are quick
# make test-all           runs all tests, and tries properties on six times as many examples
# make benchmark          measures everything; what needs a city takes the demo's, best SEED=9000 MINUTES=60
# make soak               what takes over an hour: collecting with faults, and 200 cameras for an hour
PYTHON ?= python3.11
BIN := .venv/bin
# What the demo and a user on a processor need, and that with all extras, for the tests.
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
MINUTES ?= 15
SEED ?= 1000
# Every city has a lake of its own, and an instance of Dagster with it.
CITY := var/city-$(SEED)-$(MINUTES)
IN_CITY := CCTVIEW_LAKE=$(CURDIR)/$(CITY)/lake DAGSTER_HOME=$(CURDIR)/$(CITY)/dagster

.PHONY: install install-dev demo view test test-all lint dev dev-city benchmark soak clean

install: $(INSTALLED)

install-dev: $(INSTALLED_DEV)

$(INSTALLED): pyproject.toml requirements.lock
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable .
	touch $@

$(INSTALLED_DEV): $(INSTALLED)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev]'
	touch $@

demo: install
ifdef ARCHIVE
	$(BIN)/cctview backfill --network archive --path "$(ARCHIVE)"
else
	$(IN_CITY) $(BIN)/cctview backfill --network city --seed $(SEED) --minutes $(MINUTES)
endif

test: install-dev lint
	$(BIN)/python -m pytest -m "not slow and not alone" --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 10

test-all: install-dev lint
	$(BIN)/python -m pytest -m "not alone" --hypothesis-profile full --numprocesses 2 --dist loadfile --no-loadscope-reorder --durations 40
	$(BIN)/python -m pytest -m alone

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

view: install
	$(IN_CITY) $(BIN)/cctview view

dev: install
	$(BIN)/cctview dev

dev-city: install
	$(IN_CITY) $(BIN)/cctview dev

benchmark: demo
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev,benchmark]'
	$(BIN)/python benchmarks/partitions.py
	$(BIN)/python benchmarks/city.py
	$(BIN)/python benchmarks/detect.py
	$(BIN)/python benchmarks/detectors.py
	$(BIN)/python benchmarks/embed.py
	$(BIN)/python benchmarks/match.py
	$(BIN)/python benchmarks/track.py --speed --lake $(CITY)/lake
	$(BIN)/python benchmarks/association.py --lake $(CITY)/lake
	$(BIN)/python benchmarks/rotation.py --lake $(CITY)/lake
	$(BIN)/python benchmarks/viewer.py --lake $(CITY)/lake
	$(BIN)/python benchmarks/collect.py

soak: install-dev
	CCTVIEW_FAULT_RUN_S=600 $(BIN)/python -m pytest --timeout 1200 cctview_pipeline_tests/end_to_end/test_fault_run.py
	$(BIN)/python benchmarks/collect.py --soak

clean:
	rm -rf .venv var
