"""`Idempotency-Key` on POST: the same request sent twice has one effect and one response.

The row of a key is written in the transaction of the effect, so that either both exist or neither.
A second request that arrives while the first is running waits for the unique key (PostgreSQL) or
for the write lock (SQLite), and then gets the stored response.
"""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial, wraps

from django.db import OperationalError, connection, transaction
from psycopg.errors import LockNotAvailable
from rest_framework.request import Request
from rest_framework.response import Response

from config.access.actor import Actor
from config.api.models import IdempotentAnswer
from config.api.views import ApiViewSet
from config.errors import DomainError, Invalid

KEY_LIFETIME = timedelta(hours=24)
WAIT_SECONDS = 5
REPLAYED_HEADERS = ("Location", "ETag")
HEADER = "Idempotency-Key"

_ViewMethod = Callable[..., Response]


class KeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    detail = "This Idempotency-Key was used for another request; use a new key for each new request."


class KeyInUse(DomainError):
    code = "idempotency_key_in_use"
    status = 409
    detail = "The first request with this Idempotency-Key is still running; try again in a moment."


def idempotent(method: _ViewMethod) -> _ViewMethod:
    """Decorate a method of an `ApiViewSet` so that it honors `Idempotency-Key`."""

    @wraps(method)
    def wrapper(view: ApiViewSet, request: Request, **path_parameters: str) -> Response:
        effect = partial(method, view, request, **path_parameters)
        return _run_once(request, actor=view.actor, at=view.now, effect=effect)

    wrapper.is_idempotent = True  # type: ignore[attr-defined]  # functions have no such attribute
    return wrapper


def is_idempotent(method: _ViewMethod) -> bool:
    """Whether a view method is decorated with `idempotent`."""
    return getattr(method, "is_idempotent", False)


def caller_digest(*, client: str, subject: str) -> str:
    """Who a key belongs to. The digest of JSON, because names are long and may contain any separator."""
    return hashlib.sha256(json.dumps([client, subject]).encode()).hexdigest()


def delete_stored_responses(*, before: datetime) -> int:
    """Delete the responses stored before that time, and return their number."""
    return IdempotentAnswer.objects.filter(created_at__lt=before).delete()[0]


def _run_once(request: Request, *, actor: Actor, at: datetime, effect: Callable[[], Response]) -> Response:
    """Run the effect, or return the response that the first request with this key got.

    A key belongs to a client and the user it acts for. Refusals are not stored: the transaction is
    rolled back, and the key may be used again.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return effect()
    if not 0 < len(key) <= 255 or not key.isprintable():
        raise Invalid("Idempotency-Key must be 1 to 255 printable characters.")
    fingerprint = _fingerprint(request, actor)
    client = caller_digest(client=actor.client, subject=actor.subject)
    with transaction.atomic():
        stored, is_first = _claim(client, key, fingerprint, at)
        if not is_first:
            return _replay(stored, fingerprint)
        # A crash from here on removes the claim as well, so that the client can try again.
        response = effect()
        stored.status = response.status_code
        stored.body = json.dumps(response.data)
        stored.headers = {name: response.headers[name] for name in REPLAYED_HEADERS if name in response.headers}
        stored.save(update_fields=["status", "body", "headers"])
    return response


def _replay(stored: IdempotentAnswer, fingerprint: str) -> Response:
    if stored.fingerprint != fingerprint:
        raise KeyReused
    headers = stored.headers | {"Idempotent-Replay": "true"}
    return Response(json.loads(stored.body), status=stored.status, headers=headers)


def _claim(client: str, key: str, fingerprint: str, at: datetime) -> tuple[IdempotentAnswer, bool]:
    """The row of the key, and whether this request inserted it.

    Raises `KeyInUse` after waiting for WAIT_SECONDS for another transaction's row (on PostgreSQL).
    """
    new = {"fingerprint": fingerprint, "created_at": at}
    _set_lock_timeout(f"'{WAIT_SECONDS}s'")
    try:
        IdempotentAnswer.objects.filter(client=client, key=key, created_at__lt=at - KEY_LIFETIME).delete()
        claim = IdempotentAnswer.objects.get_or_create(client=client, key=key, defaults=new)
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            raise KeyInUse from None
        raise
    # Only here: after an error PostgreSQL accepts no statement, and the rollback resets the timeout.
    _set_lock_timeout("DEFAULT")
    return claim


def _set_lock_timeout(timeout: str) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {timeout}")


def _fingerprint(request: Request, actor: Actor) -> str:
    """A digest of the request and of the caller's rights: a caller who has lost a right gets no stored response."""
    caller = [sorted(actor.groups), sorted(actor.rights), actor.person, actor.narrowed, actor.own]
    content = [request.method, request.get_full_path(), request.data, caller]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
