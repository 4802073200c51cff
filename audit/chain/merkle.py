"""Merkle trees as in RFC 6962, built from a stream of leaves. Pure."""

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes. Memory grows with the height of the tree, not with the number of leaves."""
    # Complete subtrees from left to right, each with its height. Two of the same height are joined at once.
    subtrees: list[tuple[int, bytes]] = []
    for leaf in hashes:
        height = 0
        node = leaf
        while subtrees and subtrees[-1][0] == height:
            _, left = subtrees.pop()
            node = _node(left, node)
            height += 1
        subtrees.append((height, node))
    if not subtrees:
        return hashlib.sha256(b"").digest()
    # The remaining subtrees are joined from right to left.
    _, node = subtrees.pop()
    while subtrees:
        _, left = subtrees.pop()
        node = _node(left, node)
    return node


def audit_path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """The sibling hashes from the leaf up to the root."""
    if len(hashes) == 1:
        return []
    half = 1 << (len(hashes) - 1).bit_length() - 1
    left = hashes[:half]
    right = hashes[half:]
    if index < half:
        return [*audit_path(left, index), root(right)]
    return [*audit_path(right, index - half), root(left)]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
