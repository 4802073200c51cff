"""The base of all API views: the caller, strict JSON, limits, problem bodies, no caching."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import TypedDict

from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer
from rest_framework.viewsets import ViewSet

from config.access.actor import Actor
from config.access.resolver import actor_for
from config.api import conditional, limits
from config.api.raw_text import require_storable
from config.api.renderers import AnyTextJSONRenderer
from config.api_values import Body
from config.errors import Fault, Invalid, NotFound


class JsonOnly(BaseContentNegotiation):
    """Requests and responses are JSON, regardless of `Accept`."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = (request.content_type or "").partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(
        self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        renderer = next(iter(renderers))
        return renderer, renderer.media_type


class ActionKwargs(TypedDict):
    actor: Actor
    at: datetime
    expected: frozenset[str] | None


class ApiViewSet(ViewSet):
    """`self.actor` is the caller, `self.now` the time of the request, `self.expected` the entity tags of `If-Match`."""

    content_negotiation_class = JsonOnly
    renderer_classes = (AnyTextJSONRenderer,)
    request: Request

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    @cached_property
    def actor(self) -> Actor:
        return actor_for(self.request)

    @property
    def expected(self) -> frozenset[str] | None:
        return conditional.expected(self.request.headers)

    @property
    def action_kwargs(self) -> ActionKwargs:
        """The arguments that every action takes from the request."""
        return {"actor": self.actor, "at": self.now, "expected": self.expected}

    def body(self, serializer_class: type[Serializer]) -> Body:
        """The validated body: values by column, only for the keys that were sent."""
        if not isinstance(self.request.data, dict):
            raise Invalid("The body must be a JSON object.", [Fault("Must be a JSON object.", pointer="#")])
        serializer = serializer_class(data=self.request.data)
        serializer.is_valid(raise_exception=True)
        return dict(serializer.validated_data)

    def get_authenticate_header(self, request: Request) -> str:
        """The schemes of all configured authenticators; never empty, because REST framework then answers 403."""
        schemes = [authenticator.authenticate_header(request) for authenticator in self.get_authenticators()]
        return ", ".join(scheme for scheme in schemes if scheme) or "Session"

    def initial(self, request: Request, *args: object, **kwargs: object) -> None:
        super().initial(request, *args, **kwargs)
        limits.count_client(self.actor.client)
        require_storable(request)

    def finalize_response(self, request: Request, response: Response, *args: object, **kwargs: object) -> Response:
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)


def parse_id(text: str) -> uuid.UUID:
    """The id in a URL or a body; `NotFound` if it is not a UUID.

    `Invalid` if it has characters beyond ASCII: Python reads other digits as well, for example Arabic ones.
    """
    if not text.isascii():
        raise Invalid("An ID must consist of ASCII characters.")
    try:
        return uuid.UUID(text)
    except ValueError:
        raise NotFound from None


def tag(version: int) -> dict[str, str]:
    """The `ETag` header of a response."""
    return {"ETag": conditional.etag(version)}


def not_modified(version: int) -> Response:
    return Response(status=304, headers=tag(version))
