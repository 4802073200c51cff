"""Makes checkpoints: signed statements of the chains' heads, in the database and as lines of a file outside of it.

Lines are only ever appended to the file. A line that is missing because a process died is written together with the
next checkpoint.
"""

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from itertools import islice

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Max, Q

from audit.chain import append, form, keys, merkle, reader_cursor
from audit.chain.models import CHAIN_START, AuditDatabase, AuditHead, Checkpoint, CheckpointLeaf
from audit.models import AuditEvent
from config import api_values
from config.api_values import JsonObject
from config.errors import DomainError

# The file may lack checkpoints that were made a moment ago.
NOT_YET_IN_FILE = 2

_BATCH_SIZE = 1_000
# The end of the file that is read for its last lines, in bytes. A line has about 550.
_LENGTH_OF_END = 65_536

logger = structlog.get_logger(__name__)


class EvidenceInDoubt(DomainError):
    """There is no evidence of a process whose trail is not intact or whose rows contradict it."""

    code = "evidence_in_doubt"
    status = 409


def make(*, at: datetime, including: str | None = None) -> Checkpoint | None:
    """Append pending events, sign the heads that have changed, and add the checkpoint to the file.

    `including` is a process whose head is signed in any case. Returns None if there is no head to sign. Raises
    `EvidenceInDoubt` if the file contains later checkpoints than the database, which then is an older copy.
    """
    # The file before the database: the checkpoints in it are visible to all queries that follow.
    last_in_file = last_number_in_file(database())
    # The cursor first: events up to it are visible to all queries that follow.
    up_to = reader_cursor.readable_up_to()
    append.append_pending()
    with transaction.atomic():
        AuditDatabase.objects.select_for_update().get()
        previous = Checkpoint.objects.order_by("number").last()
        if last_in_file > (previous.number if previous else 0):
            raise EvidenceInDoubt(
                f"Checkpoint {last_in_file} is in the file but not in the database, which is an older copy."
            )
        if up_to is None:
            up_to = AuditEvent.objects.aggregate(last=Max("number"))["last"] or 0
        checkpoint = _new_checkpoint(previous, up_to, at)
        hashes = _add_leaves(checkpoint, _changed_heads(previous, up_to, including))
        if hashes:
            checkpoint.size = len(hashes)
            checkpoint.root = merkle.root(hashes).hex()
            checkpoint.signature = keys.sign(form.canonical_checkpoint(statement(checkpoint)))
            checkpoint.save(force_insert=True)
    write_file()
    return checkpoint if hashes else None


def statement(checkpoint: Checkpoint, database_id: str = "") -> JsonObject:
    """The statement that is signed. Pass the id of the database to save a query."""
    return {
        "database": database_id or database(),
        "number": checkpoint.number,
        "at": api_values.value(checkpoint.at),
        "upTo": checkpoint.up_to,
        "size": checkpoint.size,
        "root": checkpoint.root,
        "previous": checkpoint.previous,
        "key": checkpoint.key,
    }


def line(checkpoint: Checkpoint, database_id: str) -> str:
    """The line of this checkpoint in the file."""
    return form.canonical_json({"statement": statement(checkpoint, database_id), "signature": checkpoint.signature})


def database() -> str:
    """The id of this database."""
    return str(AuditDatabase.objects.get().id)


def path(leaf: CheckpointLeaf) -> list[str]:
    """The audit path from the leaf to the root of its checkpoint."""
    leaves = CheckpointLeaf.objects.filter(checkpoint=leaf.checkpoint_id).order_by("index")
    hashes = [head_hash(*values) for values in leaves.values_list("process_id", "seq", "digest")]
    return [node.hex() for node in merkle.audit_path(hashes, leaf.index)]


def head_hash(process_id: str, seq: int, digest: str) -> bytes:
    return merkle.leaf_hash(form.canonical_leaf(process_id, seq, digest))


def covering(process_id: str, *, at: datetime) -> tuple[Checkpoint, CheckpointLeaf]:
    """A checkpoint by the current key that covers the events of a process, with the leaf of its chain.

    The last checkpoint is used if the process was only read since; otherwise a new one is made. `EvidenceInDoubt` if
    the process has no chain, or the database is older than the checkpoint file.
    """
    append.append_pending(process_id=process_id)
    if not AuditHead.objects.filter(process_id=process_id, seq__gt=0).exists():
        raise EvidenceInDoubt("The evidence of this process is in doubt: it has no audit trail.")
    leaves = CheckpointLeaf.objects.filter(process_id=process_id).select_related("checkpoint")
    leaf = leaves.order_by("checkpoint_id").last()
    if leaf is None or leaf.checkpoint.key != keys.fingerprint(keys.public()) or _has_changed(process_id, leaf.seq):
        make(at=at, including=process_id)
        leaf = leaves.latest("checkpoint_id")
    return leaf.checkpoint, leaf


