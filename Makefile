# Two commands do everything: `make run` and `make test`. `make` alone prints the list.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup run demo test coverage fuzz chaos check format samples docs pictures bench bench-check lock clean

help:  ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: $(STAMP)  ## make .venv with the command and every dependency, at the versions of requirements.lock

$(STAMP): requirements.lock pyproject.toml
	@echo "Making $(VENV) as requirements.lock says (a minute)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 1; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

run: setup  ## import the sample sheet against the built-in sandbox; ends with the path of the workbook
	@echo "Importing samples/billing-2026-11.xlsx against the built-in sandbox: no money moves, nobody is e-mailed"
	@mkdir -p out
	@$(BIN)/flinks-import run samples/billing-2026-11.xlsx --sandbox --journal out/journal.sqlite -o out/billing-2026-11.results.xlsx; \
	code=$$?; [ $$code -le 1 ]  # 1: the sample has wrong rows on purpose

demo: setup  ## play a whole month: import, payors who pay or decline, status, reconciliation
	@$(BIN)/python samples/play_a_month.py

test: setup  ## run every test (real files, sockets, databases and killed processes)
	@echo "Running every test (some minutes)"
	@$(BIN)/python -m pytest

coverage: setup  ## hold that the tests in tests/unit take every branch of pipeline/domain and schemas (a minute)
	@mkdir -p out
	@$(BIN)/coverage run -m pytest -n 0 tests/unit
	@$(BIN)/coverage report

fuzz: setup  ## read spoilt sheets in every format for an hour (SECONDS=…); what breaks a rule is kept in out/
	@PYTHONPATH=tests $(BIN)/python -m support.fuzz $(or $(SECONDS),3600)

chaos: setup  ## run for an hour what chance brings: kills, signals, hostile folders and cells (SECONDS=3600 for each test)
	@CHAOS_SECONDS=$(or $(SECONDS),3600) $(BIN)/python -m pytest -m chaos --timeout $$(($(or $(SECONDS),3600) + 600))

check: setup  ## lint, format, types and import rules; changes nothing
	@echo "Lint and format"
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@echo "Types"
	@$(BIN)/mypy
	@$(BIN)/mypy tests
	@$(BIN)/mypy samples/make_samples.py docs/make_docs.py docs/make_pictures.py
	@echo "Import rules"
	@$(BIN)/lint-imports --no-logo

format: setup  ## format the code and mend what the linter can mend
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

samples: setup  ## make the sample sheets anew
	@$(BIN)/python samples/make_samples.py

docs: setup  ## make the generated parts of README.md and docs/ anew
	@$(BIN)/python docs/make_docs.py && echo "README.md and docs/ are up to date"

pictures: setup  ## make the README's pictures of the workbook anew (needs LibreOffice and pdftoppm)
	@$(BIN)/python docs/make_pictures.py >/dev/null && echo "docs/images/ is up to date"


bench: setup  ## measure each step and the whole against its floor and its peers (an hour; QUICK=1: minutes)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick)

bench-check: setup  ## fail when a ratio has become worse than the table in the repository by more than 25 %
	@$(BIN)/python -m benchmarks --check $(if $(QUICK),--quick)

lock:  ## choose the newest allowed versions anew and write requirements.lock (needs uv)
	@uv pip compile pyproject.toml --extra postgres --extra keyring --extra parquet --extra notify --group dev --universal \
	  --python-version 3.11 --generate-hashes --no-header --no-annotate --upgrade --quiet -o requirements.lock

clean:  ## remove what make made (not your journal)
	@rm -rf $(VENV) out dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
