"""The shared cache. Values are stored as JSON, because unpickling would run the code of whoever writes to Redis."""

import json
from pathlib import Path


class JsonSerializer:
    def dumps(self, value: object) -> int | bytes:
        """Integers are stored as they are, so that Redis can increment them."""
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        return json.dumps(value).encode()

    def loads(self, stored: bytes) -> object:
        return json.loads(stored)


def cache_settings(url: str, *, folder: Path) -> dict[str, object]:
    """The settings of a cache in Redis, or in files of this folder without a URL."""
    if not url:
        backend = "django.core.cache.backends.filebased.FileBasedCache"
        return {"BACKEND": backend, "LOCATION": str(folder), "OPTIONS": {"MAX_ENTRIES": 2000}}
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "paraph",
        "OPTIONS": {
            "serializer": "config.cache.JsonSerializer",
            "socket_connect_timeout": 0.5,
            "socket_timeout": 1,
        },
    }
