# Each line is a command that a person could type; .venv is made on first use.

PYTHON ?= python3
VENV ?= .venv
DEMO ?= demo
EPOCHS ?= 8
SIZE ?= 192x384
TURN ?= 1
MEASURED ?= measured
SWEEP ?= training/sweeps/town.toml
LOGS ?= logs
EXTRAS ?= test
comma := ,
AT := -t $(subst x,$(comma),$(SIZE))
PY := $(VENV)/bin/python
TRAIN = $(PY) train.py -p $(DEMO)/town $(AT) -b 2 -e $(EPOCHS) --validate-every 4 --cache memory --logs $(DEMO)/logs \
    --optimizer adam --schedule onecycle --max-lr 2e-3 --augment flip
# scores and speed of weights, in a folder of that name
measured = $(PY) evaluate.py -w $1 $(AT) -p $(DEMO)/town -r $(DEMO)/$2 && \
    $(PY) benchmark.py inference -w $1 $(AT) --turns 5 --seconds $(TURN) --save $(DEMO)/records && \
    $(PY) benchmark.py accuracy -w $1 --scores $(DEMO)/$2 --save $(DEMO)/records
PIP := $(PY) -m pip --disable-pip-version-check
# three files at a time on two processors, as some tests wait for SLURM
PYTEST := -m pytest -n 3 --dist loadfile --max-worker-restart=0

.PHONY: demo benchmark train-all results test test-fast coverage lint horovod format clean

# A made-up town, two networks trained on it, scored, timed and shown: a few minutes on two cores.
# make demo WEIGHTS=SINet.pth puts a network with published weights beside them.
demo: $(VENV)/$(if $(WEIGHTS),.torch,.run)
	rm -rf $(DEMO)
	$(PY) prepare_data.py synthesize $(DEMO)/town --train 96 --val 24 --size $(SIZE) --seed 0
	$(TRAIN) -m fastscnn
	$(TRAIN) -m separable_unet --variant large
	$(PY) evaluate.py --baseline majority -p $(DEMO)/town -r $(DEMO)/majority > /dev/null
	$(PY) evaluate.py --baseline colour -p $(DEMO)/town -r $(DEMO)/colour > /dev/null
	$(call measured,$(DEMO)/logs/fastscnn/*,fastscnn)
	$(call measured,$(DEMO)/logs/separable_unet/*,separable_unet)
	$(if $(WEIGHTS),$(call measured,$(WEIGHTS),published))
	$(PY) evaluate.py --compare $(DEMO)/majority $(DEMO)/colour $(DEMO)/fastscnn $(DEMO)/separable_unet $(if $(WEIGHTS),$(DEMO)/published)
	$(PY) predict.py -w $(DEMO)/logs/fastscnn/* -p $(DEMO)/town -r $(DEMO)/predictions
	$(PY) benchmark.py report $(DEMO)/records --runs $(DEMO)/logs/*/* -o $(DEMO)/report \
	    --pictures picture=$(DEMO)/town/leftImg8bit/val truth=$(DEMO)/town/gtFine/val "by colour"=$(DEMO)/colour \
	    Fast-SCNN=$(DEMO)/fastscnn "Separable U-Net"=$(DEMO)/separable_unet $(if $(WEIGHTS),$(basename $(notdir $(WEIGHTS)))=$(DEMO)/published)
	@echo "images:   $(DEMO)/predictions/overlay, and $(DEMO)/logs/*/*/images"
	@echo "curves:   $(DEMO)/logs/*/*/curves.png"
	@echo "scores:   $(DEMO)/fastscnn/scores.csv, $(DEMO)/separable_unet/scores.csv"
	@echo "next:     source $(VENV)/bin/activate; python train.py --help"

# What a laptop measures in minutes; it goes on where it stopped.
benchmark: $(VENV)/.export
	$(PY) benchmark.py sweep benchmarks/sweeps/small.toml --save $(MEASURED)/records
	$(PY) benchmark.py report $(MEASURED)/records -o $(MEASURED)/report

# The runs of a sweep file, and those of one model: make train-all SWEEP=training/sweeps/town.toml DATA=demo/town
train-all: $(VENV)/.run
	$(PY) train.py --sweep $(SWEEP) $(if $(DATA),-p $(DATA)) --logs $(LOGS)

train-%: $(VENV)/.run
	$(PY) train.py --sweep $(SWEEP) --only $* $(if $(DATA),-p $(DATA)) --logs $(LOGS)

# README's and docs' tables from benchmarks/results/
results: $(VENV)/.run
	$(PY) benchmark.py report --tables

# Everything, in the order of tests/conftest.py.
test: $(VENV)/.test
	$(PY) $(PYTEST) --no-loadscope-reorder

# What a developer runs before each commit.
test-fast: $(VENV)/.test
	$(PY) $(PYTEST) -m "not slow"

# The lines that the tests run, child processes included; the tests that fill a disk fail, by coverage's own files.
coverage: $(VENV)/.test
	$(PY) -m coverage erase
	-$(PY) -m coverage run --source=$(CURDIR) $(PYTEST) --no-loadscope-reorder
	$(PY) -m coverage combine --quiet
	$(PY) -m coverage report

lint: $(VENV)/.test
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(VENV)/bin/lint-imports --no-logo --no-cache setup.cfg
	$(PY) benchmark.py report --check

# Horovod for several GPUs: minutes of compiling the first time, then the wheel is kept.
horovod: $(VENV)/.run
	slurm/build_horovod.sh $(PY)

format: $(VENV)/.test
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean:
	rm -rf $(VENV) demo .pytest_cache .ruff_cache

$(VENV)/.export: WITH = [export]
$(VENV)/.torch: WITH = [torch]
$(VENV)/.test: WITH = [$(EXTRAS)]
$(VENV)/.run $(VENV)/.export $(VENV)/.torch $(VENV)/.test: setup.cfg constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 13) and 'needs Python 3.11 or 3.12: make PYTHON=python3.11 ...')"
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --quiet --constraint constraints.txt --editable .$(WITH)
	touch $@
