"""The keys of the trail: secret ones that chain it, and the pair that signs checkpoints and bundles."""

import hashlib
import hmac
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings

from config.errors import DomainError


class UnknownKey(DomainError):
    """What is to be checked was made with a key that this service does not have."""

    code = "unknown_key"
    status = 503


def current() -> str:
    """The id of the key that writes."""
    return next(iter(settings.AUDIT_KEYS))


def mac(canonical: bytes, *, key_id: str) -> str:
    """HMAC-SHA-256 in hex; `UnknownKey` if there is none of that id."""
    try:
        secret = settings.AUDIT_KEYS[key_id]
    except KeyError:
        raise UnknownKey(f"The audit key '{key_id}' is not among AUDIT_KEYS.") from None
    return hmac.digest(secret.encode(), canonical, "sha256").hex()


def public() -> bytes:
    """The public key that belongs to what is signed now: 32 bytes."""
    return _signing()[0].public_key().public_bytes_raw()


def fingerprint(public_key: bytes) -> str:
    return hashlib.sha256(public_key).hexdigest()


def sign(message: bytes) -> str:
    """An Ed25519 signature in hex."""
    return _signing()[0].sign(message).hex()


def knows(fingerprint: str) -> bool:
    """Whether a public key is one of the service's, retired ones included."""
    return fingerprint in _known()


def is_signed(message: bytes, signature: str, *, key: str) -> bool:
    """Whether the key of that fingerprint, which is known, signed it."""
    try:
        _known()[key].verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def _private(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def _signing() -> list[Ed25519PrivateKey]:
    return [_private(seed) for seed in settings.AUDIT_SIGNING_KEYS]


def _known() -> dict[str, Ed25519PublicKey]:
    retired = [Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in settings.AUDIT_RETIRED_PUBLIC_KEYS]
    pairs = [*(key.public_key() for key in _signing()), *retired]
    return {fingerprint(key.public_bytes_raw()): key for key in pairs}
