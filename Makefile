# Two commands do everything: `make run` and `make test`. `make` alone prints the list.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run demo test coverage fuzz chaos check format messages samples docs pictures bench bench-check lock clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the command and its dependencies, at the versions of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@echo "Making $(VENV) as requirements.lock says (a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## import the sample sheet into the built-in sandbox; prints the path of the workbook
	@echo "Importing samples/billing-2026-11.xlsx into the built-in sandbox: no money moves, no e-mail is sent"
	@mkdir -p out
	@$(BIN)/flinks-import run samples/billing-2026-11.xlsx --sandbox --journal out/journal.sqlite -o out/billing-2026-11.results.xlsx; \
	code=$$?; [ $$code -le 1 ]  # 1: the sample has wrong rows on purpose

demo: setup  ## play a whole month: import, payors who pay or decline, status, reconciliation
	@$(BIN)/python samples/play_a_month.py

test: setup  ## run every test (real files, sockets, databases and killed processes)
	@echo "Running every test (some minutes)"
	@$(BIN)/python -m pytest

coverage: setup  ## check that tests/unit covers every branch of pipeline/domain and schemas (a minute)
	@mkdir -p out
	@$(BIN)/coverage run -m pytest -n 0 tests/unit
	@$(BIN)/coverage report

fuzz: setup  ## read damaged sheets in every format for an hour (SECONDS=…); keeps in out/ what breaks a rule
	@PYTHONPATH=tests $(BIN)/python -m support.fuzz $(or $(SECONDS),3600)

chaos: setup  ## run random kills, signals, hostile folders and cells for an hour (SECONDS=3600 for each test)
	@CHAOS_SECONDS=$(or $(SECONDS),3600) $(BIN)/python -m pytest -m chaos --timeout $$(($(or $(SECONDS),3600) + 600))

check: setup  ## lint, format, types and import rules; changes nothing
	@echo "Lint and format"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "Types"
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@$(BIN)/mypy samples/make_samples.py docs/make_docs.py docs/make_messages.py docs/make_pictures.py
	@echo "French"
	@$(BIN)/python docs/make_messages.py --check
	@echo "Import rules"
	@$(BIN)/lint-imports --no-logo

format: setup  ## format the code and fix what the linter can fix
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

messages: setup  ## collect the sentences of the code and compile their French translations
	@$(BIN)/python docs/make_messages.py

samples: setup  ## write the sample sheets
	@$(BIN)/python samples/make_samples.py

docs: setup  ## write the generated parts of README.md and docs/
	@$(BIN)/python docs/make_docs.py && echo "README.md and docs/ are up to date"

pictures: setup  ## draw the pictures of the workbook and the page (needs LibreOffice, pdftoppm and Chromium)
	@$(BIN)/python docs/make_pictures.py >/dev/null && echo "docs/images/ is up to date"


bench: setup  ## measure each step and the whole, and compare with other tools (an hour; QUICK=1: minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

bench-check: setup  ## fail if a ratio is more than 25 % worse than in the committed table
	@$(BIN)/python -m benchmarks --check $(if $(QUICK),--quick)

lock:  ## write requirements.lock with the newest allowed versions (needs uv)
	@uv pip compile pyproject.toml --extra postgres --extra keyring --extra parquet --extra notify --extra dask --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --quiet -o requirements.lock

clean:  ## remove what make has made (not your journal)
	@rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
