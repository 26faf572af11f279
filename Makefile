# make demo | test | check | docs | clean; `make help` says what each does.

PYTHON ?= python3
PYTEST_ARGS ?=

DEMO_ENVIRONMENT := .venv-demo
TEST_ENVIRONMENT := .venv-test
TEST_BIN := $(TEST_ENVIRONMENT)/bin
PIPELINES_ENVIRONMENT := .venv-pipelines
PIPELINES_BIN := $(CURDIR)/$(PIPELINES_ENVIRONMENT)/bin

export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo test check docs clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    set up $(DEMO_ENVIRONMENT), then train and evaluate a model on example_data (minutes)"
	@echo "make test    set up $(TEST_ENVIRONMENT), then run the tests; PYTEST_ARGS='-k name' chooses some;"
	@echo "             MultiQC and Snakemake, which some run, come into $(PIPELINES_ENVIRONMENT), 1.2 GB; PIPELINES=no: without"
	@echo "make check   formatting, lint, types, and whether the generated docs are up to date"
	@echo "make docs    the documentation as a site, in build/site; open index.html"
	@echo "make clean   remove the environments, caches and the demo's output"
	@echo "             PYTHON=python3.12 chooses the Python (3.11 or newer) the environments are made with"

demo: $(DEMO_ENVIRONMENT)/.installed
	@PATH="$(CURDIR)/$(DEMO_ENVIRONMENT)/bin:$$PATH" sh scripts/demo.sh

# One thread for each of two processes: the tests' models are small, and two threads of one process are not faster.
test: $(TEST_ENVIRONMENT)/.installed $(if $(filter no,$(PIPELINES)),,$(PIPELINES_ENVIRONMENT)/.installed)
	MMVAE_MULTIQC=$(PIPELINES_BIN)/multiqc MMVAE_SNAKEMAKE=$(PIPELINES_BIN)/snakemake \
		OMP_NUM_THREADS=1 $(TEST_BIN)/python -m pytest -q -ra --durations=10 -n 2 --dist loadfile $(PYTEST_ARGS)

check: $(TEST_ENVIRONMENT)/.installed
	$(TEST_BIN)/ruff format --check .
	$(TEST_BIN)/ruff check .
	$(TEST_BIN)/mypy
	$(TEST_BIN)/python scripts/docs.py --check

docs: $(TEST_ENVIRONMENT)/.installed
	$(TEST_BIN)/python scripts/docs.py
	NO_MKDOCS_2_WARNING=true $(TEST_BIN)/python -m mkdocs build --quiet --strict --clean
	@echo "written: build/site/index.html"

clean:
	rm -rf $(DEMO_ENVIRONMENT) $(TEST_ENVIRONMENT) $(PIPELINES_ENVIRONMENT) demo build dist .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find mmvae_cli tests scripts benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true

# The stamp is made last, so that an interrupted installation starts again from nothing.
# torch goes first and by its exact version, so that no other package can pull in another build of it.
define install
	@"$(PYTHON)" -c "import sys; sys.exit(sys.version_info < (3, 11))" 2>/dev/null || \
		{ echo "error: $(PYTHON) is missing or older than Python 3.11; choose one: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	rm -rf $(@D)
	"$(PYTHON)" -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet -c constraints.txt "$$(grep '^torch==' constraints.txt)"
	$(@D)/bin/python -m pip install --quiet -c constraints.txt -e "$(PACKAGE)"
	@touch $@
endef

$(DEMO_ENVIRONMENT)/.installed: PACKAGE := .
$(DEMO_ENVIRONMENT)/.installed: pyproject.toml constraints.txt
	$(install)

$(TEST_ENVIRONMENT)/.installed: PACKAGE := .[test,dev]
$(TEST_ENVIRONMENT)/.installed: pyproject.toml constraints.txt
	$(install)

# Programs of their own, apart from the package: Snakemake wants older libraries. Where they cannot be installed, the
# tests that run them are skipped and say so.
$(PIPELINES_ENVIRONMENT)/.installed: pyproject.toml constraints.txt | $(TEST_ENVIRONMENT)/.installed
	@rm -rf $(@D)
	@$(TEST_BIN)/python -m venv $(@D)
	@$(TEST_BIN)/python scripts/extra.py pipelines | xargs $(@D)/bin/python -m pip install --quiet -c constraints.txt \
		&& touch $@ || echo "MultiQC and Snakemake could not be installed: the tests that run them are skipped"
