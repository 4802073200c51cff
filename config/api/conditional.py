"""`ETag`, `If-Match` and `If-None-Match` (RFC 9110) for integer versions.

A proxy that compresses responses makes a weak tag of ours, or adds the encoding to it (`"3-gzip"`). Clients send that
back. It still names one version, so it matches, although RFC 9110 asks for strong comparison in `If-Match`.
"""

import re

from django.http.request import HttpHeaders
from django.utils.http import parse_etags

from config.errors import DomainError

_CHANGED_BY_PROXY = re.compile(r'(?:W/)?"(\d+)(?:(?:--?|;)(?:gzip|br|zstd|deflate))?"', re.ASCII)


class Stale(DomainError):
    """`If-Match` does not include the current version; nothing was changed."""

    code = "stale"
    status = 412
    detail = "The resource was changed after you read it; read it again and repeat your change."


def etag(version: int) -> str:
    return f'"{version}"'


def expected(headers: HttpHeaders) -> frozenset[str] | None:
    """The entity tags in `If-Match`, one of which must be current; None if any version is accepted."""
    tags = _tags(headers.get("If-Match", "*"))
    return None if tags == ["*"] else frozenset(tags)


def require(version: int, tags: frozenset[str] | None) -> None:
    """Raise `Stale` unless the version is among the tags."""
    if tags is not None and etag(version) not in tags:
        raise Stale


def unchanged(version: int, headers: HttpHeaders) -> bool:
    """Whether the caller already has this version according to `If-None-Match`."""
    tags = _tags(headers.get("If-None-Match", ""))
    return tags == ["*"] or etag(version) in tags


def _tags(header: str) -> list[str]:
    """The entity tags of a header, each as `etag` wrote it."""
    return [_CHANGED_BY_PROXY.sub(r'"\1"', tag) for tag in parse_etags(header)]
