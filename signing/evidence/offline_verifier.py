#!/usr/bin/env python3
"""Checks the evidence bundle of one process offline: its manifest, its chain of events and its checkpoint.

This script owns the whole check. It needs Python 3.11 or newer and the package `cryptography`, no network and no file
but the bundle's. It ends with 0 if everything holds, with 1 and one line that says what does not, with 2 if it cannot
run. It cannot check the `mac` of the events (its key is secret) nor, without `--key`, whose key the bundle's key is.
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
    print("This check needs the Python package 'cryptography' (python -m pip install cryptography).", file=sys.stderr)
    sys.exit(2)

Json = dict[str, Any]

HEX32, HEX64, HEX128 = "[0-9a-f]{32}", "[0-9a-f]{64}", "[0-9a-f]{128}"
UUID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})?"
EACH = "*"

UNKNOWN_KEY = (
    "The bundle's own public key proves nothing unless its fingerprint is known from elsewhere, "
    "for example from the organisation's web site or from a letter."
)

NAMING = {"manifest.json", "manifest.sig"}
PAPERS = {"certificate.pdf", "README.txt", "verify.py"}
NAMED = PAPERS | {"public_key.txt", "process.json", "events.json", "checkpoint.json"}

# CHAINED has the order of the canonical event.
CHAINED: Json = {"seq": int, "prev": HEX64, "number": int, "id": UUID, "createdAt": TIME, "eventType": str}
CHAINED |= {"source": str, "eventOrigin": str, "clientAppName": str, "documentId": str, "signerId": str}
CHAINED |= {"containerId": str, "method": str, "requestId": str, "reportedId": str, "reportedAt": f"({TIME})?"}
EVENT = CHAINED | {"mac": HEX64, "keyId": str, "processId": str}
EVENT |= {"commitments": {EACH: HEX64}, "values": {EACH: {"salt": HEX32, "value": str}}}
LEAF = {"processId": str, "seq": int, "digest": HEX64}
STATEMENT = {"database": UUID, "number": int, "at": TIME, "upTo": int, "size": int}
STATEMENT |= {"root": HEX64, "previous": HEX64, "key": HEX64}
MANIFEST = {"format": int, "database": UUID, "processId": str, "madeAt": TIME, "files": dict.fromkeys(NAMED, HEX64)}
EVENTS = {"format": int, "processId": str, "events": [EVENT]}
CHECKPOINT = {"statement": STATEMENT, "signature": HEX128, "leaf": LEAF, "index": int, "path": [HEX64]}


class Broken(Exception):
    """Something in the bundle does not hold; the text says what and where."""


def need(holds: bool, complaint: str) -> None:
    """Refuses the bundle with the complaint unless the condition holds."""
    if not holds:
        raise Broken(complaint)


def fit(where: str, x: Any, rule: Any) -> None:
    """Refuses what is not as its rule says: an object with exactly these keys, a list, a pattern or the exact type."""
    if isinstance(rule, dict):
        need(type(x) is dict, f"{where}: this is not a JSON object")
        rules = dict.fromkeys(x, rule[EACH]) if EACH in rule else rule
        for key in sorted(x.keys() ^ rules.keys()):
            raise Broken(f"{where}: '{key}' {'is missing' if key in rules else 'does not belong here'}")
        for key in x:
            fit(f"{where}: {key}", x[key], rules[key])
    elif isinstance(rule, list):
        need(type(x) is list, f"{where}: this is not a JSON array")
        for place, each in enumerate(x, 1):
            fit(f"{where} {place}", each, rule[0])
    elif isinstance(rule, str):
        need(type(x) is str and re.fullmatch(rule, x) is not None, f"{where}: this is not of the right form")
    else:
        need(type(x) is rule, f"{where}: this is not of the right type")
        need(rule is not int or 0 <= x < 2**63, f"{where}: this number is out of range")


def canonical(x: Any) -> bytes:
    """Writes JSON in the one form that is hashed and signed."""
    return json.dumps(x, ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True).encode()


def unique(pairs: list[tuple[str, Any]]) -> Json:
    """Makes an object of the pairs unless a key comes twice."""
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key comes twice in one object")
    return dict(pairs)


def parsed(files: dict[str, bytes], name: str, rule: Any) -> Any:
    """Reads strict JSON that is as the rule says: UTF-8, no key twice, no NaN or infinity, no lone surrogate."""
    try:
        x = json.loads(files[name].decode(), object_pairs_hook=unique)
        canonical(x)
    except (ValueError, RecursionError) as error:
        raise Broken(f"{name}: this is not proper JSON ({error})") from None
    fit(name, x, rule)
    return x


def sha256(*parts: bytes) -> bytes:
    """Hashes the parts in a row."""
    return hashlib.sha256(b"".join(parts)).digest()


def bare_hex(files: dict[str, bytes], name: str, rule: str) -> bytes:
    """Returns the bytes that a file spells in hex digits, if it holds nothing else."""
    digits = files[name].decode("ascii", "replace")
    fit(name, digits, rule)
    return bytes.fromhex(digits)


def check_signature(name: str, key: bytes, signature: bytes, message: bytes) -> None:
    """Refuses a signature that the key has not made over the message."""
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (ValueError, InvalidSignature):
        raise Broken(f"{name}: the signature of its content is not by the key in public_key.txt") from None


def check_manifest(files: dict[str, bytes], key: bytes) -> Json:
    """Checks the manifest's signature and that it names exactly the files of the bundle, each with its hash."""
    signature, message = bare_hex(files, "manifest.sig", HEX128), b"paraph manifest 1\n" + files["manifest.json"]
    check_signature("manifest.json", key, signature, message)
    manifest: Json = parsed(files, "manifest.json", MANIFEST)
    for name, digest in manifest["files"].items():
        need(sha256(files[name]).hex() == digest, f"{name}: this is not the file that the manifest names (SHA-256)")
    return manifest


