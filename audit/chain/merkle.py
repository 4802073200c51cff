"""Merkle trees as in RFC 6962, over leaves that come one by one. Pure."""

import hashlib
from collections.abc import Iterable, Sequence


def leaf_hash(content: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + content).digest()


def root(hashes: Iterable[bytes]) -> bytes:
    """The root over these leaf hashes; as much memory as the tree is high."""
    tops: list[tuple[int, bytes]] = []  # whole subtrees, each as high as it says
    for leaf in hashes:
        tops.append((0, leaf))
        while len(tops) > 1 and tops[-1][0] == tops[-2][0]:
            (height, left), (_, right) = tops[-2:]
            tops[-2:] = [(height + 1, _node(left, right))]
    if not tops:
        return hashlib.sha256(b"").digest()
    _, made = tops.pop()
    while tops:
        made = _node(tops.pop()[1], made)
    return made


def path(hashes: Sequence[bytes], index: int) -> list[bytes]:
    """What a leaf is to be joined with to come to the root, from the leaf upwards."""
    if len(hashes) == 1:
        return []
    half = 1 << (len(hashes) - 1).bit_length() - 1
    if index < half:
        return [*path(hashes[:half], index), root(hashes[half:])]
    return [*path(hashes[half:], index - half), root(hashes[:half])]


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
