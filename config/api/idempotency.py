"""`Idempotency-Key` on POST: the same request sent twice has one effect and one answer.

The key's row is written in the transaction of the effect, so that either both are there or
neither. A second request that comes while the first runs waits on the unique key (PostgreSQL) or
for the write lock (SQLite) and then replays.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from django.db import OperationalError, connection, transaction
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.actor import Actor
from config.api.models import IdempotentAnswer
from config.errors import DomainError, Invalid

KEPT = timedelta(hours=24)
WAIT_SECONDS = 5
REPLAYED_HEADERS = ("Location", "ETag")
HEADER = "Idempotency-Key"


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    detail = "This Idempotency-Key was used for another request; use a new key for each new request."


class StillRunning(DomainError):
    code = "idempotency_key_in_use"
    status = 409
    detail = "The first request with this Idempotency-Key is still running; try again in a moment."


class IdempotentView(Protocol):
    """What `idempotent` needs to know about the view."""

    request: Request

    @property
    def actor(self) -> Actor: ...

    @property
    def now(self) -> datetime: ...


View = TypeVar("View", bound=IdempotentView)
Args = ParamSpec("Args")


def idempotent(
    handler: Callable[Concatenate[View, Args], Response],
) -> Callable[Concatenate[View, Args], Response]:
    """Honour `Idempotency-Key` in a view method: the same request sent twice has one effect and one response."""

    @wraps(handler)
    def once(view: View, /, *args: Args.args, **kwargs: Args.kwargs) -> Response:
        return _once(view.request, actor=view.actor, at=view.now, effect=partial(handler, view, *args, **kwargs))

    once.is_idempotent = True  # type: ignore[attr-defined]
    return once


def is_idempotent(handler: Callable[..., Response]) -> bool:
    """Whether a view method has the decorator."""
    return getattr(handler, "is_idempotent", False)


def _once(request: Request, *, actor: Actor, at: datetime, effect: Callable[[], Response]) -> Response:
    """The effect's answer, or the answer that this key's first request got.

    A key belongs to a client and whom it acts for, and its answer to what that caller was granted then.
    Refusals are not remembered: they leave no row, and the key may be used again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return effect()
    if not 0 < len(key) <= 255 or not key.isprintable():
        raise Invalid("Idempotency-Key is 1 to 255 printable characters.")
    fingerprint = _fingerprint(request, actor)
    client = f"{actor.client}\n{actor.subject}"
    with transaction.atomic():
        answer, first = _claim(client, key, fingerprint, at)
        if not first:
            if answer.fingerprint != fingerprint:
                raise KeyReused
            replayed = {**answer.headers, "Idempotent-Replay": "true"}
            return Response(json.loads(answer.body), status=answer.status, headers=replayed)
        response = effect()
        answer.status = response.status_code
        answer.body = json.dumps(response.data)
        answer.headers = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
        answer.save(update_fields=["status", "body", "headers"])
    return response


def forget(before: datetime) -> int:
    """Delete the answers made before that moment; how many there were."""
    return IdempotentAnswer.objects.filter(created_at__lt=before).delete()[0]


def _claim(client: str, key: str, fingerprint: str, at: datetime) -> tuple[IdempotentAnswer, bool]:
    with _BoundedWait():
        IdempotentAnswer.objects.filter(client=client, key=key, created_at__lt=at - KEPT).delete()
        return IdempotentAnswer.objects.get_or_create(
            client=client, key=key, defaults={"fingerprint": fingerprint, "created_at": at}
        )


class _BoundedWait:
    """Turn a wait on PostgreSQL for another transaction's row of more than WAIT_SECONDS into StillRunning."""

    def __enter__(self) -> None:
        self._set(f"'{WAIT_SECONDS}s'")

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if isinstance(error, OperationalError):
            if getattr(error.__cause__, "sqlstate", None) == "55P03":
                raise StillRunning from None
            return
        if error is None:
            self._set("DEFAULT")

    def _set(self, timeout: str) -> None:
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL lock_timeout = {timeout}")


def _fingerprint(request: Request, actor: Actor) -> str:
    granted = [sorted(actor.groups), sorted(actor.rights), actor.person, actor.narrowed, actor.own]
    asked = [request.method, request.get_full_path(), request.data, granted]
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
