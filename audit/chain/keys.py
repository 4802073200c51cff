"""The keys of the audit trail: the secret keys of the chains, and the key pairs that sign checkpoints and bundles."""

import hashlib
import hmac
from functools import cache

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from django.conf import settings


def current() -> str:
    """The id of the key for new events."""
    return next(iter(settings.AUDIT_KEYS))


def mac(canonical: bytes, *, key_id: str) -> str:
    """HMAC-SHA-256 in hex. The key must be configured."""
    return hmac.digest(settings.AUDIT_KEYS[key_id].encode(), canonical, "sha256").hex()


def public() -> bytes:
    """The public key of the current signing key: 32 bytes."""
    return _signing_keys()[0].public_key().public_bytes_raw()


def fingerprint(public_key: bytes) -> str:
    return hashlib.sha256(public_key).hexdigest()


def sign(message: bytes) -> str:
    """An Ed25519 signature in hex."""
    return _signing_keys()[0].sign(message).hex()


def knows(fingerprint: str) -> bool:
    """Whether the service has this public key, current or retired."""
    return fingerprint in _public_keys()


def is_signed(message: bytes, signature: str, *, key: str) -> bool:
    """Whether the key with this fingerprint signed the message. The service must have the key."""
    try:
        _public_keys()[key].verify(bytes.fromhex(signature), message)
    except (InvalidSignature, ValueError):
        return False
    return True


@cache
def _private_key(seed: str) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(seed))


def _signing_keys() -> list[Ed25519PrivateKey]:
    return [_private_key(seed) for seed in settings.AUDIT_SIGNING_KEYS]


def _public_keys() -> dict[str, Ed25519PublicKey]:
    keys = [key.public_key() for key in _signing_keys()]
    keys += [Ed25519PublicKey.from_public_bytes(bytes.fromhex(key)) for key in settings.AUDIT_RETIRED_PUBLIC_KEYS]
    return {fingerprint(key.public_bytes_raw()): key for key in keys}
