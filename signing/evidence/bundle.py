"""The evidence of one process as a ZIP to hand over. docs/evidence.md describes its format and how it is verified.

Everything in it is made from the audit trail. `verify.py` in the ZIP shares no code with this module.
"""

import io
import json
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from audit.chain import checkpoints, form, keys
from audit.models import AuditEvent, CheckpointLeaf
from config import api_values
from config.access.actor import Actor
from config.api_values import JsonObject
from signing import represent
from signing.evidence.certificate import Certificate, draw
from signing.evidence.replay import rebuild, replay
from signing.evidence.verdict import require_verified
from signing.models import Process

_FOLDER = Path(__file__).parent
_EVENT_COLUMNS = ("seq", "prev", "mac", "key_id", "process_id", *form.FIELDS, "commitments")


def bundle(process: Process, actor: Actor, *, at: datetime) -> bytes:
    """The ZIP. It makes a checkpoint first, unless the last one contains everything that happened to this process.

    Raises `EvidenceInDoubt` if the trail is not intact or the rows of the process contradict it.
    """
    # The checkpoint comes first. What it covers does not change any more, unlike the rows.
    process_id = str(process.id)
    checkpoint, leaf = checkpoints.covering(process_id, at=at)
    require_verified(process_id, at=at)

    # The process and the certificate, both from the trail. Only the order within a step is from the rows.
    events = list(AuditEvent.objects.of_process(process_id).filter(seq__lte=leaf.seq).order_by("seq"))
    replayed = replay(events)
    positions = dict(process.signers.values_list("id", "position"))
    rebuilt, steps, signers = rebuild(process.id, replayed, positions=positions)
    certificate = Certificate(rebuilt, signers, replayed, events, leaf, at, ZoneInfo(settings.TIME_ZONE))

    # The files, and the signed manifest over them.
    readme = (_FOLDER / "README.txt").read_text()
    made_at = f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    event_objects = [_event_object(event) for event in events]
    files = {
        "process.json": _json(represent.process(rebuilt, actor, children=(steps, signers))),
        "events.json": _json_without_indent({"format": 1, "processId": process_id, "events": event_objects}),
        "checkpoint.json": _json(_checkpoint_object(leaf)),
        "public_key.txt": keys.public().hex().encode(),
        "certificate.pdf": draw(certificate),
        "verify.py": (_FOLDER / "offline_verifier.py").read_bytes(),
        "README.txt": readme.format(
            process_id=process_id, made_at=made_at, fingerprint=checkpoint.key, **_sources(events)
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
    return _zip(f"evidence-{process_id}", files, at)


def attachment(process: Process) -> dict[str, str]:
    """The response header with the name of the file."""
    return {"Content-Disposition": f'attachment; filename="evidence-{process.id}.zip"'}


def _sources(events: Iterable[AuditEvent]) -> dict[str, object]:
    """How many events the service recorded itself, and a line for each client that reported some."""
    reporters = Counter(event.reporter for event in events)
    own_events = reporters.pop("", 0)
    lines = [f"Events {name}: {count}" for name, count in sorted(reporters.items())]
    return {"own_events": own_events, "reported_events": "\n".join(lines) or "Events reported by other systems: none"}


def _event_object(event: AuditEvent) -> JsonObject:
    content = {_camel_case(column): api_values.value(getattr(event, column)) for column in _EVENT_COLUMNS}
    if event.reported_at is None:
        content["reportedAt"] = ""
    content["values"] = {row.part: {"salt": row.salt, "value": row.value} for row in event.values.all()}
    return content


def _camel_case(column: str) -> str:
    first, *others = column.split("_")
    return first + "".join(word.title() for word in others)


def _checkpoint_object(leaf: CheckpointLeaf) -> JsonObject:
    return {
        "statement": checkpoints.statement(leaf.checkpoint),
        "signature": leaf.checkpoint.signature,
        "leaf": {"processId": leaf.process_id, "seq": leaf.seq, "digest": leaf.digest},
        "index": leaf.index,
        "path": checkpoints.path(leaf),
    }


def _json(content: JsonObject) -> bytes:
    return (json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode()


def _json_without_indent(content: JsonObject) -> bytes:
    """JSON with one value on each line. An indent takes several times as long, because it is not written in C."""
    return (json.dumps(content, ensure_ascii=False, separators=(",\n", ": ")) + "\n").encode()


def _zip(folder: str, files: Mapping[str, bytes], at: datetime) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", at.astimezone(UTC).timetuple()[:6])
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED)
    return out.getvalue()
