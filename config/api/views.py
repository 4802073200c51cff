"""The view that every endpoint of ours is: one caller, strict JSON, problem bodies, no caching."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Any

from django.utils import timezone
from django.utils.functional import cached_property
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from config.access.actor import Actor
from config.access.resolver import actor_for
from config.api import conditional, idempotency


class ApiViewSet(ViewSet):
    """`self.actor` is the caller, `self.now` the moment of the request.

    Every POST honours `Idempotency-Key`; `self.expected` holds what `If-Match` asks for.
    """

    request: Request
    post: Callable[..., Response]

    @cached_property
    def now(self) -> datetime:
        return timezone.now()

    @cached_property
    def actor(self) -> Actor:
        return actor_for(self.request)

    @property
    def expected(self) -> frozenset[str] | None:
        return conditional.expected(self.request.headers)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        _ = self.actor  # a bad on-whose-behalf parameter is refused before anything else
        if request.method == "POST" and self.action:
            self.post = partial(self._once, self.post)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        response.headers.setdefault("Cache-Control", "no-store")
        return super().finalize_response(request, response, *args, **kwargs)

    def _once(self, effect: Callable[..., Response], *args: Any, **kwargs: Any) -> Response:
        return idempotency.once(
            self.request, client=self.actor.client, at=self.now, effect=lambda: effect(*args, **kwargs)
        )
