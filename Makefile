# Every target does its own set-up: .venv is made and filled by scripts/setup_venv.py, and only when
# a lock file is newer than the stamp that it left. On a warm checkout make starts no Python for it.
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

PY := .venv/bin/python
RUN_READY := .venv/.ready-run
TEST_READY := .venv/.ready-test

# Set up again whatever the stamps say: a checkout that was moved, whose Python went away, or for which
# the command line names a Python.
ifneq ($(file <.venv/.place),$(CURDIR))
.PHONY: $(RUN_READY) $(TEST_READY)
else ifeq ($(realpath .venv/bin/python),)
.PHONY: $(RUN_READY) $(TEST_READY)
else ifdef PYTHON
.PHONY: $(RUN_READY) $(TEST_READY)
endif

define set_up
@for python in "$$PYTHON" python3 python3.13 python3.12 python3.11; do \
  if command -v "$$python" >/dev/null 2>&1; then exec "$$python" scripts/setup_venv.py $(1); fi; \
done; \
echo "setup: mExOms needs Python 3.11 to 3.13, and there is no python3 here;" \
  "on Debian and Ubuntu: apt install python3 python3-venv" >&2; exit 1
endef
ifdef PYTHON
export PYTHON
endif

.PHONY: help run test check stress chaos bench test-benchmark profile oracles fuzz conformance layout tune-check lock clean

help:
	@echo "mExOms: make TARGET"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 20

$(RUN_READY): requirements.lock pyproject.toml scripts/setup_venv.py
	$(call set_up,run)

$(TEST_READY): requirements.lock requirements-dev.lock pyproject.toml scripts/setup_venv.py
	$(call set_up,test)

run: $(RUN_READY) ## a simulated desk on this machine; FOR=20s ends by itself, ARGS="..." goes to oms run
	@exec .venv/bin/oms run $(if $(FOR),--for $(FOR)) $(ARGS)

test: $(TEST_READY) ## everything: check, tests with the compiler on and off, benches at smoke size
	@exec $(PY) scripts/test.py $(ARGS)

check: $(TEST_READY) ## the quick gate: format, lint, types, floors, tidy
	@exec $(PY) scripts/test.py check

stress: $(TEST_READY) ## rings at full size: 10^8 records, 1,000 kills; ARGS="kill-lossless" for one
	@exec $(PY) -m tests.stress $(ARGS)

chaos: $(TEST_READY) ## faults at full size, hours; ARGS="kill --rounds 5", "soak --minutes 5", "journal --seed 7"
	@exec $(PY) -m tests.chaos $(ARGS)

bench: $(TEST_READY) ## the figures beside their peers; ARGS="ring_hop" for one, "--compare" for changes
	@exec $(PY) -m tests.bench $(ARGS)

test-benchmark: $(TEST_READY) ## the pytest-benchmark suites behind bench
	@exec $(PY) -m pytest tests/bench --benchmark-only $(ARGS)

profile: $(TEST_READY) ## where a bench spends its time, in Python and in kernels: ARGS="order_path"
	@exec $(PY) scripts/profiling.py $(ARGS)

oracles: $(TEST_READY) ## compares with outside material: make oracles DATA=DIR
	@test -n "$(DATA)" || { echo "oracles: name the folder of the material: make oracles DATA=DIR" >&2; exit 2; }
	@test -d "$(DATA)" || { echo "oracles: there is no folder $(DATA)" >&2; exit 2; }
	@exec $(PY) -m tests.oracles "$(DATA)" $(ARGS)

fuzz: $(TEST_READY) ## 10 M random operations, engine against reference; ARGS="--seed 7" resumes there
	@exec $(PY) -m tests.oms.exchange.fuzzing $(ARGS)

conformance: $(TEST_READY) ## every numbered case on every traded market, public clients, a fuzz of 200,000 operations
	@MEXOMS_CONFORMANCE=full $(PY) -m pytest -q tests/conformance $(ARGS)
	@$(PY) -m pytest -q tests/clients
	@exec $(PY) -m tests.oms.exchange.fuzzing --operations 200000

layout: $(RUN_READY) ## writes shm_layout/layout.lock from shm_layout/records.py
	@exec $(PY) -m shm_layout.layout $(ARGS)

tune-check: $(RUN_READY) ## what of this machine's kernel could be set better; 1 = something could
	@exec $(PY) scripts/tuning check $(ARGS)

lock: ## writes both lock files from pyproject.toml; wants python3.11, 3.12 and 3.13 (ARGS="paths")
	@exec $(or $(PYTHON),python3) scripts/lock.py $(ARGS)

clean: ## removes .venv and every cache; what a desk wrote under var/ stays
	@rm -rf .venv .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .benchmarks build *.egg-info
	@find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
