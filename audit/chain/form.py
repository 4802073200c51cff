"""Canonical forms: the bytes of an event, a value, a head and a checkpoint that are hashed or signed. Pure.

docs/evidence.md describes them for authors of verifiers.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence

# The columns of an event in its canonical form, in this order.
FIELDS = (
    "number",
    "id",
    "created_at",
    "event_type",
    "source",
    "event_origin",
    "client_app_name",
    "document_id",
    "signer_id",
    "container_id",
    "method",
    "request_id",
    "reported_id",
    "reported_at",
)

_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def canonical_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def canonical_event(
    process_id: str, seq: int, prev: str, fields: Sequence[object], commitments: Mapping[str, str], key_id: str
) -> bytes:
    """An event at its position. `fields` are the values of `FIELDS` as in the API, with empty text for null.

    A pending event has position 0 and an empty `prev`.
    """
    return _encode(["paraph event 1", process_id, seq, prev, *fields, sorted(commitments.items()), key_id]).encode()


def digest(canonical: bytes) -> str:
    """SHA-256 in hex. The digest of an event is the `prev` of the next one."""
    return hashlib.sha256(canonical).hexdigest()


def commitment(salt: str, value: str) -> str:
    """The hash that the chain holds instead of a value. It reveals nothing about the value without the salt."""
    return hashlib.sha256(b"paraph value 1\n" + bytes.fromhex(salt) + value.encode()).hexdigest()


def canonical_leaf(process_id: str, seq: int, digest: str) -> bytes:
    """The head of a chain as a leaf of a checkpoint's tree."""
    return _encode([process_id, seq, digest]).encode()


def canonical_checkpoint(statement: Mapping[str, object]) -> bytes:
    """The bytes that are signed."""
    return b"paraph checkpoint 1\n" + canonical_json(statement).encode()
