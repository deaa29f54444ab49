# One verb each; `make` alone lists them. Everything is set up on first use, in .venv/ of this folder.
.DEFAULT_GOAL := help
PY := .venv/bin/python
DEMO_ARGS ?=
TEST_ARGS ?=
QUICK ?=

.PHONY: help setup demo test test-browser test-clocks test-trixie test-system test-camera test-service test-install test-arm test-gpio test-pi test-power test-brokers test-centre test-ward test-flips bundle faults fleet restored-images simulated-year fuzz-centre lint types format bench locale docs docs-site clean

help:  ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# The stamp is newer than the lock file once everything that the lock names is installed.
.venv/.ready: pyproject.toml uv.lock setup.sh
	@sh setup.sh
	@touch $@

setup: .venv/.ready  ## set up the virtual environment and the two system packages (the other verbs do it by themselves)

demo: .venv/.ready  ## watch the real product at work: synthetic people, a broker, a centre, the page
	@$(PY) -m kiosk.cli demo $(DEMO_ARGS)

# Most tests wait for processes, not for a processor: three at a time, a file's tests always in one of them, the long files first.
test: .venv/.ready  ## run the tests
	@$(PY) -m pytest --numprocesses 3 --dist loadfile --no-loadscope-reorder $(TEST_ARGS)

# chromium is 100 MB: only these tests and pictures need it.
test-browser: .venv/.ready  ## the pages in a real browser (installs chromium with apt)
	@sh setup.sh chromium
	@$(PY) -m pytest -o addopts="-ra --strict-markers" tests/e2e/browser $(TEST_ARGS)

CLOCK_ARGS ?=
test-clocks: .venv/.ready  ## the clock-sensitive tests at faked moments, in other time zones (installs faketime with apt)
	@sh setup.sh faketime
	@$(PY) -m tests.environments.clocks $(CLOCK_ARGS)

test-trixie: .venv/.ready  ## the everyday tests in a fresh Debian trixie root: Python 3.13, SQLite 3.46 (root, apt; the first run takes minutes)
	@sh setup.sh mmdebstrap
	@$(PY) -m tests.environments.trixie $(TEST_ARGS)

# A system test boots a container or an emulated machine. They need root. What this machine cannot run is skipped, with its reason.
SYSTEM_TEST = sh setup.sh system-tests && $(PY) -m pytest -v tests/system $(TEST_ARGS) -m

test-system: .venv/.ready  ## all system tests, one environment after the other (root, apt; TEST_ARGS=--short)
	@$(SYSTEM_TEST) system

test-camera: .venv/.ready  ## real picamera2 on real libcamera, in a trixie root (root, apt; the first run takes minutes)
	@$(SYSTEM_TEST) camera

test-service: .venv/.ready  ## our units under a real systemd, in a container (root, apt; the first run takes minutes)
	@$(SYSTEM_TEST) service

INSTALL_ARGS ?=
test-install: .venv/.ready  ## packages, upgrade, trial, return and power cuts, in containers with real systemd (root, apt; INSTALL_ARGS="--cuts 20")
	@$(SYSTEM_TEST) install $(INSTALL_ARGS)

ARM_ARGS ?=
test-arm: .venv/.ready  ## the locked aarch64 wheels under user emulation: read, verify, our own suite (root, apt; ARM_ARGS=--short)
	@$(SYSTEM_TEST) arm $(ARM_ARGS)

test-gpio: .venv/.ready  ## the daemon on a real gpiochip in an emulated machine, its pins seen from outside (root, apt)
	@$(SYSTEM_TEST) gpio

PI_ARGS ?=
test-pi: .venv/.ready  ## an emulated Pi 3B from power-on to light, page and centre; bytes to its card (root, apt; PI_ARGS=--short)
	@$(SYSTEM_TEST) pi $(PI_ARGS)

POWER_CUTS ?= 5
CRASH_POINTS ?= 100
POWER_SEED ?=
test-power: .venv/.ready  ## power cuts on an emulated machine: greens seen outside against records on disk, and at the centre (root, apt)
	@$(SYSTEM_TEST) power --cuts $(POWER_CUTS) --points $(CRASH_POINTS) $(if $(POWER_SEED),--seed $(POWER_SEED))

