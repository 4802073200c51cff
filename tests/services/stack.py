"""The whole product: a web server, a Celery worker with beat, a new database, and an SMTP sink.

On PostgreSQL and Redis with `--services`, otherwise on SQLite with the file transport.
"""

import base64
import json
import os
import shlex
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from tests.sink import Sink

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent


@dataclass
class HttpResult:
    status: int
    headers: dict[str, str]
    body: Any


@dataclass
class Stack:
    folder: Path
    sink: Sink
    smtp_port: int
    postgres: str | None
    redis: str | None
    settings: dict[str, str] = field(default_factory=dict)
    when_stopped: Callable[[], object] | None = None

    def __post_init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self.name = f"paraph_{uuid.uuid4().hex[:10]}"
        if self.postgres:
            self._admin(f"CREATE DATABASE {self.name}")
            self.database = self.postgres.rpartition("/")[0] + f"/{self.name}"
        else:
            self.database = f"sqlite:///{self.folder / 'paraph.sqlite3'}"
        self.broker = self.redis or "filesystem://localhost/"
        self.wipe_broker()
        self.manage("migrate", "-v0")
        self.token = self.manage("create_client", "portal", "--group", "legal").split()[-1]

    @property
    def environment(self) -> dict[str, str]:
        return {
            **{name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "LANG")},
            "VAR": str(self.folder),
            "DATABASE_URL": self.database,
            "CELERY_BROKER_URL": self.broker,
            "EMAIL_URL": f"smtp://127.0.0.1:{self.smtp_port}",
            "PORTAL_URL": "https://portal.example.org/sign/{signerId}",
            "TIME_ZONE": "Europe/Riga",
            "LOG_LEVEL": "WARNING",
            **self.settings,
        }

    def manage(self, *words: str) -> str:
        command = [sys.executable, "manage.py", *words]
        result = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def start(self, *names: str) -> None:
        """Start lines of the Procfile. `worker:second` is a second process of that line, without beat."""
        lines = (ROOT / "Procfile").read_text().splitlines()
        commands = {name: shlex.split(words) for name, words in (line.split(":", 1) for line in lines)}
        for name in names:
            line, _, second = name.partition(":")
            program, *words = (word.replace("$PORT", str(self.port)) for word in commands[line])
            if second:
                words = [word for word in words if word != "-B"]
            log = (self.folder / f"{name}.log").open("ab")
            self.running[name] = subprocess.Popen(
                [str(BIN / program), *words], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        if "web" in names:
            self._wait()

    def kill(self, *names: str) -> None:
        for name in names:
            process = self.running.pop(name)
            process.send_signal(signal.SIGKILL)
            process.wait()

    def terminate(self, *names: str) -> None:
        """Stop as a supervisor does, and wait for the end."""
        for name in names:
            process = self.running.pop(name)
            process.terminate()
            process.wait(20)

    def stop(self) -> None:
        """Stop everything. A second call does nothing."""
        if self.when_stopped is None:
            return
        self.when_stopped()
        self.when_stopped = None
        for process in self.running.values():
            process.terminate()
        for process in self.running.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
        if self.postgres:
            self._admin(f"DROP DATABASE {self.name} WITH (FORCE)")

    def broker_content(self) -> str:
        """Everything in the broker, with decoded payloads."""
        assert self.redis
        connection = redis.Redis.from_url(self.redis)
        lists = [key for key in connection.scan_iter() if connection.type(key) == b"list"]
        raw = [item for key in lists for item in connection.lrange(key, 0, -1)]
        payloads = [base64.b64decode(json.loads(item)["body"]).decode() for item in raw]
        return "\n".join([*(item.decode() for item in raw), *payloads])

    def wipe_broker(self) -> None:
        if self.redis:
            redis.Redis.from_url(self.redis).flushdb()
        else:
            for file in (self.folder / "broker").glob("*.msg"):
                file.unlink()

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> HttpResult:
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Token {self.token}", "Content-Type": "application/json", **headers},
        )
        try:
            response = urllib.request.urlopen(request, timeout=30)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            raw = response.read()
            return HttpResult(response.status, dict(response.headers), json.loads(raw) if raw else None)

    def rows(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        if self.postgres:
            with psycopg.connect(self.database, autocommit=True) as connection:
                cursor = connection.execute(sql.replace("?", "%s"), values)
                return list(cursor.fetchall()) if cursor.description else []
        connection = sqlite3.connect(self.folder / "paraph.sqlite3", timeout=20)
        try:
            with connection:
                return list(connection.execute(sql, values).fetchall())
        finally:
            connection.close()

    def _admin(self, sql: str) -> None:
        assert self.postgres
        with psycopg.connect(self.postgres, autocommit=True) as connection:
            connection.execute(sql)  # type: ignore[arg-type]

    def _wait(self) -> None:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError((self.folder / "web.log").read_text())
