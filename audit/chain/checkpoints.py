"""Makes checkpoints: signed statements of how far the chains had come, in the database and as lines of a file outside.

The file is only ever appended to. What it lacks, since a process died between the two, the next checkpoint adds.
"""

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby, islice
from operator import itemgetter
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F, Max, OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce

from audit.chain import append, form, keys, merkle, reader_cursor
from audit.models import AuditDatabase, AuditEvent, AuditHead, Checkpoint, CheckpointLeaf
from config import api_values
from config.errors import DomainError
from config.vocabulary import EventType

_AT_ONCE = 1_000
_JUST_MADE = 2


class NoEvents(DomainError):
    """There is no chain of that name."""

    code = "no_events"
    status = 404
    detail = "Nothing is recorded of this process."


def make(*, at: datetime, including: str | None = None) -> Checkpoint | None:
    """Give what waits its place, and state the heads that have changed, and that of the process `including`; None where
    there is none. The file follows."""
    reached = reader_cursor.readable_up_to()
    append.give_places()
    with transaction.atomic():
        AuditDatabase.objects.select_for_update().get()
        last = Checkpoint.objects.order_by("number").last()
        up_to = _last_number() if reached is None else reached
        made = _stated(last, up_to, at, including)
    write_file()
    return made


def statement(checkpoint: Checkpoint, of: str = "") -> dict[str, Any]:
    """What a checkpoint states, as it is signed; `of` is the database's id, where it is known already."""
    return {
        "database": of or database(),
        "number": checkpoint.number,
        "at": api_values.value(checkpoint.at),
        "upTo": checkpoint.up_to,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "previous": checkpoint.previous,
        "key": checkpoint.key,
    }


def line(checkpoint: Checkpoint, of: str) -> str:
    """The checkpoint's line in the file of that database."""
    return form.canonical_json({"statement": statement(checkpoint, of), "signature": checkpoint.signature})


def database() -> str:
    """The id of this database."""
    return str(AuditDatabase.objects.get().id)


def path(leaf: CheckpointLeaf) -> list[str]:
    """The leaf's path to its checkpoint's root."""
    leaves = CheckpointLeaf.objects.filter(checkpoint=leaf.checkpoint_id).order_by("index")
    hashes = [merkle.leaf_hash(form.leaf(*values)) for values in leaves.values_list("process_id", "seq", "digest")]
    return [node.hex() for node in merkle.path(hashes, leaf.index)]


def covering(process_id: str, *, at: datetime) -> tuple[Checkpoint, CheckpointLeaf]:
    """A checkpoint of the present key that states a chain's head, with that leaf: the last one, if since then the
    process was only looked at, or a new one.

    `NoEvents` if there is no such chain.
    """
    append.give_places(process_id=process_id)
    head = AuditHead.objects.filter(process_id=process_id, seq__gt=0).first()
    if head is None:
        raise NoEvents
    leaves = CheckpointLeaf.objects.filter(process_id=process_id).select_related("checkpoint")
    last = leaves.order_by("checkpoint_id").last()
    since = AuditEvent.objects.of_process(process_id).filter(seq__gt=last.seq if last else 0)
    news = since.exclude(event_type__in=[EventType.PROCESS_GETONE, EventType.PROCESS_GETALL]).exists()
    if last is None or news or last.checkpoint.key != keys.fingerprint(keys.public()):
        make(at=at, including=process_id)
    leaf = leaves.latest("checkpoint_id")
    return leaf.checkpoint, leaf


def write_file() -> None:
    """Append those checkpoints that the file does not have yet."""
    file = settings.AUDIT_CHECKPOINT_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    here = database()
    with file.open("a+b") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        last = max((int(entry["statement"]["number"]) for entry in filed(file, here)), default=0)
        for checkpoint in Checkpoint.objects.filter(number__gt=last).order_by("number").iterator():
            torn = lines.seek(0, os.SEEK_END) and (lines.seek(-1, os.SEEK_END), lines.read(1))[1] != b"\n"
            lines.write((b"\n" if torn else b"") + line(checkpoint, here).encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())


def filed(file: Path, of: str, length: int | None = None) -> Iterator[dict[str, Any]]:
    """The file's lines of that database, as far as they can be read, up to a length of the file in bytes."""
    with file.open("rb") as lines:
        for text in lines:
            if length is not None and lines.tell() > length:
                return
            try:
                entry = json.loads(text)
                if entry["statement"]["database"] == of and type(entry["statement"]["number"]) is int:
                    yield entry
            except (ValueError, KeyError, TypeError):
                continue  # torn off when a process died; the whole line follows


def _stated(last: Checkpoint | None, up_to: int, at: datetime, including: str | None) -> Checkpoint | None:
    since = last.up_to if last else 0
    events = AuditEvent.objects.filter(number__gt=since, number__lte=up_to, seq__isnull=False)
    changed = events.order_by().values("process_id").distinct()
    wanted = Q(process_id__in=changed) | Q(process_id=including, seq__gt=0)
    heads = AuditHead.objects.filter(wanted).order_by("process_id")
    made = Checkpoint(
        number=last.number + 1 if last else 1,
        at=at,
        up_to=up_to,
        size=0,
        previous=form.digest(form.checkpoint(statement(last))) if last else form.START,
        key=keys.fingerprint(keys.public()),
    )
    made.root = merkle.root(_kept(made, heads.iterator(_AT_ONCE))).hex()
    if not made.size:
        return None
    made.signature = keys.sign(form.checkpoint(statement(made)))
    made.save(force_insert=True)
    return made


