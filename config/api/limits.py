"""How many requests a client and an address may make: fixed windows of a minute, counted in the shared cache."""

import hashlib
import logging
import time
from collections.abc import Callable

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from redis.exceptions import RedisError

from config.access.resolver import client_address
from config.api.problems import CONTENT_TYPE, problem
from config.errors import DomainError

WINDOW_SECONDS = 60
logger = logging.getLogger(__name__)


class TooManyRequests(DomainError):
    """`wait` is in seconds, for `Retry-After`."""

    code = "too_many_requests"
    status = 429

    def __init__(self, much: str, wait: int) -> None:
        super().__init__(f"{much}; try again in {wait} seconds.")
        self.wait = wait


class CountAddresses:
    """Middleware: counts every request by its address, before anybody is recognised, but those of the health check."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.path_info.startswith("/health/"):
            return self.get_response(request)
        try:
            _count("address", client_address(request) or "unknown", settings.REQUESTS_PER_ADDRESS)
        except TooManyRequests as refusal:
            return _refused(request, refusal)
        return self.get_response(request)


def _refused(request: HttpRequest, refusal: TooManyRequests) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        body = problem(refusal, request.path)
        answer: HttpResponse = JsonResponse(body, status=refusal.status, content_type=CONTENT_TYPE)
    else:
        answer = HttpResponse(refusal.detail, status=refusal.status, content_type="text/plain; charset=utf-8")
    answer.headers["Retry-After"] = str(refusal.wait)
    return answer


def count_client(name: str) -> None:
    """One more request of this client; `TooManyRequests` beyond its limit."""
    _count("client", name, settings.REQUESTS_PER_CLIENT)


def count_test_email(name: str) -> None:
    """One more test mail of this client; `TooManyRequests` beyond what it may send an hour."""
    _count("test mail", name, settings.TEST_EMAILS_PER_HOUR, what="test mails an hour", seconds=3600)


def _count(kind: str, who: str, limit: int, *, what: str = "requests a minute", seconds: int = WINDOW_SECONDS) -> None:
    if not limit:
        return
    window, passed = divmod(int(time.time()), seconds)
    key = f"requests:{kind}:{window}:{hashlib.sha256(who.encode(errors='replace')).hexdigest()}".replace(" ", "-")
    try:
        cache.add(key, 0, timeout=2 * seconds)
        made = cache.incr(key)
    except (RedisError, OSError, ValueError):
        # Better a request too many than none at all because the counter is away.
        logger.warning("requests are not counted: the cache does not answer")
        return
    if made > limit:
        raise TooManyRequests(f"More than {limit} {what}", seconds - passed)
