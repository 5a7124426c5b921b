# `make lab` opens the notebook, `make test` checks everything; `make help` lists the rest.
VENV := .venv
BIN := $(VENV)/bin
NOTEBOOK := notebooks/00-quickstart.ipynb
ARGS ?=
# The first one that is new enough; `make lab PYTHON=/path/to/python` chooses another.
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	$$p -c '$(NEW_ENOUGH)' 2>/dev/null && echo $$p && break; done)

.DEFAULT_GOAL := help
.PHONY: help install lab demo test lint style types layers quickstart screenshots constraints clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):[^#]*## /\1\t/' | expand -t 14

install: $(VENV)/.installed  ## makes .venv and installs qwen_nb into it, versions pinned by constraints.txt

lab: install  ## opens JupyterLab on the quickstart (ARGS=--no-browser passes options on)
	$(BIN)/qwen-nb lab $(NOTEBOOK) $(ARGS)

demo: install  ## runs the quickstart without a browser and shows what the model says
	$(BIN)/qwen-nb run $(NOTEBOOK) --output build/00-quickstart.ipynb --html build/00-quickstart.html $(ARGS)

test: $(VENV)/.installed-test  ## runs the whole suite (ARGS="-k words" picks tests)
	$(BIN)/python -m pytest $(ARGS)

lint: style types layers  ## all three of the checks that run no code

style: $(VENV)/.installed-test  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test  ## pyright
	$(BIN)/pyright

layers: $(VENV)/.installed-test  ## import-linter: who may import whom
	$(BIN)/lint-imports

quickstart: install  ## runs the quickstart and keeps its outputs in the repository
	$(BIN)/qwen-nb run $(NOTEBOOK) --in-place

screenshots: $(VENV)/.installed-test  ## takes the README's picture again
	$(BIN)/python tests/ui/screenshots.py

constraints: $(VENV)/.installed-test  ## writes down the versions in .venv, after you have changed and tested them
	@{ echo "# Every package that qwen_nb and its tests bring in, as tested. Written by \`make constraints\`."; \
	  $(BIN)/python -m pip freeze --all --exclude pip --exclude-editable | sed 's/+cpu$$//'; } > constraints.txt

clean:  ## removes everything that make has made
	rm -rf $(VENV) build dist

# pip is the last thing that `venv` puts in place, so its presence tells a whole environment from a broken one.
$(BIN)/pip:
	@test -n "$(PYTHON)" || { echo "qwen_nb needs Python 3.11 or newer and found none. Install one, or name it:" \
	  "make lab PYTHON=/path/to/python3.11" >&2; exit 1; }
	@"$(PYTHON)" -c '$(NEW_ENOUGH)' || { echo "qwen_nb needs Python 3.11 or newer;" \
	  "$(PYTHON) is not. Name another: make lab PYTHON=/path/to/python3.11" >&2; exit 1; }
	"$(PYTHON)" -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/python -m pip install --constraint constraints.txt --editable '.[test]'
	@touch $@ $(VENV)/.installed
