"""A database with many processes, and the web server of the Procfile that serves it."""

import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.surroundings import POSTGRES

ROOT = Path(__file__).parents[1]
BIN = Path(sys.executable).parent

# As `manage.py seed_scale` creates them.
GROUPS = 10
INITIATORS = 20

# Keeps the databases, so that the next run does not fill them again.
KEEP = bool(os.environ.get("KEEP"))


@dataclass(frozen=True, slots=True)
class Service:
    """A running service: the URL of its database, the port of its web server, and a token that may do everything."""

    database: str
    port: int
    token: str


@contextmanager
def service(processes: int) -> Iterator[Service]:
    """Fill a database with this many processes, and serve it. It is dropped at the end, unless KEEP is set."""
    name = f"paraph_bench_{processes}"
    if not KEEP:
        name += f"_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            admin.execute(f"CREATE DATABASE {name}".encode())
    database = POSTGRES.rpartition("/")[0] + f"/{name}"
    environment = _environment(database)
    try:
        token = _fill(environment, processes)
        with _web_server(environment) as port:
            yield Service(database, port, token)
    finally:
        if not KEEP:
            with psycopg.connect(POSTGRES, autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


def _fill(environment: dict[str, str], processes: int) -> str:
    """Migrate and fill the database. Returns the token of a new client."""
    _manage(environment, "migrate", "-v0")
    print(f"Filling a database with {processes:,} processes.", flush=True)
    _manage(environment, "seed_scale", f"--processes={processes}")
    rights = ("on_behalf", "administer", "audit_write")
    created = _manage(environment, "create_client", "bench", *[f"--right={right}" for right in rights])
    with psycopg.connect(environment["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
    return created.split()[-1]


@contextmanager
def _web_server(environment: dict[str, str]) -> Iterator[int]:
    """Run the `web` line of the Procfile. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    lines = dict(line.split(":", 1) for line in (ROOT / "Procfile").read_text().splitlines())
    program, *words = shlex.split(lines["web"].replace("$PORT", str(port)))
    server = subprocess.Popen([str(BIN / program), *words], cwd=ROOT, env=environment)
    try:
        _wait_for(port)
        yield port
    finally:
        server.terminate()
        server.wait()


def _wait_for(port: int) -> None:
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError("The web server did not start.")


def _manage(environment: dict[str, str], *words: str) -> str:
    command = [sys.executable, "manage.py", *words]
    result = subprocess.run(command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return result.stdout


def _environment(database: str) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": database,
        "CELERY_BROKER_URL": os.environ.get("REDIS_URL", ""),
        "VAR": tempfile.mkdtemp(),
        "LOG_LEVEL": "ERROR",
        "REQUESTS_PER_CLIENT": "0",
        "REQUESTS_PER_ADDRESS": "0",
    }
