"""Merkle trees as in RFC 6962. Pure."""

import hashlib
from collections.abc import Sequence


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over these leaf hashes."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    half = _left_half(hashes)
    return _node(root(hashes[:half]), root(hashes[half:]))


def audit_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from the leaf up to the root."""
    if len(hashes) == 1:
        return []
    half = _left_half(hashes)
    if index < half:
        return [*audit_path(hashes[:half], index), root(hashes[half:])]
    return [*audit_path(hashes[half:], index - half), root(hashes[:half])]


def _left_half(hashes: Sequence[bytes]) -> int:
    """The number of leaves in the left subtree: the largest power of two below the number of all leaves."""
    return 1 << (len(hashes) - 1).bit_length() - 1


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
