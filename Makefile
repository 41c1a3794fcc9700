# The whole set-up is two commands: `make run` and `make test`. `make help` lists the others.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help run test bench drills simulate check lint types imports format translations screenshots clean

help: ## List the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.installed: requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or later is needed; set PYTHON to one, as in: make run PYTHON=python3.12" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	@touch $@

$(VENV)/.installed-dev: requirements-dev.txt requirements.txt $(VENV)/.installed
	@$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

CATALOGUES := newsletters/translations
PO := $(wildcard $(CATALOGUES)/*/LC_MESSAGES/messages.po)
POT := $(CATALOGUES)/messages.pot

%.mo: %.po $(VENV)/.installed
	@$(BIN)/pybabel --quiet compile --input-file $< --output-file $@

translations: $(VENV)/.installed ## Find all words anew, for translators; LANGUAGE=pl begins another language
	@$(BIN)/pybabel --quiet extract --mapping babel.cfg --keyword lazy_gettext --keyword _l --keyword _gettext \
		--add-location file --project Newsletters --version 1 --header-comment "# Words of Newsletters." --output-file $(POT) .
	@test -z "$(LANGUAGE)" || test -e $(CATALOGUES)/$(LANGUAGE) || \
		$(BIN)/pybabel --quiet init --input-file $(POT) --output-dir $(CATALOGUES) --locale $(LANGUAGE)
	@$(BIN)/pybabel --quiet update --input-file $(POT) --output-dir $(CATALOGUES) \
		--no-fuzzy-matching --ignore-obsolete --ignore-pot-creation-date
	@rm $(POT)

run: $(VENV)/.installed $(PO:.po=.mo) ## Run everything on this machine; Ctrl-C stops it
	@exec $(BIN)/python -m newsletters.cli run

# One process more than two cores have: some always wait for what they started.
SIDE_BY_SIDE := --numprocesses 3 --dist worksteal

test: $(VENV)/.installed-dev $(PO:.po=.mo) ## Check and test everything, on SQLite and on PostgreSQL
	@sh .ci/prepare
	@$(MAKE) --no-print-directory check
	@$(BIN)/pytest $(SIDE_BY_SIDE)
	@TEST_DATABASE=postgresql $(BIN)/pytest $(SIDE_BY_SIDE) tests/integration

check: lint types imports ## Format, lint, types and the import direction

lint: $(VENV)/.installed-dev
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .

types: $(VENV)/.installed-dev
	@$(BIN)/mypy --no-error-summary

imports: $(VENV)/.installed-dev
	@$(BIN)/lint-imports --no-logo 2>/dev/null || $(BIN)/lint-imports

format: $(VENV)/.installed-dev ## Format the code
	@$(BIN)/ruff format --quiet .
	@$(BIN)/ruff check --quiet --fix .

$(VENV)/.installed-drills: tests/drills/requirements.txt $(VENV)/.installed-dev
	@$(BIN)/pip install --quiet --disable-pip-version-check -r tests/drills/requirements.txt
	@touch $@

drills: $(VENV)/.installed-drills $(PO:.po=.mo) ## Break everything on purpose at full size, for hours; DRILLS="killed-workers --database sqlite" for one
	@sh .ci/prepare
	@$(BIN)/python -m tests.drills $(DRILLS)

bench: $(VENV)/.installed-dev $(PO:.po=.mo) ## Measure speed and cost beside Postfix's own load generator; BENCH=--quick for a few minutes
	@$(BIN)/python -m benchmarks $(BENCH)
	@$(BIN)/python -m benchmarks.scaling_simulation >/dev/null

simulate: $(VENV)/.installed-dev ## Work out anew how far it scales, for docs/scaling.md
	@$(BIN)/python -m benchmarks.scaling_simulation

screenshots: $(VENV)/.installed-dev $(PO:.po=.mo) ## Take the README's pictures anew
	@$(BIN)/python -m docs.screenshots

clean: ## Delete what was installed and built, but no data
	@rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@rm -f $(PO:.po=.mo)
