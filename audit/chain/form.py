"""What is hashed of an event, a value and a checkpoint: their canonical forms, as docs/evidence.md has them. Pure."""

import hashlib
import json
import secrets
from collections.abc import Mapping, Sequence
from typing import Any

START = "0" * 64
"""The `prev` of a chain's first event."""
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
"""The columns of an event that stand in its canonical form, in this order, after its place in the chain."""


_written = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def canonical_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def event(
    *, process_id: str, seq: int, prev: str, fields: Sequence[Any], commitments: Mapping[str, str], key_id: str
) -> bytes:
    """An event at its place; `fields` are those of `FIELDS` as the wire writes them. One that has no place yet is at 0,
    and follows nothing."""
    parts = sorted(commitments.items())
    return _written(["paraph event 1", process_id, seq, prev, *fields, parts, key_id]).encode()


def digest(canonical: bytes) -> str:
    """What the next event names as the one before it."""
    return hashlib.sha256(canonical).hexdigest()


def salt() -> str:
    return secrets.token_hex(16)


def commitment(salt: str, value: str) -> str:
    """What the chain holds of a value: says nothing of it without the salt, and fits no other."""
    return hashlib.sha256(b"paraph value 1\n" + bytes.fromhex(salt) + value.encode()).hexdigest()


def leaf(process_id: str, seq: int, digest: str) -> bytes:
    """The head of a chain, as a checkpoint's tree has it."""
    return _written([process_id, seq, digest]).encode()


def checkpoint(statement: Mapping[str, Any]) -> bytes:
    """What is signed of a checkpoint."""
    return b"paraph checkpoint 1\n" + canonical_json(statement).encode()
