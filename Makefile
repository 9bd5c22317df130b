# Every target does its own set-up: a fresh Debian machine with Python 3.11+, git and make is enough.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
GITHUB_API := .github-api/.fetched
# Where this is set, each of the tests' processes would compile the modules it imports: litellm alone takes seconds.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help setup setup-browser demo up down test test-slow test-browser screenshots fuzz lint lint-terraform format bench image image-check lock clean

help: ## Show this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(STAMP) $(GITHUB_API) ## Make .venv from the hashed locks (the other targets call it)

$(STAMP): requirements/dev.txt requirements/wheelhouse.txt pyproject.toml scripts/setup.sh
	@PYTHON="$(PYTHON)" bash scripts/setup.sh

$(GITHUB_API): tools/github_api.py | $(STAMP)
	@$(BIN)/python -m tools.github_api

setup-browser: .venv/.browser ## Install Debian's Chromium and what drives it

.venv/.browser: requirements/browser.txt scripts/setup_browser.sh $(STAMP)
	@bash scripts/setup_browser.sh

demo: $(STAMP) ## One issue to a pull request before your eyes (ISSUE=https://... runs on a real one)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m examples.demo $(if $(ISSUE),--issue $(ISSUE))

up: $(STAMP) $(GITHUB_API) ## Start the whole service on this machine and keep it running, without docker (ARGUMENTS=--help)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m examples.stack up $(ARGUMENTS)

down: $(STAMP) ## Stop what make up started; its data stay in .stack
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m examples.stack down $(ARGUMENTS)

test: $(STAMP) $(GITHUB_API) ## Run the tests, in parallel
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 4 --dist worksteal -q -m "not slow and not browser"

test-slow: $(STAMP) $(GITHUB_API) ## Run the tests that take up to half a minute each: services under faults, benchmarks
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 2 --dist worksteal -q -m slow

screenshots: .venv/.browser ## Make the pictures below docs/images again, from a run of the demo
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m tests.browser.screenshots

test-browser: .venv/.browser ## Open the pages in Chromium: errors, hostile text, keyboard, accessibility
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -q -m browser tests/browser

fuzz: $(STAMP) ## The property tests of edits, 10,000 examples each (nightly)
	@PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pytest -n 2 -q --timeout 3600 --hypothesis-profile fuzz \
		tests/repository/edits/test_properties.py

lint: $(STAMP) ## ruff, mypy --strict, import-linter
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy && $(BIN)/lint-imports

lint-terraform: $(STAMP) .venv-checkov/.installed ## Terraform: format, docs, validate, plan, test, checkov; no account needed
	@$(BIN)/python tools/terraform_docs.py --check
	@bash scripts/terraform.sh
	@.venv-checkov/bin/checkov -d terraform --framework terraform --compact --quiet --skip-download
	@[ ! -e Dockerfile ] || .venv-checkov/bin/checkov -f Dockerfile --framework dockerfile --compact --quiet --skip-download

.venv-checkov/.installed: requirements/checkov.txt $(STAMP)
	@echo "making .venv-checkov ..."
	@$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-checkov
	@VIRTUAL_ENV="$(CURDIR)/.venv-checkov" $(BIN)/uv pip sync -q --require-hashes --only-binary :all: requirements/checkov.txt
	@touch $@

format: $(STAMP) ## Format, and fix what ruff can
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: $(STAMP) ## List the benchmarks and how to run them
	@for file in $$(grep -l __main__ benchmarks/*.py); do \
		name=$$(basename $$file .py); echo "python -m benchmarks.$$name: $$(sed -n '1s/"""//gp' $$file)"; done

image: ## Build the container image, with docker or else buildah (PYTHONS=FOLDER takes interpreters from there)
	@bash scripts/image.sh build

image-check: ## Run the built image: --help, doctor, and a test suite in its sandbox, as its own users
	@bash scripts/image.sh check

lock: $(STAMP) ## Resolve requirements/*.in again
	@cd requirements && for f in run dev browser wheelhouse checkov; do \
		../$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-header --upgrade -q \
			$$(case $$f in (run|checkov) ;; (*) echo -c run.txt;; esac) -o $$f.txt $$f.in || exit 1; done
	@! grep -l '://' requirements/*.txt

clean: ## Remove what set-up and runs made
	rm -rf .venv .venv-checkov .wheelhouse .github-api .demo .stack .image .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache build *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