BROKER_ARGS ?=
test-brokers: .venv/.ready  ## clusters of RabbitMQ and NATS, their nodes killed while events flow (root, apt; BROKER_ARGS=--short)
	@$(SYSTEM_TEST) brokers $(BROKER_ARGS)

CENTRE_ARGS ?=
test-centre: .venv/.ready  ## the packages of centre and broker in containers: install, init, a record, backup, restore, PostgreSQL (root, apt; CENTRE_ARGS="--suites trixie")
	@$(SYSTEM_TEST) centre $(CENTRE_ARGS)

WARD_ARGS ?=
test-ward: .venv/.ready  ## the tutorial "a ward from nothing": its commands in three empty machines, up to the first passage (root, apt)
	@$(SYSTEM_TEST) ward $(WARD_ARGS)

BUNDLE_ARGS ?=
bundle: .venv/.ready  ## a signed folder of packages to install from, for a stick or a web server: dist/entrance-kiosk-VERSION (BUNDLE_ARGS="--machines aarch64 x86_64")
	@$(PY) -m kiosk.installer.bundle.build $(BUNDLE_ARGS)

SEEDS ?= 5
FAULT_ARGS ?=
faults: .venv/.ready  ## fault injection into delivery: everything is killed, stopped, cut and filled (root, apt; SEEDS=N, FAULT_ARGS=--long)
	@sh setup.sh postgresql faketime
	@$(PY) -m tests.faults.run --seeds $(SEEDS) $(FAULT_ARGS)

SCENARIOS ?= 50
restored-images: .venv/.ready  ## databases that come back: random images, snapshots and clones with real processes (SCENARIOS=N)
	@$(PY) -m tests.faults.restored_images --scenarios $(SCENARIOS)

YEAR_ARGS ?=
simulated-year: .venv/.ready  ## a year of a gate with 400 people a day: quarantines, outages, full disks, clock jumps (YEAR_ARGS="--people 400")
	@$(PY) -m tests.faults.simulated_year $(YEAR_ARGS)

KIOSKS ?= 10000
FLEET_ARGS ?=
fleet: .venv/.ready  ## simulate a fleet: KIOSKS=N connections in one process, a broker, a centre (FLEET_ARGS="--seconds 60 --passages-per-s 100", --help)
	@sh setup.sh postgresql
	@$(PY) -m tests.fleet.run --kiosks $(KIOSKS) $(FLEET_ARGS)

FUZZ_EXAMPLES ?= 20000
fuzz-centre: .venv/.ready  ## any bytes and changed messages through the centre into SQLite and PostgreSQL; FUZZ_EXAMPLES=N for each database
	@FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) $(PY) -m pytest -q -s --timeout 0 -p no:logging tests/integration/centre/test_any_message.py

FLIP_ROWS ?= 2000
FLIP_STEP ?= 1
test-flips: .venv/.ready  ## flip every byte of a database, one at a time, and start (hours; FLIP_ROWS=60 FLIP_STEP=7 takes a minute)
	@$(PY) -m tests.unit.kiosk.storage.test_flipped_bytes $(FLIP_ROWS) $(FLIP_STEP)

lint: .venv/.ready  ## ruff, and the import directions
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/lint-imports --no-cache

types: .venv/.ready  ## mypy, strict
	@.venv/bin/mypy

format: .venv/.ready  ## let ruff format the code and mend what it can
	@.venv/bin/ruff check --fix .
	@.venv/bin/ruff format .

bench: .venv/.ready  ## measure, print tables, write build/bench/NAME.json (QUICK=1: about two minutes a part)
	@QUICK=$(QUICK) $(PY) -m tests.benchmarks.run $(BENCH_ARGS)

locale: .venv/.ready  ## compile the translations of kiosk/locale/ after a change of a .po file
	@.venv/bin/pybabel --quiet compile --domain entrance-kiosk --directory kiosk/locale

docs: .venv/.ready  ## make the generated pages and pictures of docs/ anew
	@sh setup.sh chromium
	@$(PY) -m docs._generate.run

docs-site: .venv/.ready  ## build the documentation as a site in build/site (a broken link is an error; no network to read it)
	@sh setup.sh docs
	@.venv/bin/sphinx-build --quiet --fresh-env --fail-on-warning --keep-going -c docs/_generate -d build/doctrees docs build/site
	@echo "open build/site/index.html"

clean:  ## delete what can be made again
	@rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
