"""How many requests a client and an address may make: fixed windows of a minute, counted in the shared cache."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from config.errors import DomainError

WINDOW_SECONDS = 60
logger = logging.getLogger(__name__)


class TooManyRequests(DomainError):
    """`wait` is in seconds, for `Retry-After`."""

    code = "too_many_requests"
    status = 429

    def __init__(self, limit: int, wait: int) -> None:
        super().__init__(f"More than {limit} requests a minute; try again in {wait} seconds.")
        self.wait = wait


def count_client(name: str) -> None:
    """One more request of this client; `TooManyRequests` beyond its limit."""
    _count("client", name, settings.REQUESTS_PER_CLIENT)


def count_address(address: str | None) -> None:
    """One more request from this address; `TooManyRequests` beyond its limit."""
    _count("address", address or "unknown", settings.REQUESTS_PER_ADDRESS)


def _count(kind: str, who: str, limit: int) -> None:
    if not limit:
        return
    window, passed = divmod(int(time.time()), WINDOW_SECONDS)
    key = f"requests:{kind}:{window}:{who.encode().hex()[:180]}"
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        made = cache.incr(key)
    except (RedisError, OSError, ValueError):
        # Better a request too many than none at all because the counter is away.
        logger.warning("requests are not counted: the cache does not answer")
        return
    if made > limit:
        raise TooManyRequests(limit, WINDOW_SECONDS - passed)
