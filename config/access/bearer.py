"""Bearer JWTs of an identity provider (RFC 7519, keys by JWKS): callers who need no user of ours.

Issuer, audience, algorithms and the JWKS address are fixed by settings, and so are the claims that hold
the client, the subject, its groups, rights and person. Nothing in a token chooses how it is checked.
"""

import json
import time
from functools import cache
from typing import Any

import jwt
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.access.actor import Actor, TokenCaller
from config.errors import DomainError
from config.text import person_key
from config.vocabulary import LONGEST_NAME, Right

CLOCK_SKEW_SECONDS = 30
KEYS_KEPT_SECONDS = 300
ASKED_AGAIN_AFTER_SECONDS = 5
_away_until: dict[str, float] = {}


class ProviderAway(DomainError):
    """The identity provider's keys cannot be fetched, so that nobody can be recognised by its tokens."""

    code = "identity_provider_away"
    status = 503
    detail = "The identity provider cannot be reached right now. Please try again."


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`."""

    def authenticate(self, request: Request) -> tuple[TokenCaller, str] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The header is 'Authorization: Bearer ' and one token.")
        return TokenCaller(_actor(_claims(words[1]))), "jwt"

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


@cache
def keys(address: str) -> jwt.PyJWKClient:
    """The provider's keys, fetched when first needed and kept for some minutes."""
    return jwt.PyJWKClient(address, cache_jwk_set=True, lifespan=KEYS_KEPT_SECONDS, timeout=5)


def _claims(token: bytes) -> dict[str, Any]:
    try:
        if jwt.get_unverified_header(token).get("alg") not in settings.JWT_ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        return jwt.decode(
            token,
            _key(token),
            algorithms=settings.JWT_ALGORITHMS,
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as exc:
        raise AuthenticationFailed(f"The bearer token is not valid ({type(exc).__name__}).") from None


def _key(token: bytes) -> Any:
    """The provider's key for this token. A provider that does not answer is not asked again for some seconds."""
    address = settings.JWT_JWKS_URL
    if time.monotonic() < _away_until.get(address, 0):
        raise ProviderAway
    try:
        return keys(address).get_signing_key_from_jwt(token).key
    except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, json.JSONDecodeError) as exc:
        _away_until[address] = time.monotonic() + ASKED_AGAIN_AFTER_SECONDS
        raise ProviderAway from exc


def _actor(claims: dict[str, Any]) -> Actor:
    named = settings.JWT_CLAIMS
    subject = _name(_claim(claims, named["subject"]))
    client = _claim(claims, named["client"])
    return Actor(
        client=_name(client) if client else subject,
        subject=subject,
        groups=frozenset(_name(group) for group in _list(claims, named["groups"])),
        rights=frozenset(r for r in _list(claims, named["rights"]) if isinstance(r, str)) & frozenset(Right.values),
        person=person_key(_text(claims, named["country"]), _text(claims, named["code"])),
    )


def _claim(claims: Any, path: str) -> Any:
    """A claim by its name, or by its path, `realm_access.roles`; None if it is not there."""
    if path in claims:
        return claims[path]
    for part in path.split("."):
        claims = claims.get(part) if isinstance(claims, dict) else None
    return claims


def _list(claims: dict[str, Any], path: str) -> list[Any]:
    value = _claim(claims, path)
    if isinstance(value, str):
        return value.split()
    return value if isinstance(value, list) else []


def _text(claims: dict[str, Any], path: str) -> str | None:
    value = _claim(claims, path)
    return value if isinstance(value, str) and _storable(value) else None


def _storable(value: str) -> bool:
    """Neither NUL nor lone surrogates, which no database keeps."""
    return "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def _name(value: Any) -> str:
    if not isinstance(value, str) or not value or len(value) > LONGEST_NAME or not _storable(value):
        raise AuthenticationFailed("The bearer token names nobody: a claim that should be a name is none.")
    return value
