"""Fixtures for all tests, and `--services`: tests that need PostgreSQL and Redis run with it, and only then."""

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.db import connection
from django.db.models.signals import post_save
from django.dispatch import receiver
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from audit.chain import triggers
from config.access.models import User
from notifications.models import Message
from tests.builders import client_user, token_of
from tests.people import ILZE, SECRETS


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--services", action="store_true", help="also run what needs PostgreSQL and Redis")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--services"):
        return
    left_out = [item for item in items if item.get_closest_marker("services")]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


class Canaries(logging.Handler):
    """Collects log lines, which must not contain personal codes and addresses of the cast, or tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter("%(name)s %(message)s %(exc_text)s"))
        self.heard: list[str] = []
        self.tokens: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if record.name != "mail.log":  # the tests' own mail server
            self.heard.append(self.format(record))

    def found_in(self, text: str) -> list[str]:
        return [secret for secret in (*SECRETS, *self.tokens) if secret in text]


CANARIES = Canaries()


@receiver(post_save, sender=LogEntry)
def overhear_the_admins_log(instance: LogEntry, **kwargs: Any) -> None:
    CANARIES.heard.append(f"{instance.object_repr} {instance.change_message}")


@pytest.fixture(autouse=True)
def no_secret_is_logged() -> Iterator[None]:
    """No test may write a personal code, an email address or a token to a log or to the admin log."""
    CANARIES.heard.clear()
    logging.getLogger().addHandler(CANARIES)
    yield
    logging.getLogger().removeHandler(CANARIES)
    assert not CANARIES.found_in("\n".join(CANARIES.heard))


@pytest.fixture(autouse=True)
def no_limits(settings: Any) -> None:
    """Tests send more requests than clients do. Tests of the limits set their own."""
    settings.REQUESTS_PER_CLIENT = settings.REQUESTS_PER_ADDRESS = settings.TEST_EMAILS_PER_HOUR = 0
    settings.LOGINS_PER_ADDRESS = 0
    settings.EMAILS_PER_ADDRESS_PER_HOUR = settings.EMAILS_PER_CLIENT_PER_HOUR = 0


@pytest.fixture(autouse=True)
def checkpoints_of_its_own(settings: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Each test has a checkpoint file of its own, because a file is not rolled back."""
    settings.AUDIT_CHECKPOINT_FILE = tmp_path_factory.mktemp("evidence") / "checkpoints.jsonl"


class Api:
    """A REST client with a token: `api.post("/api/processes", {...})` returns Django's response."""

    def __init__(self, user: User | None, **headers: str) -> None:
        self.user = user
        token = token_of(user) if user else ""
        self.headers = headers | ({"Authorization": f"Token {token}"} if token else {})
        CANARIES.tokens |= {token} - {""}
        self._client = Client(raise_request_exception=False)

    def call(self, method: str, path: str, data: Any = None, **headers: str) -> HttpResponse:
        content = data if isinstance(data, (str, bytes)) else "" if data is None else json.dumps(data)
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        answer = self._client.generic(method, path, content, "application/json", headers=self.headers | names)
        if answer.headers.get("Content-Type") == "application/problem+json":
            assert not CANARIES.found_in(answer.content.decode())
        return answer

    def get(self, path: str, **headers: str) -> HttpResponse:
        return self.call("GET", path, **headers)

    def post(self, path: str, data: Any = None, **headers: str) -> HttpResponse:
        return self.call("POST", path, data, **headers)

    def put(self, path: str, data: Any, **headers: str) -> HttpResponse:
        return self.call("PUT", path, data, **headers)

    def delete(self, path: str, **headers: str) -> HttpResponse:
        return self.call("DELETE", path, **headers)


@pytest.fixture(autouse=True)
def emptied_afterwards(request: pytest.FixtureRequest) -> Iterator[None]:
    """Tests with real transactions empty their tables; the triggers of the audit trail are removed for that."""
    marker = request.node.get_closest_marker("django_db")
    if marker is None or not marker.kwargs.get("transaction"):
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    triggers.remove()


@pytest.fixture
def api(db: None) -> Api:
    """The API client of Ilze, the initiator of the processes that the builders make."""
    return Api(client_user(ILZE))


@pytest.fixture
def api_of(db: None) -> Callable[..., Api]:
    """`api_of("portal", rights=["on_behalf"])` is the client of another user."""
    return lambda name, **granted: Api(client_user(name, **granted))


@pytest.fixture
def nobody(db: None) -> Api:
    return Api(None)


class Outbox:
    """The messages in the outbox, oldest first."""

    def __init__(self, **only: Any) -> None:
        self.only = only

    def __iter__(self) -> Iterator[Message]:
        return iter(Message.objects.filter(**self.only).order_by("pk"))

    def of(self, event: str, *, status: str | None = None) -> list[Message]:
        return [m for m in self if m.event == event and status in (None, m.status)]

    def recipients(self, event: str, *, status: str | None = "QUEUED") -> list[str]:
        return sorted(message.address for message in self.of(event, status=status))


@pytest.fixture
def outbox(db: None) -> Outbox:
    return Outbox()


BOOKKEEPING = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK")


@pytest.fixture
def queries() -> Callable[[], Any]:
    """`with queries() as count:`, then `count()` is the number of statements without transaction control."""

    class Counted(CaptureQueriesContext):
        def __call__(self) -> int:
            return len(self.statements)

        @property
        def statements(self) -> list[str]:
            return [q["sql"] for q in self.captured_queries if not q["sql"].upper().startswith(BOOKKEEPING)]

    return lambda: Counted(connection)
