# Everything runs in .venv, which the first target that needs it makes from the hashed lock.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

BIN := .venv/bin
INSTALLED := .venv/.installed

# Apache's own distribution has the same layout, so KAFKA_HOME may name one; only our own folder is ever written.
FETCHED_KAFKA := $(CURDIR)/.kafka
export KAFKA_HOME ?= $(FETCHED_KAFKA)
KAFKA_JARS := $(wildcard $(KAFKA_HOME)/libs/kafka_2.13-*.jar)
QUICK_TESTS := not slow$(if $(KAFKA_JARS),, and not kafka)

# Each is run rather than looked up: a version manager's stand-in may exist and fail, and Debian packs venv on its own.
define FIND_PYTHON
for python in $(PYTHON) python3.13 python3.12 python3.11 python3 none; do \
    if [ $$python = none ]; then \
        echo "make: no Python 3.11 or newer with venv here (Debian: apt-get install python3 python3-venv)" >&2; exit 1; \
    elif $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then \
        break; \
    fi; \
done
endef

.PHONY: help install demo up test test-slow lint check bench kafka lock python clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):[^#]*## \(.*\)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 18

install: $(INSTALLED) ## .venv with everything (the others do it when needed)

demo: $(INSTALLED) ## real trips through an embedded database and broker
	@$(BIN)/benefits demo

up: $(INSTALLED) ## the same, keeps running, HTTP on localhost
	@$(BIN)/benefits up

test: $(INSTALLED) ## the quick suite; with the real Kafka once `make kafka` has been run
	$(BIN)/python -m pytest -m "$(QUICK_TESTS)"

test-slow: $(INSTALLED) kafka ## the tests on a real Kafka, and the fault tests of several minutes
	$(BIN)/python -m pytest -m "kafka or slow"

lint: $(INSTALLED) ## format, lint, types, import rules
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

check: lint test ## lint, then test

bench: $(INSTALLED) kafka ## figures on a real Kafka, also in bench.json (QUICK=1: three minutes)
	$(BIN)/python -m tests.bench

kafka: $(if $(filter $(FETCHED_KAFKA),$(KAFKA_HOME)),.kafka/libs) ## Apache Kafka for the tests, without Docker (needs Maven and Java 17)

.kafka/libs: tests/support/kafka.pom.xml
	@for tool in java mvn; do command -v $$tool >/dev/null \
	    || { echo "make kafka: $$tool not found (Debian: apt-get install default-jre-headless maven)" >&2; exit 1; }; done
	@echo "fetching Apache Kafka into .kafka"
	@mvn --batch-mode --quiet --file $< dependency:copy-dependencies \
	    -DincludeScope=runtime -DoutputDirectory="$(FETCHED_KAFKA)/partial"
	@rm -rf $@ && mv .kafka/partial $@ && touch $@

python: ## which Python .venv is made with
	@$(FIND_PYTHON); echo $$python

.venv/.locked: requirements.txt
	@$(FIND_PYTHON); \
	echo "installing into .venv with $$python: about a minute"; \
	$$python -m venv --clear .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(INSTALLED): .venv/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

# uv, because its lock holds for every Python and platform at once; UPGRADE=--upgrade moves the pins.
lock: ## requirements.txt anew from pyproject.toml (UPGRADE=--upgrade: newest versions)
	@$(FIND_PYTHON); \
	tools=$$(mktemp -d); trap 'rm -rf "$$tools"' EXIT; \
	$$python -m venv "$$tools"; \
	"$$tools/bin/python" -m pip install --quiet --disable-pip-version-check 'uv==0.13.8'; \
	touch requirements.txt; cp requirements.txt "$$tools/lock"; \
	"$$tools/bin/uv" pip compile --quiet --no-config --universal --python-version 3.11 --python "$$tools/bin/python" \
	    --all-extras --generate-hashes --no-header --no-annotate $(UPGRADE) -o "$$tools/lock" pyproject.toml; \
	{ echo "# Every dependency of every extra, pinned and hashed, for Python 3.11 and newer. Made by \`make lock\`."; \
	  cat "$$tools/lock"; } | sed '2,$${/^#/d}' > requirements.txt

clean: ## away with .venv, caches and builds (the fetched Kafka stays)
	rm -rf .venv build dist *.egg-info .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache bench.json
	find services domain projections infra tests -name __pycache__ -type d -prune -exec rm -rf {} +
