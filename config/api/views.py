"""The view that every endpoint of ours is: one caller, strict JSON, problem bodies, no caching."""

import uuid
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config.access.actor import Actor
from config.access.resolver import actor_for
from config.api import conditional, idempotency, limits
from config.errors import DomainError, Fault, Invalid, NotFound


class LengthRequired(DomainError):
    """A body whose length is not known beforehand would be read as none at all."""

    code = "length_required"
    status = 411
    detail = "Send the body with a Content-Length; chunked bodies are not taken."


class JsonAlone(BaseContentNegotiation):
    """Bodies are JSON, answers are JSON, whatever the caller says it accepts."""

    def select_parser(self, request: Request, parsers: Any) -> Any:
        kind = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == kind), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class ApiViewSet(ViewSet):
    """`self.actor` is the caller, `self.now` the moment of the request.

    What only `reads` sees one state of the database; every POST that changes something honours
    `Idempotency-Key`; `self.expected` holds what `If-Match` asks for.
    """

    content_negotiation_class = JsonAlone
    reads = frozenset({"list", "retrieve", "search"})
    request: Request
    post: Callable[..., Response]

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    @cached_property
    def actor(self) -> Actor:
        return actor_for(self.request)

    def body(self, shape: Any) -> dict[str, Any]:
        """The request's body by a serializer's names, only the keys that were sent."""
        if not isinstance(self.request.data, dict):
            raise Invalid("The body is a JSON object, in braces.", [Fault("This is no object.", pointer="#")])
        serializer = shape(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    @property
    def change(self) -> dict[str, Any]:
        """What every action is told about the request."""
        return {"actor": self.actor, "at": self.now, "expected": self.expected}

    @property
    def expected(self) -> frozenset[str] | None:
        return conditional.expected(self.request.headers)

    def get_authenticate_header(self, request: Request) -> str:
        """Every way in that has a name, for 401s; the session has none, but is not nothing."""
        names = [way.authenticate_header(request) for way in self.get_authenticators()]
        return ", ".join(name for name in names if name) or "Session"

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        limits.count_client(self.actor.client)
        if "Transfer-Encoding" in request.headers and not request.META.get("CONTENT_LENGTH"):
            raise LengthRequired
        if self.action in self.reads:
            method = str(request.method).lower()
            setattr(self, method, partial(_in_one_snapshot, getattr(self, method)))
        elif request.method == "POST" and self.action:
            self.post = partial(self._once, self.post)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)

    def _once(self, effect: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        return idempotency.once(self.request, actor=self.actor, at=self.now, effect=lambda: effect(*args, **kwargs))


def identifier(text: str) -> uuid.UUID:
    """The id in a path; what cannot be an id names nothing."""
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def tag(version: int) -> dict[str, str]:
    """The `ETag` header of an answer."""
    return {"ETag": conditional.etag(version)}


def not_modified(version: int) -> Response:
    return Response(status=304, headers=tag(version))


def _in_one_snapshot(read: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
    """Rows of several tables as of one moment, so that an answer never contradicts itself or its ETag."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        return read(*args, **kwargs)
