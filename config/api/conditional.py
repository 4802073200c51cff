"""`ETag`, `If-Match` and `If-None-Match` (RFC 9110) over integer versions."""

from django.http.request import HttpHeaders

from config.errors import DomainError


class Stale(DomainError):
    """The caller's `If-Match` names another version than the present one; nothing was changed."""

    code = "stale"
    status = 412
    detail = "This has been changed since you read it; read it again and repeat your change."


def etag(version: int) -> str:
    return f'"{version}"'


def expected(headers: HttpHeaders) -> frozenset[str] | None:
    """The entity tags of which one must be current, from `If-Match`; None if any will do."""
    return _tags(headers.get("If-Match"))


def require(version: int, tags: frozenset[str] | None) -> None:
    """`Stale` unless the version is among the tags (strong comparison: a weak tag never is)."""
    if tags is not None and etag(version) not in tags:
        raise Stale


def unchanged(version: int, headers: HttpHeaders) -> bool:
    """Whether `If-None-Match` says that the caller already has this version (weak comparison)."""
    if "If-None-Match" not in headers:
        return False
    tags = _tags(headers["If-None-Match"])
    return tags is None or etag(version) in {tag.removeprefix("W/") for tag in tags}


def _tags(header: str | None) -> frozenset[str] | None:
    if header is None or header.strip() == "*":
        return None
    return frozenset(tag.strip() for tag in header.split(","))
