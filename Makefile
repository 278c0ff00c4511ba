# Tollgate: `make` alone lists what there is to do. Needs git, make, bash and Python 3.11 or later; the rest is fetched.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory --no-builtin-rules
# The tests start hundreds of Python processes: whatever the shell says, they do not compile the program anew each time.
unexport PYTHONDONTWRITEBYTECODE

PY := .venv/bin/python
INSTALLED := .venv/.installed

.PHONY: help run test check thorough fuzz bench calls e2e chaos asterisk postgresql sipp browser tools clean

help: ## list what there is to do
	@echo 'Tollgate, prepaid call control for Asterisk'
	@sed -n 's/^\([a-z0-9]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name says; do \
		printf '%-14s %s\n' "$$name" "$$says"; done

run: $(INSTALLED) ## start the demonstration office: PBX, simulated public network, service; Ctrl-C ends it
	@exec $(PY) -m tollgate.office $(ARGS)

# In this order under `make -j` too: what is missing stops the run before the first test, not after ten minutes.
test: tools ## every check and test there is, end-to-end tests with a real Asterisk and SIPp included
	@$(MAKE) check
	@$(MAKE) calls

# The long tests come first, so that short ones fill up what is left of both processors; a file's tests stay together,
# as they share what they prepare. xdist would rather begin with the files that have the most tests.
check: postgresql ## format, lint, types, import contracts, unit, property and integration tests
	@echo '== ruff format'; $(PY) -m ruff format --check .
	@echo '== ruff check'; $(PY) -m ruff check .
	@echo '== mypy'; $(PY) -m mypy
	@echo '== import contracts'; .venv/bin/lint-imports
	@echo '== unit, property and integration tests'
	@$(PY) -m pytest tests/property tests/integration tests/fuzz tests/unit -q -n 2 \
		--dist loadfile --no-loadscope-reorder

thorough: postgresql ## property tests with twenty times as many examples: for a night, not for each change
	@TOLLGATE_TEST_EFFORT=20 $(PY) -m pytest tests/property -q -n 2 --dist loadfile --no-loadscope-reorder

fuzz: $(INSTALLED) ## bad input of all kinds, each target for SECONDS (60): make fuzz SECONDS=600
	@TOLLGATE_FUZZ_SECONDS=$(or $(SECONDS),60) $(PY) -m pytest tests/fuzz -q -n 2 --dist load

# Calls take seconds in which nobody computes: more of them at a time than there are processors.
CALLS := $(PY) -m pytest -q -n 10 --dist worksteal

calls: tools ## end-to-end and chaos tests
	@echo '== end-to-end and chaos tests'
	@$(CALLS) tests/chaos tests/e2e

e2e: sipp browser ## end-to-end tests alone
	@$(CALLS) tests/e2e

chaos: tools ## what dies, hangs, stalls, repeats or fills up while calls talk: each tried on a real Asterisk
	@$(CALLS) tests/chaos

bench: sipp ## calls a second, set-up times and CPU of bare Dial() and Tollgate, side by side
	@$(PY) -m tests.bench

clean: ## remove what was built here: .venv, caches, the demonstration office's folder
	@rm -rf .venv run dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .coverage
	@rm -rf *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

asterisk: $(INSTALLED)
	@$(PY) -m tollgate.office.prepare

postgresql: $(INSTALLED)
	@$(PY) -m tollgate.office.prepare --with-postgresql

sipp: $(INSTALLED)
	@$(PY) -m tollgate.office.prepare --with-sipp

browser: $(INSTALLED)
	@$(PY) -m tollgate.office.prepare --with-browser

tools: $(INSTALLED)
	@$(PY) -m tollgate.office.prepare --with-postgresql --with-sipp --with-faketime --with-browser

# The environment: made once, brought up to date when a requirement changes. `python3` may be older than a python3.x
# beside it, and Debian keeps venv in a package of its own.
$(INSTALLED): pyproject.toml constraints.txt
	@found=''; \
	for candidate in python3 python3.14 python3.13 python3.12 python3.11; do \
		if "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			found="$$candidate"; break; fi; \
	done; \
	if [ -z "$$found" ]; then \
		echo 'error: Python 3.11 or later is needed: install python3 (Debian 12, Ubuntu 24.04 or later)' >&2; exit 1; fi; \
	if ! "$$found" -c 'import ensurepip, venv' 2>/dev/null; then \
		package=$$("$$found" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
		if [ "$$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then \
			echo "error: this Python cannot make environments. Ask an administrator to run:" \
				"apt-get update && apt-get install $$package" >&2; exit 1; fi; \
		echo "installing $$package"; \
		apt-get -qq update; \
		DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends "$$package" >/dev/null; \
	fi; \
	if ! $(PY) -m pip --version >/dev/null 2>&1; then \
		echo "making .venv with $$("$$found" --version)"; "$$found" -m venv --clear .venv; fi; \
	echo 'installing Tollgate and its tools into .venv (about a minute)'; \
	$(PY) -m pip install --disable-pip-version-check --progress-bar off -c constraints.txt -e '.[dev]' \
		| sed -un 's/^Collecting \([A-Za-z0-9._-]*\).*/  \1/p'; \
	touch $(INSTALLED)
