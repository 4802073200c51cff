"""The view that every endpoint of ours is: one caller, strict JSON, problem bodies, no caching."""

import uuid
from datetime import datetime
from typing import Any

from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config.access.actor import Actor
from config.access.resolver import actor_for
from config.api import conditional, limits
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

    `self.expected` holds the entity tags of `If-Match`.
    """

    content_negotiation_class = JsonAlone
    request: Request

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
    def action_kwargs(self) -> dict[str, Any]:
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

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)


def parse_id(text: str) -> uuid.UUID:
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
