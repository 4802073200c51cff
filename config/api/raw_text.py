"""Refuses URLs and headers whose text no database can store."""

from urllib.parse import unquote_to_bytes

from django.http import HttpRequest

from config.errors import Fault, Invalid
from config.text import is_storable

# The audit trail stores the first one; the response to a request is stored under the second one.
_STORED_HEADERS = ("X-Request-ID", "Idempotency-Key")


def require_storable(request: HttpRequest) -> None:
    """Raise `Invalid` unless path and query are UTF-8, and neither they nor the stored headers contain NUL.

    A lone surrogate cannot be written in UTF-8. Django replaces invalid bytes, which would change what is requested.
    """
    faults = []
    # Django leaves bytes that are not UTF-8 percent-encoded.
    if not _is_utf8(unquote_to_bytes(request.path_info)):
        faults.append(Fault("The path must be UTF-8 without NUL.", code="not_text"))
    for pair in request.META.get("QUERY_STRING", "").split("&"):
        if not _is_utf8(unquote_to_bytes(_raw(pair))):
            name = unquote_to_bytes(_raw(pair.partition("=")[0])).decode(errors="replace").replace("\0", "")
            faults.append(Fault("Query parameters must be UTF-8 without NUL.", code="not_text", parameter=name))
    for header in _STORED_HEADERS:
        if "\0" in request.headers.get(header, ""):
            faults.append(Fault(f"The header {header} must not contain NUL.", code="not_text"))
    if faults:
        raise Invalid(faults=faults)


def _raw(text: str) -> bytes:
    """The bytes that the server received; WSGI hands them over as Latin-1."""
    return text.encode("latin-1", errors="replace")


def _is_utf8(raw: bytes) -> bool:
    try:
        return is_storable(raw.decode())
    except UnicodeDecodeError:
        return False
