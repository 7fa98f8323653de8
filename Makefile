# make demo               sets everything up and runs all assets on 15 minutes of the synthetic city (MINUTES=60 for more)
# make demo ARCHIVE=DIR   the same on an archive in the published layout
# make view               opens the pages of the demo's city on http://127.0.0.1:8020: frames, vehicles, figures
# make dev-city           opens the Dagster UI and its daemon on the demo's city, on http://127.0.0.1:3000
# make dev                opens them on the lake that CCTVIEW_LAKE names, var/lake by default
# make test               sets everything up and runs the linters and the tests that are quick
# make test-all           runs all tests, tries properties on six times as many examples, fuzzes every reader for a minute
# make lint-deps          says what is known against the pinned versions (ADVISORIES=FILE where no service can be asked)
# make reference          writes docs/reference/ anew: commands, tables, configuration; after every change of one of them
# make licences           writes docs/licences.md, sbom and hashes write docs/sbom.cdx.json, requirements.hashes and deploy/kubernetes/*.hashes: after every
#                         change of requirements.lock
# make benchmark          measures everything; what needs a city takes the demo's, best SEED=9000 MINUTES=60
# make cluster-demo       Ray's head, two nodes, PostgreSQL and an object store on this machine, the city through them, and down again
# make soak               what takes hours: faults, chaos, 200 cameras, and fuzzing, for an hour each (FUZZ_S=600 for less)
PYTHON ?= python3.11
BIN := .venv/bin
# What the demo and a user on a processor need, and that with all extras, for the tests.
INSTALLED := .venv/.installed
INSTALLED_DEV := .venv/.installed-dev
MINUTES ?= 15
SEED ?= 1000
FUZZ_TEST_S ?= 60
FUZZ_S ?= 3600
# Every city has a lake of its own, and an instance of Dagster with it.
CITY := var/city-$(SEED)-$(MINUTES)
IN_CITY := CCTVIEW_LAKE=$(CURDIR)/$(CITY)/lake DAGSTER_HOME=$(CURDIR)/$(CITY)/dagster

.PHONY: install install-dev demo view test test-all lint lint-deps reference licences sbom hashes dev dev-city benchmark \
	cluster-demo soak clean

install: $(INSTALLED)

install-dev: $(INSTALLED_DEV)

# Every file that is installed for the base is one of those whose hashes stand in requirements.hashes, from whatever index.
$(INSTALLED): pyproject.toml requirements.lock requirements.hashes
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.hashes
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
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
	$(BIN)/python -m cctview_pipeline_tests.fuzz --seconds $(FUZZ_TEST_S)

lint: install-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

lint-deps: install-dev
	$(BIN)/python -m supply_chain audit $(if $(ADVISORIES),--advisories "$(ADVISORIES)")

reference: install
	$(BIN)/python -m cctview_pipeline.cli.reference

licences: install-dev
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable '.[dev,benchmark]'
	$(BIN)/python -m supply_chain licences

sbom: install-dev
	$(BIN)/python -m supply_chain sbom

# All files of every version, so that other systems and Pythons find theirs; setuptools, because it builds the project. The base,
# what machines of a Ray cluster install, and the images.
COMPILE := uv pip compile --quiet --generate-hashes --no-strip-extras --no-annotate --no-emit-index-url --python-version 3.11 \
	--python-platform x86_64-unknown-linux-gnu --custom-compile-command "make hashes" --constraint requirements.lock

hashes: install-dev
	echo setuptools | $(BIN)/$(COMPILE) --output-file requirements.hashes pyproject.toml -
	echo setuptools | $(BIN)/$(COMPILE) --extra cluster --output-file deploy/ray/requirements.hashes pyproject.toml -
	for image in "" "-gpu"; do \
		echo setuptools | $(BIN)/$(COMPILE) --extra kubernetes $${image:+--extra torch} \
			--output-file deploy/kubernetes/requirements$$image.hashes pyproject.toml - || exit 1; done

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
	$(BIN)/python benchmarks/viewer.py --lake $(CITY)/lake
	$(BIN)/python benchmarks/collect.py

cluster-demo: install-dev
	$(BIN)/python -m cctview_pipeline_tests.cluster --seed $(SEED)

soak: install-dev
	CCTVIEW_FAULT_RUN_S=600 $(BIN)/python -m pytest --timeout 1200 cctview_pipeline_tests/end_to_end/test_fault_run.py
	$(BIN)/python -m cctview_pipeline_tests.chaos --seconds 3600 --results benchmarks/results/chaos.json
	$(BIN)/python benchmarks/collect.py --soak
	$(BIN)/python -m cctview_pipeline_tests.cluster.soak --results benchmarks/results/cluster.json
	$(BIN)/python -m cctview_pipeline_tests.fuzz --seconds $(FUZZ_S) --results benchmarks/results/fuzz.json

clean:
	rm -rf .venv var
