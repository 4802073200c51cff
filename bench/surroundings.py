"""What the benchmarks share: a PostgreSQL database of their own, and a mail server in a process of its own."""

import multiprocessing
import os
import socket
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

POSTGRES = os.environ.get("DATABASE_URL", "postgres://postgres@127.0.0.1:5432/postgres")


@contextmanager
def database() -> Iterator[None]:
    """Django on a new database with all its tables, dropped at the end."""
    import psycopg

    name = f"paraph_bench_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": POSTGRES.rpartition("/")[0] + f"/{name}",
        "VAR": tempfile.mkdtemp(),
        "LOG_LEVEL": "ERROR",
    }
    import django
    from django.core.management import call_command
    from django.db import connections

    django.setup()
    call_command("migrate", verbosity=0)
    try:
        yield
    finally:
        connections.close_all()
        with psycopg.connect(POSTGRES, autocommit=True) as admin:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@contextmanager
def mail_server() -> Iterator[int]:
    """A mail server that takes everything; its port."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    server.start()
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    try:
        yield port
    finally:
        server.terminate()


def _serve(port: int) -> None:
    from aiosmtpd.controller import Controller

    class Taking:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802
            return "250 taken"

    Controller(Taking(), hostname="127.0.0.1", port=port).start()
    while True:
        time.sleep(60)