def write_file(*, new_file: bool = False) -> None:
    """Add the checkpoints that are missing at the end of the file.

    A file that was emptied or removed is not filled again, because that would hide its loss: until `new_file` starts
    it again, `verify` reports that checkpoints are missing from it.
    """
    path = settings.AUDIT_CHECKPOINT_FILE
    path.parent.mkdir(parents=True, exist_ok=True)
    database_id = database()
    with path.open("a+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        last = last_number_in_file(database_id)
        if not last and not new_file and Checkpoint.objects.count() > NOT_YET_IN_FILE:
            logger.error("the checkpoint file was emptied or removed", file=path.name)
            return
        for checkpoint in Checkpoint.objects.filter(number__gt=last).order_by("number").iterator():
            # An incomplete last line must not swallow the new one.
            if file.seek(0, os.SEEK_END):
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line(checkpoint, database_id).encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def file_size() -> int | None:
    """The size of the file in bytes; None if it does not exist."""
    file = settings.AUDIT_CHECKPOINT_FILE
    return file.stat().st_size if file.exists() else None


def last_number_in_file(database_id: str) -> int:
    """The number of the last checkpoint of this database in the file; 0 if there is none."""
    return max((entry["statement"]["number"] for entry in last_entries(database_id)), default=0)


def last_entries(database_id: str, up_to: int | None = None) -> list[JsonObject]:
    """The last lines of this database in the file, optionally within its first bytes: about a hundred of them."""
    size = file_size()
    if size is None:
        return []
    if up_to is not None:
        size = min(size, up_to)
    with settings.AUDIT_CHECKPOINT_FILE.open("rb") as file:
        # Lines of other databases, or of nothing, may follow: then the part that is read grows.
        length = _LENGTH_OF_END
        while True:
            file.seek(max(size - length, 0))
            lines = file.read(min(size, length)).splitlines()
            entries = list(_entries(lines, database_id))
            if entries or length >= size:
                return entries
            length *= 8


def file_entries(database_id: str, up_to: int | None = None) -> Iterator[JsonObject]:
    """The lines of this database in the file, optionally only those within its first bytes."""
    with settings.AUDIT_CHECKPOINT_FILE.open("rb") as lines:
        for text in lines:
            if up_to is not None and lines.tell() > up_to:
                return
            yield from _entries([text], database_id)


def _entries(lines: Iterable[bytes], database_id: str) -> Iterator[JsonObject]:
    for text in lines:
        # A line is incomplete if a process died. It is repeated after that.
        with suppress(ValueError, KeyError, TypeError):
            entry = json.loads(text)
            statement = entry["statement"]
            if statement["database"] == database_id and type(statement["number"]) is int:
                yield entry


def _new_checkpoint(previous: Checkpoint | None, up_to: int, at: datetime) -> Checkpoint:
    checkpoint = Checkpoint(number=1, at=at, up_to=up_to, previous=CHAIN_START, key=keys.fingerprint(keys.public()))
    if previous is not None:
        checkpoint.number = previous.number + 1
        checkpoint.previous = form.digest(form.canonical_checkpoint(statement(previous)))
    return checkpoint


def _changed_heads(previous: Checkpoint | None, up_to: int, including: str | None) -> Iterator[AuditHead]:
    events = AuditEvent.objects.filter(number__lte=up_to, seq__isnull=False)
    if previous is not None:
        events = events.filter(number__gt=previous.up_to)
    changed = events.order_by().values("process_id").distinct()
    heads = AuditHead.objects.filter(Q(process_id__in=changed) | Q(process_id=including, seq__gt=0))
    return heads.order_by("process_id").iterator(_BATCH_SIZE)


def _add_leaves(checkpoint: Checkpoint, heads: Iterator[AuditHead]) -> list[bytes]:
    """Save the heads as leaves of the checkpoint. Returns the hashes of the leaves."""
    hashes: list[bytes] = []
    while batch := list(islice(heads, _BATCH_SIZE)):
        leaves = [
            CheckpointLeaf(checkpoint=checkpoint, index=i, process_id=head.process_id, seq=head.seq, digest=head.digest)
            for i, head in enumerate(batch, start=len(hashes))
        ]
        CheckpointLeaf.objects.bulk_create(leaves)
        hashes += [head_hash(leaf.process_id, leaf.seq, leaf.digest) for leaf in leaves]
    return hashes


def _has_changed(process_id: str, seq: int) -> bool:
    """Whether the chain has events after this position other than reads."""
    later = AuditEvent.objects.of_process(process_id).filter(seq__gt=seq)
    return later.exclude(event_type__in=append.API_READS).exists()
