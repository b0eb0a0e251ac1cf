# Two commands to know: `make demo` and `make test`. Each sets up all it needs first; `make help` lists the rest.

PYTHON ?= python3
ROS ?= auto
VENV ?= .venv
DATA ?=
MINUTES ?= 60
MESSAGES ?= 100000
CLIPS ?=
UTTERANCES ?= 200
LOAD_MINUTES ?= 10
PYTEST_ARGS ?=
DEMO_ARGS ?=

BIN := $(VENV)/bin
SETUP = $(PYTHON) scripts/setup_venv.py --venv "$(VENV)" --ros "$(ROS)"

# With an installed ROS 2 sourced, what is built into the virtual environment must be found beside it.
# (The ROS 2 wheels need none of this.)
ifneq ($(AMENT_PREFIX_PATH),)
export AMENT_PREFIX_PATH := $(CURDIR)/$(VENV):$(AMENT_PREFIX_PATH)
export LD_LIBRARY_PATH := $(CURDIR)/$(VENV)/lib:$(LD_LIBRARY_PATH)
endif

# ROS 2 does not start where it cannot log, for instance with a home that is read-only.
export ROS_LOG_DIR ?= $(CURDIR)/$(VENV)/log

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev demo test soak lint colcon marks bench sbom audit clean data python

help:  ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' Makefile
	@echo
	@echo "  Variables: PYTHON=$(PYTHON)  ROS=$(ROS) (auto, jazzy, kilted, system)"
	@echo "             MINUTES=$(MINUTES), UTTERANCES=$(UTTERANCES), LOAD_MINUTES=$(LOAD_MINUTES), DATA, CLIPS, DEMO_ARGS, PYTEST_ARGS (for instance PYTEST_ARGS='-k fusion')"

setup: python  ## Make the virtual environment with everything the package needs
	@$(SETUP)

setup-dev: python
	@$(SETUP) --with dev --with train

demo: setup  ## Set up, then see emotions arrive on /emotion from a sample dialogue
	@"$(BIN)/mer" demo $(DEMO_ARGS)

# Graphs of processes want the machine for themselves. (5: no test was asked for.)
test: setup-dev  ## Set up, then run all tests
	@"$(BIN)/python" -m pytest -m "not graph" --numprocesses auto --dist loadfile $(PYTEST_ARGS) || [ $$? -eq 5 ]
	@"$(BIN)/python" -m pytest -m graph $(PYTEST_ARGS) || [ $$? -eq 5 ]

soak: setup-dev  ## Set up, then malformed messages and the graph at full rate for long, and look for growth: make soak MINUTES=60
	@"$(BIN)/python" benchmarks/malformed.py --messages "$(MESSAGES)" --write; malformed=$$?; \
		"$(BIN)/python" benchmarks/soak.py --minutes "$(MINUTES)" --write; soak=$$?; \
		"$(BIN)/python" benchmarks/table.py --readme > /dev/null; [ $$malformed$$soak = 00 ]

lint: setup-dev  ## Set up, then check style and types (ruff, mypy)
	@"$(BIN)/ruff" check .
	@"$(BIN)/ruff" format --check .
	@"$(BIN)/mypy"

colcon: setup-dev  ## Set up, then build both packages with colcon and load what it installed
	@. "$(CURDIR)/$(VENV)/setup.sh" && colcon build
	@. "$(CURDIR)/$(VENV)/setup.sh" && . install/setup.sh && cd / && python -c "import mer_msgs.msg, mer_ros; \
		print('Loaded', mer_msgs.__file__); print('Loaded', mer_ros.__file__)"

marks: data setup  ## Score every model on the corpora in DATA: make marks DATA=FOLDER
	@"$(BIN)/mer" evaluate all --data "$(DATA)"

bench: setup-dev  ## Run every benchmark; write benchmarks/results and the README's table; clips of talking faces: CLIPS=FOLDER
	@"$(BIN)/python" benchmarks/bench.py --utterances "$(UTTERANCES)" --minutes "$(LOAD_MINUTES)" --clips "$(CLIPS)" --readme

sbom: setup  ## Set up, then write sbom.json: all packages and models that run, as CycloneDX
	@"$(BIN)/python" scripts/sbom.py > sbom.json.part && mv sbom.json.part sbom.json && echo "wrote sbom.json"

audit: python  ## Look every pinned package up in the list of known vulnerabilities (over the network)
	@$(SETUP) --with audit
	@"$(BIN)/pip-audit" --disable-pip --no-deps --progress-spinner off -r requirements/constraints.txt

clean:  ## Remove what was built, the virtual environment too (not runs/)
	rm -rf "$(VENV)" build install log *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

data:
	@[ -n "$(DATA)" ] || { echo "Say which folder holds the corpora: make marks DATA=FOLDER" >&2; exit 2; }

python:
	@command -v "$(PYTHON)" > /dev/null || \
		{ echo "There is no $(PYTHON) on this machine: install Python 3.10 to 3.13, or name it: make PYTHON=/path/to/python3" >&2; exit 2; }