def named(event: Json) -> str:
    """Names an event in a complaint."""
    return f"event {event['seq']} ({event['eventType']})"


def digest_of(event: Json) -> str:
    """Computes the digest of an event."""
    fields, parts = [event[key] for key in CHAINED], sorted(event["commitments"].items())
    return sha256(canonical(["paraph event 1", event["processId"], *fields, parts, event["keyId"]])).hex()


def check_chain(events: list[Json], leaf: Json) -> None:
    """Checks that the events follow one another without a gap from the first to the one that the leaf names."""
    for place, event in enumerate(events, 1):
        need(event["seq"] == place, f"events.json: {named(event)} stands where event {place} belongs")
    need(events[0]["prev"] == "0" * 64, f"events.json: {named(events[0])} follows another, so it is not the first")
    for event, after in pairwise(events):
        complaint = f"events.json: {named(event)} is not the one that event {after['seq']} follows"
        need(digest_of(event) == after["prev"], complaint)
    last = events[-1]
    complaint = f"events.json: {named(last)} is not the one that the checkpoint's leaf has as the last"
    need((last["seq"], digest_of(last)) == (leaf["seq"], leaf["digest"]), complaint)


def check_erased(events: list[Json]) -> None:
    """Checks that what is missing of the values was erased: an event's part 'erased' names each, with its number."""
    erased: set[tuple[Any, ...]] = set()
    for event in events:
        if "erased" in event["values"]:
            pairs = parsed({"erased": event["values"]["erased"]["value"].encode()}, "erased", list)
            erased |= {tuple(pair) for pair in pairs if type(pair) is list and len(pair) == 2}
    for event in events:
        for part in sorted(event["commitments"].keys() - event["values"].keys()):
            complaint = f"events.json: {named(event)} lacks its value '{part}', and no erasure says so"
            need((event["number"], part) in erased, complaint)


def check_inclusion(leaf: Json, index: int, path: list[str], size: int, root: str) -> None:
    """Checks that the leaf is in the tree with this root, as RFC 9162, 2.1.3.2 lays down."""
    need(index < size, "checkpoint.json: 'index' is beyond the size of the tree")
    node, end = sha256(b"\x00", canonical([leaf["processId"], leaf["seq"], leaf["digest"]])), size - 1
    for sibling in map(bytes.fromhex, path):
        need(end > 0, "checkpoint.json: 'path' is too long for the tree")
        if index % 2 or index == end:
            node = sha256(b"\x01", sibling, node)
            while index and index % 2 == 0:
                index, end = index // 2, end // 2
        else:
            node = sha256(b"\x01", node, sibling)
        index, end = index // 2, end // 2
    complaint = "checkpoint.json: 'index' and 'path' do not lead from the leaf to the statement's 'root'"
    need(end == 0 and node.hex() == root, complaint)


