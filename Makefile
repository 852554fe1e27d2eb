# Avow. `make` alone lists what it can do.
.DEFAULT_GOAL := help
SHELL := /bin/bash
VENV := .venv
PY := $(VENV)/bin/python
STAMP := $(VENV)/.installed
export PYTHONPATH := $(CURDIR)
export PYTHONDONTWRITEBYTECODE := 1
export AVOW_VAR_DIR ?= $(CURDIR)/var
export AVOW_PORT ?= 8000
export AVOW_PUBLIC_URL ?= http://localhost:$(AVOW_PORT)
export AVOW_TSA_PORT ?= 8318
export AVOW_WEB ?= true
export AVOW_RENDER_WORKERS ?= 1

.PHONY: help
help: ## list the commands
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-18s %s\n", $$1, $$2}'

$(STAMP): requirements.lock scripts/install.sh
	bash scripts/install.sh $(VENV)
	touch $@

.PHONY: install
install: $(STAMP) ## create .venv and install the locked packages

.PHONY: locale
locale: $(STAMP) ## compile the translations
	@$(PY) scripts/build_locale.py

.PHONY: secret
secret: $(STAMP) locale
	@$(PY) scripts/first_secret.py

.PHONY: setup
setup: secret ## first run: secrets, keys, certificates, database
	@$(PY) manage.py bootstrap

.PHONY: run
run: export AVOW_DEMO = 1
run: export AVOW_EMAIL_VERIFICATION = none
run: export AVOW_DEMO_ROOM_MINUTES ?= 60
# The host is on air after a minute; a search for cut, turned and sped-up copies of marked footage would take half of one more.
run: export AVOW_ORIGIN_SEARCH_S ?= 0
run: secret ## serve http://127.0.0.1:8000 with web, workers, gate, inspector, sequencer, scheduler (Ctrl-C stops all)
	@# Drawn while the tables are made; where that fails, the worker that needs it draws it.
	@{ [ "$(AVOW_DEMO_ROOM_MINUTES)" = 0 ] || $(PY) manage.py seed_demo --draw-host; } & \
	$(PY) manage.py bootstrap && $(PY) manage.py seed_demo --presenter && $(PY) manage.py room demonstrate && wait
	@exec $(PY) -m supervisor.supervisord --nodaemon --configuration deploy/supervisord.conf

.PHONY: demo
demo: $(STAMP) locale ## walk the whole road unattended; CLIP= TEXT= MARKETS= OUT=
	@$(PY) scripts/demo.py --out "$(or $(OUT),out/demo)" $(if $(CLIP),--clip "$(CLIP)") $(if $(TEXT),--text "$(TEXT)") $(if $(MARKETS),--markets "$(MARKETS)")

.PHONY: test
test: $(STAMP) locale ## lint, types and tests on SQLite, then on PostgreSQL and Redis where they can be started
	@bash scripts/test.sh $(ARGS)

.PHONY: test-kills
test-kills: $(STAMP) locale ## real processes: a room watched in a browser, kill -9 at every step; on SQLite; PostgreSQL and Redis; PostgreSQL, RabbitMQ and S3
	@bash scripts/test_kills.sh

.PHONY: lint
lint: export AVOW_SECRET_KEY = lint
lint: $(STAMP) ## ruff, mypy, import rules, migrations
	$(VENV)/bin/ruff check .
	$(VENV)/bin/mypy streaming avatars compliance watermark
	$(VENV)/bin/lint-imports
	$(PY) manage.py makemigrations --check --dry-run

.PHONY: bench
bench: $(STAMP) ## speed and memory as ratios, with their limits
	$(PY) -m bench

.PHONY: bench-watermark
bench-watermark: $(STAMP) ## what the watermark survives, costs and looks like; ARGS="--quick" for the short one
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-bench.txt
	$(PY) -m bench.watermark $(ARGS)

.PHONY: rehearse
rehearse: export AVOW_DEMO = 1
rehearse: setup ## put a demonstration room on air without a browser; SECONDS_ON_AIR= OUT=
	@$(PY) manage.py room rehearse --seconds $(or $(SECONDS_ON_AIR),60) --out "$(or $(OUT),out/rehearsal)"

.PHONY: lock
lock: $(STAMP) ## resolve pyproject.toml again into requirements.lock
	bash scripts/lock.sh $(VENV)

.PHONY: clean
clean: ## remove var/, out/ and .venv (keys and data of this copy are lost)
	rm -rf var out $(VENV)
