"""Fixtures for all tests, and `--services`: tests that need PostgreSQL and Redis run with it, and only then."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from config.access.models import User
from notifications.models import Message
from tests.builders import client_user, token_of
from tests.people import ILZE


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--services", action="store_true", help="also run what needs PostgreSQL and Redis")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--services"):
        return
    left_out = [item for item in items if item.get_closest_marker("services")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


class Api:
    """A REST client with a token: `api.post("/api/processes", {...})` answers Django's response."""

    def __init__(self, user: User | None, **headers: str) -> None:
        self.user = user
        self.headers = headers | ({"Authorization": f"Token {token_of(user)}"} if user else {})
        self._client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, data: Any = None, **headers: str) -> HttpResponse:
        content = data if isinstance(data, (str, bytes)) else "" if data is None else json.dumps(data)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._client.generic(method, path, content, "application/json", headers=self.headers | names)

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, data, **headers)

    def put(self, path: str, data: Any, **headers: str) -> HttpResponse:
        return self.call("PUT", path, data, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.call("DELETE", path, **headers)


@pytest.fixture
def api(db: None) -> Api:
    """Ilze's client: she is the initiator of what the builders make."""
    return Api(client_user(ILZE))


@pytest.fixture
def api_of(db: None) -> Callable[..., Api]:
    """`api_of("portal", rights=["on_behalf"])`: the client of another user."""
    return lambda name, **granted: Api(client_user(name, **granted))


@pytest.fixture
def nobody(db: None) -> Api:
    return Api(None)


class Outbox:
    """What was written to the outbox, in order."""

    def __init__(self, **only: Any) -> None:
        self.only = only

    def __iter__(self) -> Iterator[Message]:
        return iter(Message.objects.filter(**self.only).order_by("pk"))

    def of(self, event: str, *, status: str | None = None) -> list[Message]:
        return [m for m in self if m.event == event and status in (None, m.status)]

    def addressees(self, event: str, *, status: str | None = "QUEUED") -> list[str]:
        return sorted(message.address for message in self.of(event, status=status))


@pytest.fixture
def outbox(db: None) -> Outbox:
    return Outbox()


BOOKKEEPING = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture
def queries() -> Callable[[], Any]:
    """`with queries() as made:` and then `made()`: statements but for those that only mark transactions."""

    class Counted(CaptureQueriesContext):
        def __call__(self) -> int:
            return len(self.statements)

        @property
        def statements(self) -> list[str]:
            return [q["sql"] for q in self.captured_queries if not q["sql"].upper().startswith(BOOKKEEPING)]

    return lambda: Counted(connection)