def check(files: dict[str, bytes]) -> tuple[list[Json], Json]:
    """Checks the whole bundle and returns its events and its checkpoint's statement."""
    key = bare_hex(files, "public_key.txt", HEX64)
    manifest = check_manifest(files, key)
    process: Json = parsed(files, "process.json", dict)
    content: Json = parsed(files, "events.json", EVENTS)
    checkpoint: Json = parsed(files, "checkpoint.json", CHECKPOINT)
    events, statement, leaf = content["events"], checkpoint["statement"], checkpoint["leaf"]
    need(manifest["format"] == content["format"] == 1, "manifest.json, events.json: this script knows format 1 only")
    need(events != [], "events.json: there are no events")

    process_id = manifest["processId"]
    need(process.get("id") == process_id, "process.json: 'id' is not the manifest's process")
    need(content["processId"] == process_id, "events.json: 'processId' is not the manifest's process")
    for event in events:
        need(event["processId"] == process_id, f"events.json: {named(event)} is not of the manifest's process")
    need(leaf["processId"] == process_id, "checkpoint.json: 'leaf' is not of the manifest's process")
    need(statement["database"] == manifest["database"], "checkpoint.json: 'database' is not the manifest's")

    for event in events:
        for part, value in event["values"].items():
            made = sha256(b"paraph value 1\n", bytes.fromhex(value["salt"]), value["value"].encode()).hex()
            complaint = f"events.json: {named(event)} does not commit to its value '{part}'"
            need(made == event["commitments"].get(part), complaint)
    check_erased(events)
    check_chain(events, leaf)
    check_inclusion(leaf, checkpoint["index"], checkpoint["path"], statement["size"], statement["root"])
    message = b"paraph checkpoint 1\n" + canonical(statement)
    check_signature("checkpoint.json", key, bytes.fromhex(checkpoint["signature"]), message)
    fits = statement["key"] == sha256(key).hex()
    need(fits, "checkpoint.json: statement: 'key' is not the fingerprint of the key in public_key.txt")
    return events, statement


def read(folder: Path) -> dict[str, bytes]:
    """Reads every file of the bundle once."""
    for name in sorted(NAMING | NAMED):
        need((folder / name).is_file(), f"{name}: there is no such file in {folder}")
    return {name: (folder / name).read_bytes() for name in NAMING | NAMED}


def report(events: list[Json], statement: Json, key_asked: bool, listed: bool) -> list[str]:
    """Says in a few lines what the evidence is about, then one line per event if these are wanted."""
    commitments, values = (sum(len(event[key]) for event in events) for key in ("commitments", "values"))
    lines = [
        "The evidence holds.",
        f"Process:      {events[0]['processId']}",
        *(f"Document:     {document}" for document in sorted({event["documentId"] for event in events} - {""})),
        f"Events:       {len(events)}",
        f"First event:  {events[0]['createdAt']}  {events[0]['eventType']}",
        f"Last event:   {events[-1]['createdAt']}  {events[-1]['eventType']}",
        f"Erased:       {commitments - values} of {commitments} values",
        f"Checkpoint:   number {statement['number']} of {statement['at']}",
        f"Public key:   fingerprint {statement['key']}",
        "The bundle's public key is the one that was asked for." if key_asked else UNKNOWN_KEY,
    ]
    for event in events if listed else []:
        creator, note = (event["values"].get(part, {}).get("value", "") for part in ("creator", "note"))
        lines.append("  ".join(filter(None, [event["createdAt"], event["eventType"], creator, note[:80]])))
    return lines


def plain(line: str) -> str:
    """Replaces what could disturb a terminal: line ends, control characters, changes of direction."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in line)


def main() -> int:
    """Checks the folder that the command line names and reports."""
    parser = argparse.ArgumentParser(description="Check the evidence bundle of one process, offline.")
    here = Path(__file__).parent
    parser.add_argument("folder", nargs="?", type=Path, default=here, help="the bundle (default: this script's folder)")
    parser.add_argument("--key", metavar="FINGERPRINT", help="the public key's fingerprint, known from elsewhere")
    parser.add_argument("--events", action="store_true", help="list the events, too")
    options = parser.parse_args()
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        events, statement = check(read(options.folder))
        asked = options.key is None or re.sub("[ :]", "", options.key).lower() == statement["key"]
        need(asked, f"public_key.txt: the key's fingerprint is {statement['key']}, not the one asked for")
        others = sorted({path.name for path in options.folder.iterdir()} - NAMING - NAMED)
    except (Broken, OSError) as error:
        print(plain(f"The evidence does not hold: {error}"), file=sys.stderr)
        return 1
    lines = report(events, statement, options.key is not None, options.events)
    lines += [f"Note: not part of the evidence: {name}" for name in others]
    print("\n".join(map(plain, lines)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
