"""Limits on the requests of a client and of an IP address: fixed windows, counted in the shared cache.

IPv6 addresses are counted by their /64 network.
"""

import hashlib
import logging
import time

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.utils.deprecation import MiddlewareMixin
from redis.exceptions import RedisError

from config.access.prefixes import address_prefix
from config.access.resolver import client_address
from config.api.problems import problem_response
from config.errors import DomainError

logger = logging.getLogger(__name__)


class TooManyRequests(DomainError):
    """`wait` is in seconds, for `Retry-After`."""

    code = "too_many_requests"
    status = 429

    def __init__(self, limit: str, wait: int) -> None:
        unit = "second" if wait == 1 else "seconds"
        super().__init__(f"The limit is {limit}; try again in {wait} {unit}.")
        self.wait = wait


# Forms for which a password is hashed or a code compared.
_LOGIN_PATHS = frozenset({"/admin/login/", "/admin/second-factor/", "/admin/password_change/"})


class CountAddresses(MiddlewareMixin):
    """Middleware: counts every request by IP address, before authentication. Health checks are not counted.

    Logins are counted again, with a lower limit, because hashing a password takes a third of a second.
    """

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        address = address_prefix(client_address(request) or "unknown")
        try:
            if not request.path_info.startswith("/health/"):
                _count("address", address, settings.REQUESTS_PER_ADDRESS)
            if request.method == "POST" and request.path_info in _LOGIN_PATHS:
                _count("login", address, settings.LOGINS_PER_ADDRESS, unit="logins per minute")
        except TooManyRequests as error:
            return _refuse(request, error)
        return None


def _refuse(request: HttpRequest, error: TooManyRequests) -> HttpResponse:
    if request.path_info.startswith("/api/"):
        response = problem_response(error, request)
    else:
        response = HttpResponse(error.detail, status=error.status, content_type="text/plain; charset=utf-8")
    response.headers["Retry-After"] = str(error.wait)
    return response


def count_client(name: str, *, requests: int = 1) -> None:
    """Count a request of this client; `TooManyRequests` beyond its limit per minute.

    `requests` is more than 1 for a request that stands for several.
    """
    _count("client", name, settings.REQUESTS_PER_CLIENT, amount=requests)


def count_test_email(name: str) -> None:
    """Count a test email of this client; `TooManyRequests` beyond its limit per hour."""
    _count("test-email", name, settings.TEST_EMAILS_PER_HOUR, unit="test emails per hour", seconds=3600)


def _count(
    kind: str, name: str, limit: int, *, unit: str = "requests per minute", seconds: int = 60, amount: int = 1
) -> None:
    if not (limit and amount):
        return
    window, elapsed = divmod(int(time.time()), seconds)
    # A hash, because names can be longer than a cache key and addresses do not belong in the cache.
    digest = hashlib.sha256(name.encode(errors="replace")).hexdigest()
    key = f"requests:{kind}:{window}:{digest}"
    try:
        cache.add(key, 0, timeout=2 * seconds)
        count = cache.incr(key, amount)
    except (RedisError, OSError, ValueError):
        # An outage of the cache must not become an outage of the API.
        logger.warning("requests are not counted: the cache is unavailable")
        return
    if count > limit:
        raise TooManyRequests(f"{limit} {unit}", seconds - elapsed)
