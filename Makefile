# Two commands for a newcomer: `make demo` and `make test`. Everything else is for developers.
# Each target sets up what it needs; nothing has to be installed beforehand but Python 3.11+.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
PEERS := .venv-bench
# A CPU build: an index or folder that pip is configured with may have it, else PyTorch's own does.
TORCH := 2.13.0
TORCH_INDEX := https://download.pytorch.org/whl/cpu
UV := $(BIN)/uv
# The lock file decides; the environment never drifts from it.
SYNC := UV_PROJECT_ENVIRONMENT=$(VENV) $(UV) sync --locked --quiet --python $(BIN)/python
export PYTHONDONTWRITEBYTECODE :=
export UV_NO_PROGRESS := 1

.DEFAULT_GOAL := help
.PHONY: help run demo test test-quick test-slow test-pyannote check format lint types layers models bench bench-transcript build-aws monitoring build-aws-here aws-tools test-aws test-aws-slow test-bundle bench-aws clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Tamlil needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V 2>&1). Try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@echo "Setting up the environment in $(VENV) ..."
	@$(PYTHON) -m venv $(VENV) || { \
	  echo "This Python can't make virtual environments. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/.run: $(BIN)/uv pyproject.toml uv.lock
	@$(SYNC) --extra api --extra cpu --extra docx --group demo --inexact
	@touch $@

$(VENV)/.dev: $(BIN)/uv pyproject.toml uv.lock
	@$(SYNC) --extra api --extra aws --extra cpu --extra docx --group demo --group dev --group bench
	@touch $@ $(VENV)/.run

demo: $(VENV)/.run ## Transcribe a real recording, speakers and webhook included
	@$(BIN)/tamlil demo

run: $(VENV)/.run ## Serve the API on this machine
	@$(BIN)/tamlil serve

check: lint types layers ## Lint, types, layers

lint: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(VENV)/.dev
	@$(BIN)/mypy

layers: $(VENV)/.dev
	@$(BIN)/lint-imports

format: $(VENV)/.dev ## Format the code and mend what the linter can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

models: $(VENV)/.run ## Pull the default model weights (checked by hash)
	@$(BIN)/tamlil models pull

test: check models test-quick ## Check, then all quick tests with branch coverage

test-quick: $(VENV)/.dev models
	@$(BIN)/pytest -n auto --dist worksteal -m "not slow and not aws" --cov --cov-report=term

test-slow: $(VENV)/.dev models ## The quick tests and the slow ones
	@$(BIN)/pytest -n auto --dist worksteal -m "not aws"

# The pyannote diarizer's real library needs torch, which nothing else here does: an environment of
# its own. Torch comes by pip, which takes a CPU build where its configuration offers one.
# torchaudio on the package index is built for CUDA and fails to import beside a CPU torch;
# pyannote uses only its pure Python part, so the compiled part is removed where it fails.
PYANNOTE_VENV := .venv-pyannote
PYANNOTE_PYTHON := $(PYANNOTE_VENV)/bin/python
PYANNOTE_PACKAGES := torch==2.13.0 pyannote.audio==4.0.7 pytest

$(PYANNOTE_VENV)/.ready: Makefile pyproject.toml
	@echo "Setting up the environment in $(PYANNOTE_VENV) ..."
	@$(PYTHON) -m venv $(PYANNOTE_VENV)
	@$(PYANNOTE_PYTHON) -m pip install --quiet --disable-pip-version-check $(PYANNOTE_PACKAGES) --editable '.[cpu]'
	@$(PYANNOTE_PYTHON) -c 'import torchaudio' 2>/dev/null || \
	  find $(PYANNOTE_VENV) -name '_torchaudio*.so' -delete
	@touch $@

test-pyannote: $(PYANNOTE_VENV)/.ready models ## Run the real pyannote pipeline (its own environment; torch)
	@$(PYANNOTE_PYTHON) -m pytest -W default tests/pyannote

bench: $(VENV)/.dev models ## Measure against peers: prints ratios, writes build/bench.json
	@$(BIN)/python -m bench

# whisperX asks for an older torch and for packages that fail to load beside a CPU build or that it
# does not use here; so the list is complete and nothing is resolved. torchaudio's compiled part is
# for CUDA: without it the pure Python part works. A machine that can't have it measures without.
$(PEERS)/.done: bench/peers/whisperx.txt
	@echo "Setting up whisperX in $(PEERS) (2 GB) ..."
	@rm -rf $(PEERS) && $(PYTHON) -m venv $(PEERS)
	@P="$(PEERS)/bin/python -m pip install --quiet --disable-pip-version-check"; \
	  { $$P torch==$(TORCH)+cpu || $$P torch==$(TORCH) --index-url $(TORCH_INDEX) || $$P torch==$(TORCH); } \
	  && $$P --no-deps -r $< \
	  && rm -f $(PEERS)/lib/python*/site-packages/torchaudio/lib/_torchaudio*.so && touch $@ \
	  || { rm -rf $(PEERS); echo "whisperX can't be installed here: measuring without it."; }

bench-transcript: $(VENV)/.dev models $(PEERS)/.done ## Measure transcripts against peers: speed, WER, DER
	@$(BIN)/python -m bench --only transcript $(ARGS)

# The Lambda bundles. SAM calls build-<logical id> with ARTIFACTS_DIR; iac/aws/bundles does the work.
# It needs a Python of the runtime's version to compile with, which it looks for, and no container.
LAMBDA_PYTHON ?= 3.13
LAMBDA_ARCH ?= arm64
SAM_CLI := aws-sam-cli==1.170.0
# A cloud to deploy to in a test, beside the translator that it needs to know SAM's templates. Each
# asks for another botocore, a few days apart; installed after SAM it gets its own, and both work.
SAM_CLOUD := ministack==1.5.33
SAM := .venv-sam
export SAM_CLI_TELEMETRY := 0

$(SAM)/.done: Makefile | $(BIN)/uv
	@echo "Setting up the SAM command line in $(SAM) ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(SAM)
	@$(UV) pip install --quiet --python $(SAM)/bin/python $(SAM_CLI)
	@$(UV) pip install --quiet --python $(SAM)/bin/python $(SAM_CLOUD) && touch $@

build-%Function: $(BIN)/uv
	@$(BIN)/python -m iac.aws.bundles $*Function --out "$(ARTIFACTS_DIR)" --python-version $(LAMBDA_PYTHON) --architecture $(LAMBDA_ARCH)

monitoring: $(VENV)/.dev ## Make the dashboard and the alarms for AWS anew (iac/aws/monitoring.yaml)
	@$(BIN)/python -m iac.aws.monitoring

build-aws: $(SAM)/.done ## Build the Lambda functions' bundles for AWS and print their sizes
	@AWS_DEFAULT_REGION=us-east-1 $(SAM)/bin/sam validate --lint
	@$(SAM)/bin/sam build --build-in-source
	@$(BIN)/python -m iac.aws.bundles --sizes .aws-sam/build

# The deployed stack on ministack, a cloud on loopback (tests/aws). It runs functions with its own
# Python and packages: the runtime's version, and nothing but what the Lambda runtime has.
MINISTACK := .venv-ministack
MINISTACK_PACKAGES := ministack==1.5.33 boto3==1.43.106
MICROBURST := .venv-microburst
MICROBURST_PACKAGES := microburst==0.10.0
BUNDLES_HERE := build/aws-here

$(MINISTACK)/.done: Makefile | $(VENV)/.dev
	@echo "Setting up ministack in $(MINISTACK) ..."
	@python=$$($(BIN)/python -c 'from iac.aws.bundles.pythons import find_python as f; print(f("$(LAMBDA_PYTHON)"))') && \
	  $(UV) venv --quiet --clear --python "$$python" $(MINISTACK)
	@$(UV) pip install --quiet --python $(MINISTACK)/bin/python $(MINISTACK_PACKAGES) && touch $@

$(MICROBURST)/.done: Makefile | $(BIN)/uv
	@echo "Setting up microburst in $(MICROBURST) ..."
	@$(UV) venv --quiet --clear --python $(BIN)/python $(MICROBURST)
	@$(UV) pip install --quiet --python $(MICROBURST)/bin/python $(MICROBURST_PACKAGES) && touch $@

build-aws-here: $(VENV)/.dev ## Build the Lambda functions' bundles for this machine's CPU
	@$(BIN)/python -m iac.aws.bundles --out $(BUNDLES_HERE) --python-version $(LAMBDA_PYTHON) \
	  --architecture $$(uname -m | sed 's/aarch64/arm64/')

aws-tools: $(MINISTACK)/.done $(MICROBURST)/.done $(SAM)/.done

# Continuous integration runs one file of them: the others take five minutes more.
AWS_TESTS ?= tests/aws

test-aws: aws-tools models build-aws-here ## Test the built functions, deployed on a cloud on loopback
	@$(BIN)/pytest -n 0 -m "aws and not slow" $(AWS_TESTS)

test-aws-slow: aws-tools models build-aws-here ## The same, and the slow ones
	@$(BIN)/pytest -n 0 -m aws tests/aws

test-bundle: $(VENV)/.dev ## Build each function's bundle and run it in Lambda's runtime client
	@$(BIN)/pytest -n 0 tests/bundle

bench-aws: $(VENV)/.dev ## Measure the functions' cold starts and their calls to AWS
	@$(BIN)/python -m bench.aws $(ARGS)

clean: ## Remove the environment and everything that was built
	@rm -rf $(VENV) $(PYANNOTE_VENV) $(PEERS) $(SAM) $(MINISTACK) $(MICROBURST) .aws-sam build dist .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*
