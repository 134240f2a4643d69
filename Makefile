# make repro   set up, then run the pipeline         make lint     ruff and mypy
# make test    set up, then run the tests            make doctor   what is here, what is missing
# make show    experiments, what differs
# make tune    search the hyperparameters: make tune TRIALS=50 JOBS=4 PHASE=phase2 (docs/sweeps.md)
# make watch   the training that runs, in the terminal (docs/training.md)
# make transfer  few sections of one's own: synthetic ones first (README.md)
# make folds   cross-validation: make folds FOLDS=5 JOBS=2, or FOLDS=sites (docs/training.md)

# The first interpreter that is new enough; choose another with `make PYTHON=/path/to/python3 …`.
PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
  $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)

VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
READY_DEV := $(VENV)/.ready-dev
AXE := .tools/node_modules/axe-core/axe.min.js

export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
export DVC_NO_ANALYTICS := 1
export ITERATIVE_DO_NOT_TRACK := 1
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_NO_INPUT := 1

.PHONY: repro test tune transfer folds watch show lint doctor browser
.DELETE_ON_ERROR:

repro: $(READY)
	dvc repro < /dev/null

test: $(READY_DEV) browser $(AXE)
	$(PY) -m pytest -m "not slow"

TRIALS ?= 30
JOBS ?= 1
PHASE ?= auto
tune: $(READY)
	$(PY) -m dlt.tune --trials $(TRIALS) --jobs $(JOBS) --phase $(PHASE)

# Few sections of one's own: learn from many synthetic ones first, then go on with SECTIONS.
SECTIONS ?=
transfer: $(READY)
	@test -n "$(SECTIONS)" || { echo "make transfer SECTIONS=<dataset: folder, archive or URL>"; exit 2; }
	dvc exp run -S ingest.source=synthetic -S ingest.num_samples=10000 -S train.phase=phase1 \
	    -S train.init_from=null -S train.init_share=0 -S train.batch_size=null \
	    -S train.min_steps=null -S train.lr=null -S train.class_dropout=null \
	    -S train.augmentation_factor=null \
	    -S train.box_weight=null -S train.proposal_epochs=5 -S train.epochs=4
	rm -rf .pretrained && cp -rL models/dlt .pretrained
	dvc exp run -S ingest.source=archive -S 'ingest.archive.path=$(SECTIONS)' \
	    -S ingest.num_samples=null -S train.phase=phase1 -S train.init_from=.pretrained \
	    -S train.init_share=0.3 -S train.batch_size=8 -S train.min_steps=0 -S train.lr=1e-3 \
	    -S train.class_dropout=0 -S train.augmentation_factor=1 -S train.box_weight=1 \
	    -S train.proposal_epochs=10 -S train.epochs=10

watch: $(READY)
	@$(PY) -m dlt.watch

FOLDS ?=
folds: $(READY)
	$(PY) -m dlt.folds --jobs $(JOBS) $(if $(FOLDS),--folds $(FOLDS))

# What differs between experiments, in 120 columns: names, accuracy and parameters. DVC's table has a
# column for every figure and every dependency that differs; what is no match here is left out.
SHOWN := (Experiment|State|(val_)?layout_accuracy)$$|(data|evaluate|ingest|model|phases|sample|seed|train)\b(?!.*(/|loss))
show: $(READY)
	dvc exp show --only-changed --drop '(?!$(SHOWN))'

lint: $(READY_DEV)
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

# Runs without the packages, too: it is there to say which are missing.
doctor:
	@if $(PY) -c "" 2>/dev/null; then $(PY) -m dlt.doctor; else "$(PYTHON)" -m dlt.doctor; fi

$(PY):
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { echo \
	  "Python 3.11 or newer is needed: install it, or name it: make PYTHON=/path/to/python3"; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2>/dev/null || { echo \
	  "Python's venv module is missing; on Debian and Ubuntu: apt install python3-venv"; exit 1; }
	"$(PYTHON)" -m venv --clear $(VENV)

# A set-up that was cut short has no stamp, so it is taken up again here.
$(READY): requirements.txt $(PY)
	@$(PY) -m pip --version > /dev/null 2>&1 || $(PY) -m ensurepip
	$(PY) -m pip install -r requirements.txt
	@touch $@

$(READY_DEV): requirements-dev.txt $(READY)
	$(PY) -m pip install -q -r requirements-dev.txt
	@touch $@

# The accessibility tests skip where npm or the network is missing.
$(AXE):
	@npm install --silent --no-save --prefix .tools axe-core@4.14.1 || echo \
	  "No axe-core (npm), so the accessibility tests are skipped."

# The page tests skip where there is no browser, so a failure here stops nothing.
HAS_BROWSER = $(PY) -c 'import sys; from dlt.ingest.webpages.browser import find_browser; \
  sys.exit(find_browser(None) is None)'
browser: $(READY)
	@$(HAS_BROWSER) || { test "$$(id -u)" = 0 && command -v apt-get > /dev/null && apt-get -q update \
	  && apt-get -qy install --no-install-recommends chromium fonts-liberation; } || true
	@$(HAS_BROWSER) || echo "No browser, so the page tests are skipped. Install one:" \
	  "apt-get install chromium, or $(VENV)/bin/playwright install --with-deps chromium"
