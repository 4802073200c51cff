"""Bearer JWTs of an identity provider (RFC 7519, keys by JWKS), for callers that need no `User` row here.

Settings fix the issuer, audience, algorithms and JWKS URL, and the claims with the client, the subject, its groups,
rights and person. Nothing in a token decides how the token is verified.
"""

import json
import time
from functools import cache

import jwt
from django.conf import settings
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.access.actor import Actor, TokenCaller
from config.api_values import JsonObject
from config.errors import DomainError
from config.personal_codes import person_key
from config.text import is_storable
from config.vocabulary import LONGEST_NAME, Right

CLOCK_SKEW_SECONDS = 30
KEY_CACHE_SECONDS = 300
# Some firewalls refuse the default of Python's library.
USER_AGENT = f"Paraph/{settings.SPECTACULAR_SETTINGS['VERSION']}"
RETRY_AFTER_SECONDS = 5

# Until when each JWKS URL is not tried again, on the monotonic clock.
_unavailable_until: dict[str, float] = {}


class IdentityProviderUnavailable(DomainError):
    """The identity provider's keys cannot be fetched, so that none of its tokens can be verified."""

    code = "identity_provider_away"
    status = 503
    detail = "The identity provider is unavailable. Please try again."


class BearerAuthentication(BaseAuthentication):
    """`Authorization: Bearer <JWT>`."""

    def authenticate(self, request: Request) -> tuple[TokenCaller, Actor] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise AuthenticationFailed("The header must be 'Authorization: Bearer <token>'.")
        return TokenCaller(), _actor(_verified_claims(words[1]))

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = BearerAuthentication
    name = "bearer"

    def get_security_definition(self, auto_schema: object) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}


class KeyClient(jwt.PyJWKClient):
    """Fetches the provider's keys when first needed, and caches them for some minutes.

    A provider with a single key need not name it (RFC 7517, section 4.5): neither in the key set nor in tokens.
    """

    def get_signing_keys(self, refresh: bool = False) -> list[jwt.PyJWK]:
        """The keys for signatures, with and without names."""
        keys = [key for key in self.get_jwk_set(refresh).keys if key.public_key_use in ("sig", None)]
        if not keys:
            raise jwt.PyJWKClientError("The key set contains no signing keys.")
        return keys

    @staticmethod
    def match_kid(signing_keys: list[jwt.PyJWK], kid: str | None) -> jwt.PyJWK | None:
        """The key of this name. If the token or the key has no name, the key must be the only one."""
        if len(signing_keys) == 1 and (kid is None or signing_keys[0].key_id is None):
            return signing_keys[0]
        if kid is None:
            return None
        return jwt.PyJWKClient.match_kid(signing_keys, kid)


@cache
def jwks_client(url: str) -> KeyClient:
    """The client of this URL, shared by all requests."""
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json"}
    return KeyClient(url, cache_jwk_set=True, lifespan=KEY_CACHE_SECONDS, timeout=5, headers=headers)


def _verified_claims(token: bytes) -> JsonObject:
    try:
        # Before a key is fetched, so that a token with another algorithm costs no request to the provider.
        if jwt.get_unverified_header(token).get("alg") not in settings.JWT_ALGORITHMS:
            raise jwt.InvalidAlgorithmError
        return jwt.decode(
            token,
            _signing_key(token).key,
            algorithms=settings.JWT_ALGORITHMS,
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            leeway=CLOCK_SKEW_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except (jwt.PyJWTError, ValueError, TypeError) as exc:
        raise AuthenticationFailed(f"The bearer token is invalid ({type(exc).__name__}).") from None


def _signing_key(token: bytes) -> jwt.PyJWK:
    """The provider's key for this token. An unavailable provider is not tried again for some seconds."""
    url = settings.JWT_JWKS_URL
    if time.monotonic() < _unavailable_until.get(url, 0):
        raise IdentityProviderUnavailable
    try:
        return jwks_client(url).get_signing_key_from_jwt(token)
    except (jwt.PyJWKClientConnectionError, jwt.PyJWKSetError, json.JSONDecodeError) as exc:
        _unavailable_until[url] = time.monotonic() + RETRY_AFTER_SECONDS
        raise IdentityProviderUnavailable from exc


def _actor(claims: JsonObject) -> Actor:
    paths = settings.JWT_CLAIMS
    subject = _name(_claim(claims, paths["subject"]))
    rights = _list(claims, paths["rights"])
    return Actor(
        client=_name(_claim(claims, paths["client"]) or subject),
        subject=subject,
        groups=frozenset(_name(group) for group in _list(claims, paths["groups"])),
        rights=frozenset(right for right in Right.values if right in rights),
        person=person_key(_text(claims, paths["country"]), _text(claims, paths["code"])),
    )


def _claim(claims: JsonObject, path: str) -> object:
    """A claim by its name or its path (`realm_access.roles`); None if it is missing.

    Names may contain dots themselves, as in `resource_access.portal.example.org.roles`: the longest matching name is
    used.
    """
    if path in claims:
        return claims[path]
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        nested = claims.get(".".join(parts[:length]))
        if isinstance(nested, dict):
            value = _claim(nested, ".".join(parts[length:]))
            if value is not None:
                return value
    return None


def _list(claims: JsonObject, path: str) -> list[object]:
    """The items of a claim that is a list or a space-separated text."""
    value = _claim(claims, path)
    if isinstance(value, str):
        return list(value.split())
    if isinstance(value, list):
        return value
    return []


def _text(claims: JsonObject, path: str) -> str | None:
    value = _claim(claims, path)
    if isinstance(value, str) and is_storable(value):
        return value
    return None


def _name(value: object) -> str:
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_NAME or not is_storable(value):
        raise AuthenticationFailed(f"The token's client, subject and groups must have 1 to {LONGEST_NAME} characters.")
    return value
