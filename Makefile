# Needs make and Python 3.11 or newer, nothing else; everything is installed into .venv.

PYTHON ?= python3
PRESET ?= small
# Five seeds that agree decide; where they do not, more are trained. The error over all looks is that of one.
LOOKS := $(if $(filter small,$(PRESET)),--seeds 5 --until-decided --max-seeds 10)
# An accelerator: make setup EXTRA=cuda, or EXTRA=tpu.
EXTRA ?=

# What is imported by many processes is compiled by the first, whatever the shell says.
export PYTHONDONTWRITEBYTECODE :=

BIN := .venv/bin
STAMP := .venv/.installed$(if $(EXTRA),-$(EXTRA))
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: help setup test test-peers faults torture reproduce docs lint clean

help:
	@echo 'make reproduce   install what is missing, then judge the headline claims (PRESET=smoke|small|full)'
	@echo 'make test        install what is missing, then run the tests'
	@echo 'make test-peers  install datasets, lm-eval, inspect-ai, reasoning-gym into .venv-peers, and run the splits through them'
	@echo 'make faults      plant small faults, one at a time: which do the tests notice? (FAULTS="--module ... --sample N --seed N")'
	@echo 'make torture     kill commands, fill disks, damage inputs: does anything get lost? (TORTURE="--kills 1000 --inputs 10000")'
	@echo 'make setup       install only; EXTRA=cuda or EXTRA=tpu for an accelerator'
	@echo 'make docs        install what is missing, then build the documentation into site/'
	@echo 'make lint        check style, layout and types'
	@echo 'make clean       remove .venv and caches; results in runs/ stay'
	@echo 'Another Python:  make PYTHON=python3.12 ...'

setup: $(STAMP)

test: $(STAMP) .venv/.installed-test
	$(BIN)/python -m pytest --numprocesses auto --dist worksteal

# The reasoning-gym release builds with a setuptools that still has pkg_resources.
test-peers:
	@test -x .venv-peers/bin/python || $(PYTHON) -m venv .venv-peers
	@echo 'Installing into .venv-peers, some minutes ...'
	@echo 'setuptools<81' > .venv-peers/build.txt
	@.venv-peers/bin/python -m pip install --quiet --disable-pip-version-check --upgrade pip
	@sed '/^# What those import/,$$d' constraints.txt > .venv-peers/constraints.txt
	@PIP_CONSTRAINT=.venv-peers/build.txt .venv-peers/bin/python -m pip install --quiet --disable-pip-version-check \
		--constraint .venv-peers/constraints.txt --editable '.[test,peers]'
	.venv-peers/bin/python -m pytest -m slow

faults: $(STAMP) .venv/.installed-test
	$(BIN)/python -m faults --jobs $(shell nproc 2>/dev/null || echo 1) $(FAULTS)

torture: $(STAMP) .venv/.installed-test
	$(BIN)/python -m torture $(TORTURE)

reproduce: $(STAMP)
	$(BIN)/alchemy reproduce --preset $(PRESET) $(LOOKS)

# The variable silences the theme's note on the future of its own tools.
docs: .venv/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet
	@echo 'Open site/index.html'

lint: .venv/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf .venv .venv-peers .pytest_cache .ruff_cache .mypy_cache .hypothesis .cache build site *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.installed: pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo 'There is no $(PYTHON); name a Python 3.11 or newer: make PYTHON=...' >&2; exit 1; }
	@$(PYTHON) -c 'import sys; v = "%d.%d" % sys.version_info[:2]; sys.version_info >= (3, 11) or sys.exit( \
		"$(PYTHON) is Python " + v + ", this needs 3.11 or newer; name one: make PYTHON=python3.12")'
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { echo '$(PYTHON) lacks the venv or ensurepip module' \
		'(Debian, Ubuntu: install python3-venv).' >&2; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || { echo 'Creating .venv ...'; $(PYTHON) -m venv --clear .venv; }
	@echo 'Installing into .venv, about a minute ...'
	@$(INSTALL) --editable .
	@touch $@

.venv/.installed-%: .venv/.installed
	@echo 'Installing into .venv what "$*" needs ...'
	@$(INSTALL) --editable '.[$*]'
	@touch $@
