"""How many mails may go out a minute, counted over all workers in the shared cache."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

WINDOW_SECONDS = 60
logger = logging.getLogger(__name__)


def granted(wanted: int) -> int:
    """How many of these mails may go out now; the rest waits for the next minute."""
    limit = settings.EMAIL_RATE_PER_MINUTE
    if not limit or not wanted:
        return wanted
    key = _key()
    try:
        cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
        taken = cache.incr(key, wanted)
        grant = max(0, min(wanted, limit - (taken - wanted)))
        if grant < wanted:
            cache.decr(key, wanted - grant)
        return grant
    except (RedisError, OSError, ValueError):
        logger.warning("mails are not counted: the cache does not answer")
        return wanted


def given_back(count: int) -> None:
    """So many of the mails that were counted were not tried after all."""
    if not (settings.EMAIL_RATE_PER_MINUTE and count):
        return
    try:
        if (counted := cache.decr(_key(), count)) < 0:
            cache.incr(_key(), -counted)
    except (RedisError, OSError, ValueError):
        logger.warning("mails are not counted: the cache does not answer")


def _key() -> str:
    return f"mails:{int(time.time()) // WINDOW_SECONDS}"
