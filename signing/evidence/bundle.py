"""The evidence of one process as a ZIP to hand over: see docs/evidence.md for what is in it and how it is checked.

`verify.py` in it is written apart from the code that writes, and shares nothing with it.
"""

import io
import json
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings

from audit.chain import checkpoints, form, keys
from audit.models import AuditEvent, CheckpointLeaf
from config import api_values
from config.access.actor import Actor
from config.vocabulary import EventType
from signing import represent
from signing.evidence.certificate import Facts, Line, Person, certificate
from signing.evidence.replay import require_agreement
from signing.models import Process, Signer

VERIFIER = Path(__file__).with_name("offline_verifier.py")
_EVENT = {
    "seq": "seq",
    "prev": "prev",
    "mac": "mac",
    "keyId": "key_id",
    "number": "number",
    "id": "id",
    "createdAt": "created_at",
    "eventType": "event_type",
    "source": "source",
    "eventOrigin": "event_origin",
    "clientAppName": "client_app_name",
    "processId": "process_id",
    "documentId": "document_id",
    "signerId": "signer_id",
    "containerId": "container_id",
    "method": "method",
    "requestId": "request_id",
    "reportedId": "reported_id",
    "reportedAt": "reported_at",
    "commitments": "commitments",
}
_ERASED = "(erased)"
_READ = frozenset({EventType.PROCESS_GETONE, EventType.PROCESS_GETALL})
README = """The evidence of the signing process {process_id}
made by Paraph on {made_at}

certificate.pdf   for people: who had to do what, and what happened
process.json      the process as it was when this was made
events.json       every event of it, chained: each names the one before it
checkpoint.json   a signed statement of the service that holds the chain's end, and how it leads to it
public_key.txt    the key that signed it
manifest.json     the hash of each of these files; manifest.sig is its signature
verify.py         checks all of that, without Paraph

To check it, with Python 3.11 or later and its package "cryptography", in this folder:

    python -m pip install cryptography
    python verify.py --key {fingerprint}

The fingerprint of the service's public key is

    {fingerprint}

This line proves nothing by itself: whoever made a false bundle would write a false one here. Ask the organisation for
its fingerprint in another way, and compare. The same holds for verify.py: a copy from elsewhere is worth more. Values
that were erased, since a person has a right to that, are missing from events.json; the chain holds all the same, and
an event in it says which they were.
"""


def bundle(process: Process, actor: Actor, *, at: datetime) -> bytes:
    """The ZIP. A checkpoint is made first, unless the last one holds all that has happened to this process.

    `Doubtful` where the trail is not whole, or says something else than what is kept of the process.
    """
    process_id = str(process.id)
    checkpoint, leaf = checkpoints.covering(process_id, at=at)
    events = list(AuditEvent.objects.of_process(process_id).filter(seq__lte=leaf.seq).order_by("seq"))
    signers = list(process.signers.select_related("step").order_by("step__process_order", "position"))
    require_agreement(process, list(process.steps.all()), signers, events, at=at)
    files = {
        "process.json": _json(represent.process(process, actor)),
        "events.json": _json({"format": 1, "processId": process_id, "events": [_event(event) for event in events]}),
        "checkpoint.json": _json(_checkpoint(leaf)),
        "public_key.txt": keys.public().hex().encode(),
        "certificate.pdf": certificate(_facts(process, signers, events, leaf, at)),
        "verify.py": VERIFIER.read_bytes(),
        "README.txt": README.format(
            process_id=process_id, made_at=f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC", fingerprint=checkpoint.key
        ).encode(),
    }
    manifest = {
        "format": 1,
        "database": checkpoints.statement(checkpoint)["database"],
        "processId": process_id,
        "madeAt": api_values.value(at),
        "files": {name: form.digest(content) for name, content in files.items()},
    }
    files["manifest.json"] = _json(manifest)
    files["manifest.sig"] = keys.sign(b"paraph manifest 1\n" + files["manifest.json"]).encode()
    return _zipped(f"evidence-{process_id}", files, at)


def attachment(process: Process) -> dict[str, str]:
    """The header that names the file."""
    return {"Content-Disposition": f'attachment; filename="evidence-{process.id}.zip"'}


def _event(event: AuditEvent) -> dict[str, Any]:
    row = {name: "" if value is None else value for name, value in api_values.row(event, _EVENT).items()}
    kept = {value.part: {"salt": value.salt, "value": value.value} for value in event.values.all()}
    return row | {"values": kept}


def _checkpoint(leaf: CheckpointLeaf) -> dict[str, Any]:
    return {
        "statement": checkpoints.statement(leaf.checkpoint),
        "signature": leaf.checkpoint.signature,
        "leaf": {"processId": leaf.process_id, "seq": leaf.seq, "digest": leaf.digest},
        "index": leaf.index,
        "path": checkpoints.path(leaf),
    }


def _facts(
    process: Process, signers: list[Signer], events: list[AuditEvent], leaf: CheckpointLeaf, at: datetime
) -> Facts:
    names = {str(signer.id): signer for signer in signers}
    from_where = {event.signer_id: event.ip_address for event in events if event.signer_id and event.ip_address}
    return Facts(
        process_id=str(process.id),
        document_id=process.document_id or "",
        document_name=process.document_name or "",
        status=process.status,
        initiator=process.initiator_name or process.initiator,
        created_at=process.created_at,
        ended_at=process.finished_at,
        people=[_person(signer, from_where, any(event.erased for event in events)) for signer in signers],
        lines=[_line(event, names.get(event.signer_id)) for event in events if event.event_type not in _READ],
        head_seq=leaf.seq,
        head_digest=leaf.digest,
        checkpoint_number=leaf.checkpoint.number,
        checkpoint_at=leaf.checkpoint.at,
        fingerprint=leaf.checkpoint.key,
        made_at=at,
        zone=ZoneInfo(settings.TIME_ZONE),
    )


def _person(signer: Signer, from_where: dict[str, str], erased: bool) -> Person:
    address = from_where.get(str(signer.id), "") if signer.acted else ""
    order = signer.step.process_order
    return Person(
        order, signer.name or (_ERASED if erased else ""), signer.role, signer.status, signer.acted_at, address
    )


def _line(event: AuditEvent, signer: Signer | None) -> Line:
    whom = f" for {signer.name}" if signer and signer.name else ""
    who = (
        (event.creator or _ERASED)
        + (f" by {event.client_app_name}" if event.client_app_name != event.creator else "")
        + whom
    )
    role = signer.role if signer else ""
    return Line(event.created_at, event.event_type, who, role, event.ip_address, event.note)


def _json(content: Any) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _zipped(folder: str, files: dict[str, bytes], at: datetime) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", at.astimezone(UTC).timetuple()[:6])
            entry.external_attr, entry.compress_type = 0o644 << 16, zipfile.ZIP_DEFLATED
            archive.writestr(entry, content)
    return out.getvalue()
