# Every target needs Python 3.11 or later. `test-services`, `soak` and `bench` also need PostgreSQL and Redis.
PYTHON ?= python3
PORT ?= 8000
BIN := .venv/bin
POSTGRES_URL ?= postgres://postgres@127.0.0.1:5432/postgres
REDIS_URL ?= redis://127.0.0.1:6379/15

.PHONY: run test check test-services soak bench format requirements clean

run: export CELERY_BROKER_URL ?= filesystem://localhost/
run: export LOG_LEVEL ?= WARNING
run: export PATH := $(CURDIR)/$(BIN):$(PATH)
run: .venv/ready
	@$(BIN)/python -c 'import socket, sys; sys.exit(socket.socket().connect_ex(("127.0.0.1", int(sys.argv[1]))) == 0)' $(PORT) || { echo "Port $(PORT) is in use. Choose another one: make run PORT=8001"; exit 1; }
	@$(BIN)/python manage.py migrate -v 0
	@$(BIN)/python manage.py demo --port $(PORT)
	@$(BIN)/honcho start -p $(PORT)

test: .venv/ready-dev
	$(BIN)/pytest -n auto

check: .venv/ready-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/djlint --lint --quiet config audit notifications contacts signing
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python manage.py makemigrations --check --dry-run
	$(BIN)/python manage.py spectacular --validate --fail-on-warn --file /dev/null

test-services: .venv/ready-dev
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) $(BIN)/pytest -n 2 --services --ignore tests/faults
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) $(BIN)/pytest --services tests/faults

soak: .venv/ready-dev
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) SOAK=10 $(BIN)/pytest --services tests/faults tests/services/test_broken.py
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) FUZZ_CASES=500 $(BIN)/pytest --services -n 2 tests/test_fuzz.py

bench: .venv/ready-dev
	DATABASE_URL=$(POSTGRES_URL) $(BIN)/python -m bench.delivery
	DATABASE_URL=$(POSTGRES_URL) $(BIN)/python -m bench.reminders
	DATABASE_URL=$(POSTGRES_URL) $(BIN)/python -m bench.audit
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) $(BIN)/python -m bench.http
	DATABASE_URL=$(POSTGRES_URL) REDIS_URL=$(REDIS_URL) $(BIN)/python -m bench.depth

format: .venv/ready-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

requirements: .venv/bin/pip
	$(BIN)/pip install -q uv
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --upgrade -q pyproject.toml -o requirements.txt
	$(BIN)/uv pip compile --universal --generate-hashes --no-header --upgrade -q pyproject.toml --extra sso --group dev -c requirements.txt -o requirements-dev.txt

clean:
	rm -rf .venv

# pip is installed last, so a .venv without it is half-made: it is created again.
.venv/bin/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Paraph requires Python 3.11 or later. Set PYTHON to its path."; exit 1; }
	@echo "Creating .venv"
	@$(PYTHON) -m venv --clear .venv || { rm -rf .venv; exit 1; }

.venv/ready: .venv/bin/pip requirements.txt
	@echo "Installing dependencies (about a minute the first time)"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

.venv/ready-dev: .venv/bin/pip requirements-dev.txt
	@echo "Installing development dependencies"
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@
