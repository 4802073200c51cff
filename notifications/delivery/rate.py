"""How many messages may be sent per minute, counted over all workers in the shared cache."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


def take(count: int) -> int:
    """Count up to so many messages against the limit; returns how many may be sent in this minute."""
    limit = settings.EMAIL_RATE_PER_MINUTE
    if not limit or not count:
        return count
    key = f"mails:{int(time.time()) // 60}"
    try:
        cache.add(key, 0, timeout=120)
        total = cache.incr(key, count)
    except (RedisError, OSError, ValueError):
        logger.warning("messages are sent without a rate limit: the cache is unavailable")
        return count
    # If fewer are granted than counted, the limit is used up, and a higher count changes nothing.
    return max(0, min(count, limit - (total - count)))
