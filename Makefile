# What there is to do here. `make` alone lists it.
.DEFAULT_GOAL := help
.PHONY: help setup run test lint browser pictures bench milvus attack audit docs lock clean
MAKEFLAGS += --no-print-directory
# Where it is set, each of the many processes that tests start compiles every module anew.
unexport PYTHONDONTWRITEBYTECODE

BIN := .venv/bin
PYTHONS := python3 python3.13 python3.12 python3.11
SUITABLE := import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
COMPILE := $(BIN)/uv pip compile -q --universal --generate-hashes --no-header --no-annotate --python-version 3.11

MILVUS_HOME ?= $(HOME)/.cache/countenance-milvus

help: ## list what there is to do
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: .venv/ready ## make .venv with everything; after that .venv/bin/countenance works

.venv/ready: requirements/dev.txt requirements/models.txt pyproject.toml
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || for python in $(PYTHONS) none; do \
	  if [ $$python = none ]; then echo "Python 3.11, 3.12 or 3.13 with its venv module is needed; looked for: $(PYTHONS)." >&2; exit 1; fi; \
	  if $$python -c '$(SUITABLE)' 2>/dev/null; then $$python -m venv --clear .venv; break; fi; done
	@awk '/^uv==/ { on = 1 } on { print } on && !/\\$$/ { exit }' requirements/dev.txt > .venv/uv.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r .venv/uv.txt
	VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 $(BIN)/uv pip sync --quiet --require-hashes requirements/dev.txt requirements/models.txt
	VIRTUAL_ENV=.venv $(BIN)/uv pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

run: setup ## start the demo: its own database, sample photos, address and log-ins
	$(BIN)/countenance demo

# Two processes share the cores: threads of each one's linear algebra would only stand in each other's way.
test browser: export OPENBLAS_NUM_THREADS := 1

test: setup ## run the unit, property, integration and threat tests
	$(BIN)/pytest -q -n 2 --dist worksteal tests/unit tests/property tests/integration tests/threats tests/fuzz

lint: setup ## check style, types, import rules, templates and the generated pages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	find src -name '*.html' -exec $(BIN)/djade --check --target-version 5.2 {} +
	$(BIN)/python docs/generate.py --check

browser: setup ## go through every screen in a real browser (needs Chromium)
	$(BIN)/pytest -q -n 2 --dist worksteal tests/browser

pictures: setup ## make the pictures of the documentation anew, from drawn faces (needs Chromium)
	WRITE_PICTURES=1 $(BIN)/pytest -q -n 0 tests/browser/test_two_examiners.py -k "lead or video"
	WRITE_PICTURES=1 $(BIN)/pytest -q -n 0 tests/browser/test_evaluations.py -k picture

bench: setup ## measure rates and latencies; takes its time
	$(BIN)/pytest -q -s tests/bench

milvus: setup ## test galleries in Milvus against its real server, which is killed on the way
	VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --require-hashes -r requirements/milvus.txt
	@test -x $(MILVUS_HOME)/bin/milvus || { mkdir -p $(MILVUS_HOME) && \
	  $(BIN)/python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
	    -r requirements/milvus-server.txt -d $(MILVUS_HOME) && $(BIN)/python tests/milvus/unpack.py $(MILVUS_HOME); }
	MILVUS_BIN=$(MILVUS_HOME)/bin $(BIN)/pytest -q -n 0 tests/milvus

FUZZ_REQUESTS ?= 50000
FUZZ_SECONDS ?= 300

attack: setup ## attack it for hours: 50,000 requests, five minutes of fuzzing each parser, the long tests
	VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --require-hashes -r requirements/attack.txt
	FUZZ_REQUESTS=$(FUZZ_REQUESTS) FUZZ_SECONDS=$(FUZZ_SECONDS) FUZZ_EXAMPLES=2000 \
	  $(BIN)/pytest -q -s -n 0 tests/fuzz $(wildcard tests/attack)
	TELLING_PAIRS=150 CASE_SEARCHES=200 PICTURE_PEOPLE=80 OPENBLAS_NUM_THREADS=1 \
	  $(BIN)/pytest -q -s -n 0 -m slow $(addprefix tests/integration/test_,controls_hidden.py second_examiner_timed.py disclosure.py picture_lengths.py)

# Strict: a version about which nobody answers counts as a fault, not as none. AUDIT_SERVICE=osv asks another service.
AUDIT_SERVICE ?= pypi

audit: setup ## ask whether any pinned version is known to be vulnerable (needs the network)
	VIRTUAL_ENV=.venv UV_SYSTEM_CERTS=1 $(BIN)/uv pip install --quiet --require-hashes -r requirements/attack.txt
	for file in run dev models milvus attack; do echo "$$file:"; \
	  $(BIN)/pip-audit --strict -s $(AUDIT_SERVICE) --require-hashes --disable-pip --progress-spinner off -r requirements/$$file.txt || exit 1; done

docs: setup ## write the reference pages that come from the code
	$(BIN)/python docs/generate.py

lock: setup ## resolve requirements/*.in anew, with hashes
	$(COMPILE) --upgrade requirements/run.in -o requirements/run.txt
	$(COMPILE) --upgrade -c requirements/run.txt requirements/dev.in -o requirements/dev.txt
	$(COMPILE) --upgrade -c requirements/run.txt requirements/milvus.in -o requirements/milvus.txt
	$(COMPILE) --upgrade -c requirements/run.txt requirements/kms.in -o requirements/kms.txt
	$(COMPILE) --upgrade -c requirements/dev.txt requirements/attack.in -o requirements/attack.txt
	$(COMPILE) --no-deps requirements/milvus-server.in -o requirements/milvus-server.txt

clean: ## remove .venv and all that tools have left
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache site test-results
