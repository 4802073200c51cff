"""What a production installation must have: problems refuse the start, warnings are system checks."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

# The bounds of Django's check --deploy.
SECRET_KEY_LENGTH = 50
DISTINCT_CHARACTERS = 5
_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
_HTTPS_SETTINGS = (
    "PORTAL_URL",
    "JWT_JWKS_URL",
    "OIDC_OP_AUTHORIZATION_ENDPOINT",
    "OIDC_OP_TOKEN_ENDPOINT",
    "OIDC_OP_USER_ENDPOINT",
    "OIDC_OP_JWKS_ENDPOINT",
)


def production_problems(values: Mapping[str, Any]) -> Iterator[str]:
    """The settings that are unsafe in production. Missing ones are reported elsewhere."""
    if values["DEBUG"]:
        yield "DEBUG must be false with PRODUCTION=true."
    if "*" in values["ALLOWED_HOSTS"]:
        yield "ALLOWED_HOSTS must not contain '*' with PRODUCTION=true."
    if values["DATABASES"]["default"]["ENGINE"] == "config.sqlite":
        yield "DATABASE_URL must be the URL of a PostgreSQL database with PRODUCTION=true."
    yield from _weak_secrets(values)
    yield from _open_connections(values)


def _weak_secrets(values: Mapping[str, Any]) -> Iterator[str]:
    secret_key = values["SECRET_KEY"]
    if secret_key and (len(secret_key) < SECRET_KEY_LENGTH or _is_repetitive(secret_key)):
        yield (
            f"SECRET_KEY must be random, with {SECRET_KEY_LENGTH} or more characters, {DISTINCT_CHARACTERS} or more of"
            " them different."
        )
    for key_id, secret in values["AUDIT_KEYS"].items():
        if _is_repetitive(secret):
            yield f"AUDIT_KEYS must be random: the secret of '{key_id}' has too few different characters."
    if any(key and _is_repetitive(key) for key in values["AUDIT_SIGNING_KEYS"]):
        yield "AUDIT_SIGNING_KEYS must be random (openssl rand -hex 32)."


def _open_connections(values: Mapping[str, Any]) -> Iterator[str]:
    for name in _HTTPS_SETTINGS:
        url = values.get(name)
        if url and not _is_https(url):
            yield f"{name} must begin with https:// with PRODUCTION=true."
    backend = values["EMAIL_BACKEND"]
    if not values["EMAIL_URL"]:
        return
    if backend != "notifications.backends.smtp.EmailBackend":
        yield (
            "EMAIL_URL must be the URL of a mail server with PRODUCTION=true: smtps://, smtp+tls://, or smtp://"
            " on localhost."
        )
    elif not (values["EMAIL_USE_TLS"] or values["EMAIL_USE_SSL"] or values["EMAIL_HOST"] in _LOCAL_HOSTS):
        yield "EMAIL_URL must begin with smtps:// or smtp+tls:// with PRODUCTION=true, unless its host is localhost."


def _is_https(url: str) -> bool:
    try:
        parts = urlsplit(url.replace("{signerId}", "id"))
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)


def _is_repetitive(secret: str) -> bool:
    """Whether the secret has too few different characters to be random."""
    return len(Counter(secret)) < DISTINCT_CHARACTERS


@register
def warn_of_risks(**kwargs: object) -> list[CheckMessage]:
    """System check: settings that are allowed in production, and seldom meant."""
    if not settings.PRODUCTION:
        return []
    redirects_forever = settings.SECURE_SSL_REDIRECT and not settings.TRUSTED_PROXIES
    has_any_host = any(not host.strip(".") for host in settings.ALLOWED_HOSTS)
    risks = {
        "paraph.W001": (
            redirects_forever,
            "TRUSTED_PROXIES is 0: behind a TLS proxy, every page is redirected to itself forever.",
        ),
        "paraph.W002": (settings.AXES_FAILURE_LIMIT < 1, "LOGIN_FAILURES is below 1: logins are not limited."),
        "paraph.W003": (has_any_host, "ALLOWED_HOSTS contains an entry without a name."),
        "paraph.W004": (not settings.STAFF_SECOND_FACTOR, "STAFF_SECOND_FACTOR is false: a password is enough."),
    }
    return [Warning(message, id=name) for name, (applies, message) in risks.items() if applies]
