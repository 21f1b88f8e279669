# Two commands: `make run` opens a working company on this machine, `make test` proves it.
# Everything lands in .venv, .local, node_modules and app/static/dist, all of them beside this file.

.DEFAULT_GOAL := help
SHELL := /bin/sh
PYTHON ?=

BIN := .venv/bin
# What one process compiles all others take: without it each of hundreds that the tests start compiles all anew.
unexport PYTHONDONTWRITEBYTECODE
export ID COMMIT NOTE
STEP := @sh local/step.sh
INSTALL := $(BIN)/uv pip install --quiet --python $(BIN)/python --require-hashes --compile-bytecode
PIN := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header

VENV := .venv/.made
TO_RUN := .venv/.packages-to-run
TO_TEST := .venv/.packages-to-test
BROWSER := .venv/.browser
NODE_MODULES := app/frontend/node_modules/.made
FRONTEND := app/static/dist/manifest.json
SCRIPTS = $(wildcard local/*.sh k8s/*.sh k8s/overlays/*/*/*.sh)
FRONTEND_SOURCES := $(shell find app/frontend -name node_modules -prune -o -type f -print 2>/dev/null)

# ---------------------------------------------------------------------------------------------- use it

.PHONY: run
run: $(TO_RUN) $(FRONTEND) ## A working company on http://localhost:8000; Ctrl-C ends it, its data stays
	@$(BIN)/python -m local.run

.PHONY: build-worker
build-worker: $(TO_RUN) ## Another build beside the running one: ID=two, and COMMIT=… for the code of a commit
	@$(BIN)/python -m local.build_worker

.PHONY: drill
drill: $(TO_RUN) $(FRONTEND) ## What may happen to workers and workflows, done and told: DRILL=replay, or all; QUICK=1 hurries
	@$(BIN)/python -m local.drills $(if $(DRILL),run $(DRILL) $(if $(QUICK),--quick))

.PHONY: drill-page
drill-page: $(TO_RUN) $(FRONTEND) ## The drills as a page, for showing to others
	@$(BIN)/python -m local.drills page

.PHONY: reset
reset: $(TO_RUN) ## Start over: asks, then deletes .local with all its data
	@$(BIN)/python -m local.reset

# --------------------------------------------------------------------------------------------- trust it

.PHONY: test
test: check $(FRONTEND) $(BROWSER) ## What must hold before a commit, in minutes: make check, then the tests on real parts
	@$(BIN)/pytest -n 3 --dist worksteal -rR -m "not whole and not faults"

.PHONY: test-whole
test-whole: $(TO_TEST) $(FRONTEND) $(BROWSER) ## The rest: whole companies of processes, every page, thousands of cases, faults
	@$(BIN)/pytest -n 3 -rR -m "whole and not faults"
	@$(BIN)/pytest -n 2 -rR --own-servers -m faults

.PHONY: test-fast
test-fast: $(TO_TEST) ## Pure, architecture and replay tests: seconds, no server
	@$(BIN)/pytest -n 2 --dist worksteal --hypothesis-profile=glance -m "not whole" tests/rules tests/architecture tests/replay tests/test_settings.py

CHECKS := lint format types layers templates spelling scripts image manifests
.PHONY: check $(CHECKS)
check: $(TO_TEST) ## Lint, format, types, import layers, templates, spelling, scripts, Dockerfile, compose.yaml, k8s
	@$(MAKE) --jobs 2 --keep-going --no-print-directory $(CHECKS)
lint:
	$(STEP) "ruff check" $(BIN)/ruff check
format:
	$(STEP) "ruff format" $(BIN)/ruff format --check
types:
	$(STEP) "mypy --strict" $(BIN)/mypy .
layers:
	$(STEP) "import layers" $(BIN)/lint-imports
templates:
	$(STEP) "djlint" $(BIN)/djlint app local --lint --quiet
spelling:
	$(STEP) "codespell" $(BIN)/codespell
scripts:
	$(STEP) "shellcheck" $(BIN)/shellcheck $(SCRIPTS)
image:
	$(STEP) "hadolint" $(BIN)/hadolint Dockerfile
	$(STEP) "compose schema" $(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec compose.yaml
manifests:
	$(STEP) "manifests of Kubernetes" $(BIN)/python -m tests.k8s

.PHONY: audit
audit: $(TO_TEST) ## Known weaknesses of the pinned packages (asks the package index)
	@$(BIN)/pip-audit --require-hashes --disable-pip -r requirements.txt -r requirements-local.txt -r requirements-dev.txt

.PHONY: bench
bench: $(TO_TEST) $(FRONTEND) ## Measure approvals beside their floor, on this machine
	@$(BIN)/python -m bench

# ----------------------------------------------------------------------------------------------- keep it

.PHONY: record-histories
record-histories: $(TO_TEST) ## Record the workflow histories that the replay tests replay
	@$(BIN)/python -m tests.replay.record

.PHONY: requirements
requirements: $(VENV) ## Pin the packages anew, as little changed as possible; UPGRADE=--upgrade takes the newest
	$(STEP) "requirements.txt" $(PIN) $(UPGRADE) requirements.in -o requirements.txt
	$(STEP) "requirements-local.txt" $(PIN) $(UPGRADE) requirements-local.in -o requirements-local.txt
	$(STEP) "requirements-dev.txt" $(PIN) $(UPGRADE) requirements-dev.in -o requirements-dev.txt
	$(STEP) "requirements-broker.txt" $(PIN) $(UPGRADE) requirements-broker.in -o requirements-broker.txt
	$(STEP) "requirements-drills.txt" $(PIN) $(UPGRADE) requirements-drills.in -o requirements-drills.txt
	$(STEP) "requirements-sbom.txt" $(PIN) $(UPGRADE) requirements-sbom.in -o requirements-sbom.txt
	$(STEP) "requirements-uv.txt" $(PIN) $(UPGRADE) requirements-uv.in -o requirements-uv.txt

.PHONY: frontend
frontend: $(FRONTEND) ## Bundle CSS and JS into app/static/dist

.PHONY: help
help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# ----------------------------------------------------------------------------- what a fresh machine needs

$(VENV): requirements-uv.txt local/venv.sh
	@sh local/venv.sh $(PYTHON)
	@touch $@

$(TO_RUN): $(VENV) requirements.txt requirements-local.txt
	$(STEP) "packages to run" $(INSTALL) -r requirements.txt -r requirements-local.txt
	@touch $@

$(TO_TEST): $(TO_RUN) requirements-dev.txt
	$(STEP) "packages to test" $(INSTALL) -r requirements-dev.txt
	@touch $@

$(BROWSER): $(TO_TEST)
	@$(BIN)/python -m tests.chromium
	@touch $@

$(NODE_MODULES): $(TO_RUN) app/frontend/package.json app/frontend/package-lock.json
	$(STEP) "packages of the front end" sh local/npm.sh ci --no-audit --no-fund
	@touch $@

$(FRONTEND): $(NODE_MODULES) $(FRONTEND_SOURCES)
	$(STEP) "the front end" sh local/npm.sh run build
	@touch $@
