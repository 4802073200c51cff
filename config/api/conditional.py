"""`ETag`, `If-Match` and `If-None-Match` (RFC 9110) for integer versions."""

from django.http.request import HttpHeaders
from django.utils.http import parse_etags

from config.errors import DomainError


class Stale(DomainError):
    """`If-Match` does not include the current version; nothing was changed."""

    code = "stale"
    status = 412
    detail = "The resource was changed after you read it; read it again and repeat your change."


def etag(version: int) -> str:
    return f'"{version}"'


def expected(headers: HttpHeaders) -> frozenset[str] | None:
    """The entity tags in `If-Match`, one of which must be current; None if any version is accepted."""
    tags = parse_etags(headers.get("If-Match", "*"))
    return None if tags == ["*"] else frozenset(tags)


def require(version: int, tags: frozenset[str] | None) -> None:
    """Raise `Stale` unless the version is among the tags (strong comparison: weak tags never match)."""
    if tags is not None and etag(version) not in tags:
        raise Stale


def unchanged(version: int, headers: HttpHeaders) -> bool:
    """Whether the caller already has this version according to `If-None-Match` (weak comparison)."""
    tags = parse_etags(headers.get("If-None-Match", ""))
    return tags == ["*"] or etag(version) in [tag.removeprefix("W/") for tag in tags]