def _kept(checkpoint: Checkpoint, heads: Iterator[AuditHead]) -> Iterator[bytes]:
    """The hashes of the heads as leaves, which are kept on the way; the checkpoint's size grows with them."""
    while batch := list(islice(heads, _AT_ONCE)):
        leaves = [
            CheckpointLeaf(checkpoint=checkpoint, index=index, process_id=h.process_id, seq=h.seq, digest=h.digest)
            for index, h in enumerate(batch, start=checkpoint.size)
        ]
        CheckpointLeaf.objects.bulk_create(leaves)
        checkpoint.size += len(leaves)
        yield from (merkle.leaf_hash(form.leaf(leaf.process_id, leaf.seq, leaf.digest)) for leaf in leaves)


def _last_number() -> int:
    return AuditEvent.objects.aggregate(last=Max("number"))["last"] or 0


def checked(of: str) -> Iterator[tuple[int, str, str]]:
    """Each checkpoint's number, with what is wrong with it (its place, its signature, or its tree), and with the key
    that would be needed to check it, if the service does not know that."""
    before, previous = 0, form.START
    columns = ("checkpoint_id", "process_id", "seq", "digest")
    leaves = CheckpointLeaf.objects.order_by("checkpoint_id", "index").values_list(*columns).iterator(_AT_ONCE)
    trees = groupby(leaves, key=itemgetter(0))
    number, tree = next(trees, (0, iter(())))
    for checkpoint in Checkpoint.objects.order_by("number").iterator(_AT_ONCE):
        while tree and number and number < checkpoint.number:  # leaves of a checkpoint that is gone
            number, tree = next(trees, (0, iter(())))
        own = (leaf[1:] for leaf in tree) if number == checkpoint.number else iter(())
        stated = form.checkpoint(statement(checkpoint, of))
        unknown = "" if keys.knows(checkpoint.key) else checkpoint.key
        yield checkpoint.number, _wrong(checkpoint, stated, before, previous, own), unknown
        before, previous = checkpoint.number, form.digest(stated)


def contradicted(process_ids: list[str] | None = None) -> Iterator[CheckpointLeaf]:
    """Leaves that the chains as they stand do not agree with: the event after such a head names another, or, where
    there is none after it, the head is another."""
    after = AuditEvent.objects.order_by().filter(process_id=OuterRef("process_id"), seq=OuterRef("seq") + 1)
    head = AuditHead.objects.filter(process_id=OuterRef("process_id"), seq=OuterRef("seq"))
    known = Coalesce(Subquery(after.values("prev")[:1]), Subquery(head.values("digest")[:1]), Value(""))
    leaves = CheckpointLeaf.objects.annotate(known=known).exclude(digest=F("known"))
    if process_ids is not None:
        leaves = leaves.filter(process_id__in=process_ids)
    return leaves.order_by("process_id", "seq").iterator(_AT_ONCE)


def compared_with_file(of: str, length: int) -> Iterator[str]:
    """What the file, as long as it was, says otherwise than the database."""
    entries = filed(settings.AUDIT_CHECKPOINT_FILE, of, length)
    seen, last = 0, 0
    while batch := list(islice(entries, _AT_ONCE)):
        numbers = [entry["statement"]["number"] for entry in batch]
        ours = {row.number: line(row, of) for row in Checkpoint.objects.filter(number__in=numbers)}
        for number, entry in zip(numbers, batch, strict=True):
            seen, last = seen + (number > last), max(last, number)
            if number not in ours:
                yield f"checkpoint {number} stands in the file, and the database has none: it is older than the file"
            elif ours[number] != form.canonical_json(entry):
                yield f"checkpoint {number} is another in the file than in the database"
    if seen < Checkpoint.objects.filter(number__lte=last).count():
        yield "checkpoints of the database are missing in the middle of the file"


def beyond_file(of: str, length: int) -> int:
    """How many checkpoints the file lacks at its end, if more than the two that may just have been made."""
    last = max((entry["statement"]["number"] for entry in filed(settings.AUDIT_CHECKPOINT_FILE, of, length)), default=0)
    missing = Checkpoint.objects.filter(number__gt=last).count()
    return missing if missing > _JUST_MADE or (missing and not last) else 0


def _wrong(checkpoint: Checkpoint, stated: bytes, before: int, previous: str, leaves: Iterator[Any]) -> str:
    if checkpoint.number != before + 1:
        return f"checkpoint {before + 1}, before it, is missing"
    if keys.knows(checkpoint.key) and not keys.is_signed(stated, checkpoint.signature, key=checkpoint.key):
        return "its signature is not right"
    if checkpoint.previous != previous:
        return "it does not follow the one before it"
    try:
        root = merkle.root(merkle.leaf_hash(form.leaf(*leaf)) for leaf in leaves).hex()
    except (TypeError, ValueError):
        root = ""
    return "" if root == checkpoint.root else "its leaves are not those that were signed"
