"""Shared by the benchmarks: a PostgreSQL database, and an SMTP server in a process of its own."""

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
    """Set up Django with a new database, which is dropped at the end."""
    import psycopg

    name = f"paraph_bench_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(POSTGRES, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}".encode())
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
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def mail_server() -> Iterator[int]:
    """Run an SMTP server that accepts every message. Yields its port."""
    with socket.create_server(("127.0.0.1", 0)) as unused:
        port = unused.getsockname()[1]
    server = multiprocessing.get_context("spawn").Process(target=_serve, args=(port,), daemon=True)
    server.start()
    # Wait until it listens.
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

    class AcceptEverything:
        async def handle_DATA(self, server: object, session: object, envelope: object) -> str:  # noqa: N802 (aiosmtpd calls it)
            return "250 OK"

    Controller(AcceptEverything(), hostname="127.0.0.1", port=port).start()
    while True:
        time.sleep(60)
