# The two commands of the README: make demo, make test. Each installs the
# project into .venv first; a second call does not install again.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
EPOCHS ?= 10
PRESET ?= compact
# A generator that mends the image instead of drawing it anew from 32 x 32
# cells, and trains alone for a fifth of the epochs: otherwise its references
# are a blur after so few steps.
DEMO := --use_generator_skip --use_generator_detail --ssim_weight=0.05 \
  --spectral_weight=0.001 --generator_epochs=$(shell expr $(EPOCHS) / 5)
INSTALLED := $(VENV)/.installed
BROWSER := $(VENV)/.browser
CODE := g2npan_tf datasets export benchmarks tests train.py evaluate.py

.PHONY: help demo test test-slow lint format bench clean

help:
	@echo "make demo    data set, training, evaluation, export, scores (about 10 minutes)"
	@echo "make test    lint, types and the test suite"
	@echo "make test-slow  the tests of real kills, full disks and several processes"
	@echo "make bench   speed and memory figures; PRESET=paper for the larger networks"
	@echo "make format  formats the code"
	@echo "make clean   removes what make demo and make test made"

$(INSTALLED): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	  || { echo "error: $(PYTHON) is not Python 3.11 to 3.13; make PYTHON=python3.12 names another"; exit 2; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null \
	  || { echo "error: $(PYTHON) has no venv; Debian, Ubuntu: apt-get install python3-venv"; exit 2; }
	@echo "installing into $(VENV) (2.7 GB, a few minutes)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --upgrade pip
	@$(BIN)/python -m pip install --quiet --editable '.[train,test]' --config-settings editable_mode=compat
# Slim images have no libGL; the headless build owns the same folder and needs
# none, so it replaces the other and is not installed beside it.
	@$(BIN)/python -c 'import cv2' 2>/dev/null \
	  || { echo "no libGL here: taking opencv-python-headless"; \
	       $(BIN)/python -m pip uninstall --quiet --yes opencv-python; \
	       $(BIN)/python -m pip install --quiet opencv-python-headless; }
	@touch $@

demo: $(INSTALLED)
	@echo "1/5 data set and training (progress bar with the time left)"
	@$(BIN)/python train.py --workdir=demo/run --data_dir=demo/tfds \
	  --epochs=$(EPOCHS) $(DEMO)
	@echo "2/5 evaluation on the fold that training never saw"
	@$(BIN)/python evaluate.py --workdir=demo/run
	@echo "3/5 export"
	@rm -rf demo/exported demo/samples demo/explained
	@$(BIN)/python -m export.saved_model --workdir=demo/run --output=demo/exported
	@$(BIN)/python -m export.tflite --workdir=demo/run --output=demo/exported
	@echo "4/5 scores of sample images by the SavedModel, with explanations"
	@$(BIN)/python -m datasets.samples --workdir=demo/run --output=demo/samples
	@$(BIN)/python -m g2npan_tf.scoring.score --model=demo/exported/g2npan --explain=demo/explained demo/samples
	@echo "5/5 scores of the same images by LiteRT"
	@$(BIN)/python -m g2npan_tf.scoring.score --model=demo/exported/g2npan.tflite demo/samples
	@echo
	@echo "figures:      demo/run/evaluation/results.json (simulated readers)"
	@echo "report:       demo/run/evaluation/report.html"
	@echo "scores:       demo/run/evaluation/predictions.csv"
	@echo "explanations: demo/explained/*_panel.png"
	@echo "models:       demo/exported"
	@echo "curves:       $(BIN)/tensorboard --logdir=demo/run"

# Tried once; the tests look for the browser themselves.
$(BROWSER): | $(INSTALLED)
	@if command -v chromium || command -v chromium-browser \
	  || command -v google-chrome; then :; \
	elif [ "$$(id -u)" = 0 ] && command -v apt-get; then \
	  echo "installing Debian's chromium for the tests in a browser" >&2; \
	  { apt-get -qq update && DEBIAN_FRONTEND=noninteractive \
	    apt-get -qq install --no-install-recommends chromium; } 2>&1; \
	else false; fi >/dev/null \
	  || echo "no browser here: the tests that need one will be skipped"
	@touch $@

test: lint $(BROWSER)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" --durations=10

test-slow: $(INSTALLED)
	@$(BIN)/python -m pytest -m slow

lint: $(INSTALLED)
	@$(BIN)/ruff check $(CODE)
	@$(BIN)/ruff format --check $(CODE)
	@$(BIN)/mypy $(CODE)
	@$(BIN)/codespell --skip '*.bib' $(CODE) README.md docs Makefile setup.cfg

format: $(INSTALLED)
	@$(BIN)/ruff check --fix $(CODE)
	@$(BIN)/ruff format $(CODE)

bench: $(INSTALLED)
	@$(BIN)/python -m benchmarks.bench --preset=$(PRESET)
	@if [ -n "$(PEER_PYTHON)" ]; then \
	  $(BIN)/python -m benchmarks.peer.compare --peer_python=$(PEER_PYTHON) --preset=$(PRESET); \
	else \
	  echo "PyTorch: not compared; make bench PEER_PYTHON=... (docs/performance.md)"; \
	fi

clean:
	rm -rf $(VENV) demo .mypy_cache .ruff_cache .pytest_cache *.egg-info
