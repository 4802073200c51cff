#!/usr/bin/env python3
"""Verifies the evidence bundle of one process offline: its manifest, its chain of events and its checkpoint.

This script needs Python 3.11 or later and the package `cryptography`, but no network and no files except those of the
bundle. It exits with 0 if the evidence is valid, with 1 and the reason if it is not, and with 2 if it cannot run. Two
things cannot be verified offline: the `mac` of the events, because its key is secret, and, without `--key`, who owns
the key that signed the bundle.
"""

import argparse
import hashlib
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

try:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
except ImportError:
    print("This script needs the Python package 'cryptography' (python -m pip install cryptography).", file=sys.stderr)
    sys.exit(2)

_Json = dict[str, Any]

_LISTED_FILES = {
    *("process.json", "events.json", "checkpoint.json", "public_key.txt"),
    *("certificate.pdf", "README.txt", "verify.py"),
}
# The fields of an event that its digest covers, in the order of the canonical form.
_HASHED_FIELDS = (
    *("seq", "prev", "number", "id", "createdAt", "eventType", "source", "eventOrigin", "clientAppName", "documentId"),
    *("signerId", "containerId", "method", "requestId", "reportedId", "reportedAt"),
)
# The keys of each file; others are refused.
_KEYS = {
    "manifest.json": {"format", "database", "processId", "madeAt", "files"},
    "events.json": {"format", "processId", "events"},
    "checkpoint.json": {"statement", "signature", "leaf", "index", "path"},
}
_EVENT_FIELDS = {*_HASHED_FIELDS, "processId", "mac", "keyId", "commitments", "values"}
# The events by which signers act.
_ACTS = {"SIGNER_SIGNED", "SIGNER_DECLINED", "APPROVER_APPROVED", "APPROVER_DECLINED", "PROCESS_OPENED"}
_UNKNOWN_KEY = "The public key proves nothing unless you know its fingerprint from another source, such as a letter."


class Broken(Exception):
    """The bundle is not valid. The message states what is wrong and where."""


def check(files: dict[str, bytes]) -> tuple[list[_Json], _Json]:
    """Verify the whole bundle. Returns its events and the statement of its checkpoint."""
    try:
        return _check(files)
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        raise Broken(f"the bundle is malformed ({type(error).__name__}: {error})") from None


def sha256(*parts: bytes) -> bytes:
    """The hash of the concatenated parts."""
    return hashlib.sha256(b"".join(parts)).digest()


def _check(files: dict[str, bytes]) -> tuple[list[_Json], _Json]:
    # The manifest is signed and contains the hashes of all other files, so it comes first.
    key = _hex_file(files, "public_key.txt", 64)
    message = b"paraph manifest 1\n" + files["manifest.json"]
    _check_signature("manifest.json", key, _hex_file(files, "manifest.sig", 128), message)
    manifest = _parse_file(files, "manifest.json")
    _require(manifest["files"].keys() == _LISTED_FILES, "manifest.json: the list of files is incomplete")
    for name, digest in manifest["files"].items():
        _require(sha256(files[name]).hex() == digest, f"{name}: the SHA-256 hash differs from the manifest")

    # All files are about the same process of the same database.
    content = _parse_file(files, "events.json")
    checkpoint = _parse_file(files, "checkpoint.json")
    events = content["events"]
    leaf = checkpoint["leaf"]
    statement = checkpoint["statement"]
    process_id = manifest["processId"]
    _require(manifest["format"] == content["format"] == 1, "the format of the bundle must be 1")
    for name, parsed in (("manifest.json", manifest), ("events.json", content), ("checkpoint.json", checkpoint)):
        _require(parsed.keys() == _KEYS[name], f"{name}: missing or unknown keys")
    _require(_parse_file(files, "process.json")["id"] == process_id, "process.json: 'id' differs from the manifest")
    _require(content["processId"] == process_id, "events.json: 'processId' differs from the manifest")
    _require(leaf["processId"] == process_id, "checkpoint.json: 'leaf' is about another process")
    _require(statement["database"] == manifest["database"], "checkpoint.json: 'database' differs from the manifest")

    # The events lead to the leaf, and the leaf to the root that the service has signed.
    _require(len(events) > 0, "events.json: there are no events")
    for event in events:
        _check_event(event, process_id)
    _check_erasures(events)
    _check_chain(events, leaf)
    _check_inclusion(leaf, checkpoint["index"], checkpoint["path"], statement["size"], statement["root"])
    message = b"paraph checkpoint 1\n" + _canonical(statement)
    _check_signature("checkpoint.json", key, bytes.fromhex(checkpoint["signature"]), message)
    _require(statement["key"] == sha256(key).hex(), "checkpoint.json: 'key' is not the fingerprint of public_key.txt")
    return events, statement


