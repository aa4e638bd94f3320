PYTHON ?= python3
V := .venv/bin
STAMP := .venv/.installed
# Many tests wait for servers and time-outs: two test processes a core keep it busy.
PARALLEL = -n $$($(V)/python -c 'import os; print(2 * (os.cpu_count() or 1))') --dist worksteal
# Tests start hundreds of our programs, which must not all compile the same modules again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: install run test test-fast lint bench clean

install: $(STAMP)

$(STAMP): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit("cwportal needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Try: make PYTHON=python3.12 …" if sys.version_info < (3, 11) else 0)'
	@test -x $(V)/python || $(PYTHON) -m venv .venv
	$(V)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test,lint]'
	@touch $(STAMP)

run: $(STAMP)
	@$(V)/python -m cwportal.dev

test: $(STAMP)
	$(V)/python -m pytest $(PARALLEL)

test-fast: $(STAMP)
	$(V)/python -m pytest $(PARALLEL) -m 'not slow'

lint: $(STAMP)
	$(V)/ruff check .
	$(V)/ruff format --check .
	$(V)/mypy
	$(V)/lint-imports
	$(V)/bandit --quiet --recursive cwportal

bench: $(STAMP)
	$(V)/python -m benchmarks

clean:
	rm -rf .venv build *.egg-info