def _require(condition: bool, problem: str) -> None:
    if not condition:
        raise Broken(problem)


def _canonical(value: object) -> bytes:
    """JSON in the only form that is hashed or signed."""
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def _parse_file(files: dict[str, bytes], name: str) -> _Json:
    parsed = json.loads(files[name].decode(), object_pairs_hook=_unique_keys)
    _require(type(parsed) is dict, f"{name}: the content must be a JSON object")
    return parsed


def _unique_keys(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse repeated keys, which other programs might read differently."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("repeated key in a JSON object")
    return dict(pairs)


def _hex_file(files: dict[str, bytes], name: str, length: int) -> bytes:
    digits = files[name].decode("ascii", "replace")
    well_formed = re.fullmatch(f"[0-9a-f]{{{length}}}", digits) is not None
    _require(well_formed, f"{name}: the content must be {length} lowercase hex digits")
    return bytes.fromhex(digits)


def _check_signature(name: str, key: bytes, signature: bytes, message: bytes) -> None:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (ValueError, InvalidSignature):
        raise Broken(f"{name}: the signature does not match the key in public_key.txt") from None


def _label(event: _Json) -> str:
    return f"events.json: event {event['seq']} ({event['eventType']})"


def _check_event(event: _Json, process_id: str) -> None:
    """Check the fields of one event, and its values against its commitments."""
    _require(event.keys() == _EVENT_FIELDS, "events.json: an event has missing or unknown fields")
    _require(event["processId"] == process_id, f"{_label(event)} is about another process")
    for part, value in event["values"].items():
        _require(value.keys() == {"salt", "value"}, f"{_label(event)} has a malformed value '{part}'")
        digest = sha256(b"paraph value 1\n", bytes.fromhex(value["salt"]), value["value"].encode()).hex()
        problem = f"{_label(event)} does not match its value '{part}'"
        _require(event["commitments"].get(part) == digest, problem)


def _check_erasures(events: list[_Json]) -> None:
    """Check that each missing value was erased: the part `erased` of an event lists its event number and its part."""
    erased = set()
    for event in events:
        if "erased" in event["values"]:
            erased |= {(number, part) for number, part in json.loads(event["values"]["erased"]["value"])}
    for event in events:
        for part in sorted(event["commitments"].keys() - event["values"].keys()):
            problem = f"{_label(event)} has no value '{part}', and no event lists it as erased"
            _require((event["number"], part) in erased, problem)


def _check_chain(events: list[_Json], leaf: _Json) -> None:
    """Check that the events follow one another without a gap, from the first one to the one in the leaf."""
    for seq, event in enumerate(events, start=1):
        _require(event["seq"] == seq, f"{_label(event)} is at the position of event {seq}")
    _require(events[0]["prev"] == "0" * 64, f"{_label(events[0])} is not the first event of its chain")
    for event, following in pairwise(events):
        problem = f"{_label(event)} does not match the digest in event {following['seq']}"
        _require(_digest(event) == following["prev"], problem)
    problem = f"{_label(events[-1])} is not the last event in the leaf of checkpoint.json"
    _require(events[-1]["seq"] == leaf["seq"] and _digest(events[-1]) == leaf["digest"], problem)


def _digest(event: _Json) -> str:
    fields = [event[name] for name in _HASHED_FIELDS]
    commitments = sorted(event["commitments"].items())
    return sha256(_canonical(["paraph event 1", event["processId"], *fields, commitments, event["keyId"]])).hex()


def _check_inclusion(leaf: _Json, index: int, path: list[str], size: int, root: str) -> None:
    """Check that the leaf is in the tree with this root (RFC 9162, section 2.1.3.2)."""
    _require(0 <= index < size, "checkpoint.json: 'index' is outside the tree")
    node = sha256(b"\x00", _canonical([leaf["processId"], leaf["seq"], leaf["digest"]]))
    last = size - 1
    for sibling in path:
        _require(last > 0, "checkpoint.json: 'path' is too long for the tree")
        if index % 2 == 1 or index == last:
            node = sha256(b"\x01", bytes.fromhex(sibling), node)
            # At these levels, the node is the last one and has no sibling.
            while index % 2 == 0 and index > 0:
                index //= 2
                last //= 2
        else:
            node = sha256(b"\x01", node, bytes.fromhex(sibling))
        index //= 2
        last //= 2
    problem = "checkpoint.json: 'path' does not lead from the leaf to the root in the statement"
    _require(last == 0 and node.hex() == root, problem)


def _process_lines(files: dict[str, bytes]) -> list[str]:
    """What the bundle says about the process: its status, and who did what, when."""
    manifest = _parse_file(files, "manifest.json")
    process = _parse_file(files, "process.json")
    lines = [f"Created:      {manifest['madeAt']}; a later bundle of this process may contain more events"]
    lines.append(f"Status:       {process['status']}")
    acted_at = {}
    for event in _parse_file(files, "events.json")["events"]:
        if event["source"] == "SERVICE" and event["eventType"] in _ACTS and "before" in event["commitments"]:
            acted_at[event["signerId"]] = event["createdAt"]
    for signer in process["signers"]:
        act = f"{signer['signerRole']} {signer['signingStatus']} {acted_at.get(signer['id'], '')}".rstrip()
        lines.append(f"Signer:       {signer['signerName'] or '-'}: {act}")
    return lines


def _summary(events: list[_Json], statement: _Json) -> list[str]:
    documents = {event["documentId"] for event in events} - {""}
    commitments = sum(len(event["commitments"]) for event in events)
    values = sum(len(event["values"]) for event in events)
    return [
        "The evidence is valid.",
        f"Process:      {events[0]['processId']}",
        f"Document:     {', '.join(sorted(documents))}",
        f"Events:       {len(events)}",
        f"First event:  {events[0]['createdAt']}  {events[0]['eventType']}",
        f"Last event:   {events[-1]['createdAt']}  {events[-1]['eventType']}",
        f"Erased:       {commitments - values} of {commitments} values",
        f"Checkpoint:   number {statement['number']}, {statement['at']}",
        f"Public key:   fingerprint {statement['key']}",
    ]


def _event_line(event: _Json) -> str:
    texts = [event["createdAt"], event["eventType"]]
    if event["source"] != "SERVICE":
        texts.append(f"reported by {event['values'].get('reportedBy', {}).get('value', '(erased)')}:")
    for part in ("creator", "note"):
        if part in event["values"]:
            texts.append(event["values"][part]["value"][:80])
    return "  ".join(texts)


def _printable(line: str) -> str:
    """Replace what could disturb a terminal: line ends, control characters, changes of direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def main() -> int:
    parser = argparse.ArgumentParser(description="Verify the evidence bundle of one process, offline.")
    here = Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=here, help="the bundle (default: this script's folder)")
    parser.add_argument("--key", metavar="FINGERPRINT", help="the fingerprint of the public key, from another source")
    parser.add_argument("--events", action="store_true", help="list the events")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]

    try:
        files = {
            name: (options.folder / name).read_bytes()
            for name in sorted(_LISTED_FILES | {"manifest.json", "manifest.sig"})
        }
        events, statement = check(files)
        if options.key is not None:
            same = re.sub("[ :]", "", options.key).lower() == statement["key"]
            _require(same, f"public_key.txt: its fingerprint is {statement['key']}, not the one given")
        lines = _summary(events, statement) + _process_lines(files)
        others = {path.name for path in options.folder.iterdir()} - files.keys()
    except (Broken, OSError) as error:
        print(_printable(f"The evidence is not valid: {error}"), file=sys.stderr)
        return 1

    lines.append(_UNKNOWN_KEY if options.key is None else "The fingerprint of the public key matches the one given.")
    if options.events:
        lines += [_event_line(event) for event in events]
    lines += [f"Note: {name} is not part of the evidence." for name in sorted(others)]
    for line in lines:
        print(_printable(line))
    return 0


if __name__ == "__main__":
    sys.exit(main())
