"""Checks checkpoints: their signatures and leaves, the heads that they signed, and the file."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby, islice
from operator import itemgetter

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from audit.chain import checkpoints, form, keys, merkle
from audit.chain.models import CHAIN_START, AuditHead, Checkpoint, CheckpointLeaf
from audit.chain.verdict import Finding, Verdict
from audit.models import AuditEvent
from config.api_values import JsonObject

# Checkpoints are made every few minutes, and pending events are linked every few seconds.
LONGEST_DELAY = timedelta(hours=1)

_BATCH_SIZE = 1_000
# How many checkpoints are checked together with a single process.
_LAST_CHECKPOINTS = 100
_WRONG_LEAVES = "its leaves are not those that were signed"


def check_heads(verdict: Verdict, process_id: str | None) -> None:
    """Check that the chains still contain the heads that checkpoints signed.

    The event after a signed head must name its digest; without such an event, it must still be the head.
    """
    next_event = AuditEvent.objects.order_by().filter(process_id=OuterRef("process_id"), seq=OuterRef("seq") + 1)
    head = AuditHead.objects.filter(process_id=OuterRef("process_id"), seq=OuterRef("seq"))
    digest_in_chain = Coalesce(Subquery(next_event.values("prev")[:1]), Subquery(head.values("digest")[:1]), Value(""))
    leaves = CheckpointLeaf.objects.annotate(digest_in_chain=digest_in_chain).exclude(digest=F("digest_in_chain"))
    if process_id is not None:
        leaves = leaves.filter(process_id=process_id)
    for leaf in leaves.order_by("process_id", "seq").iterator(_BATCH_SIZE):
        what = f"was signed in checkpoint {leaf.checkpoint_id} and is now missing or different"
        verdict.add(Finding(leaf.process_id, leaf.seq, None, "", what))


def check_signatures(verdict: Verdict, database: str) -> None:
    """Check and count the checkpoints: signature, leaves, and link to the previous checkpoint."""
    previous: Checkpoint | None = None
    rows = Checkpoint.objects.order_by("number").iterator(_BATCH_SIZE)
    while batch := list(islice(rows, _BATCH_SIZE)):
        roots = _roots(batch)
        for checkpoint in batch:
            _check_signature(verdict, checkpoint, previous, database)
            if roots.get(checkpoint.number) != checkpoint.root:
                verdict.add_general(f"checkpoint {checkpoint.number}: {_WRONG_LEAVES}")
            previous = checkpoint
        verdict.checkpoints += len(batch)


def check_last_signatures(verdict: Verdict, database: str, process_id: str) -> None:
    """Check the last checkpoints, the number of all of them, and the leaves of the last one that covers a process."""
    # One checkpoint more than is checked: the first one follows it.
    rows = list(Checkpoint.objects.order_by("-number")[: _LAST_CHECKPOINTS + 1])[::-1]
    previous: Checkpoint | None = None
    if len(rows) > _LAST_CHECKPOINTS:
        previous = rows.pop(0)
    for checkpoint in rows:
        _check_signature(verdict, checkpoint, previous, database)
        previous = checkpoint
    if previous is not None and Checkpoint.objects.count() != previous.number:
        verdict.add_general("checkpoints are missing from the database")

    # The leaves.
    covering = Checkpoint.objects.filter(leaves__process_id=process_id).order_by("number").last()
    if covering is not None and _roots([covering]).get(covering.number) != covering.root:
        verdict.add_general(f"checkpoint {covering.number}: {_WRONG_LEAVES}")
    verdict.checkpoints += len(rows)


def check_file(verdict: Verdict, database: str, size: int, *, at: datetime) -> None:
    """Compare the checkpoints with the first bytes of the file."""
    # Each checkpoint in the file must be in the database. Lines may repeat checkpoints; each is counted once.
    in_file = 0
    last = 0
    entries = checkpoints.file_entries(database, size)
    while batch := list(islice(entries, _BATCH_SIZE)):
        _compare_with_file(verdict, database, batch)
        for entry in batch:
            number = entry["statement"]["number"]
            if number > last:
                in_file += 1
                last = number
    # Each checkpoint in the database must be in the file.
    if in_file < Checkpoint.objects.filter(number__lte=last).count():
        verdict.add_general("checkpoints are missing from the middle of the file")
    _check_end(verdict, last, at)


def check_end_of_file(verdict: Verdict, database: str, size: int, *, at: datetime) -> None:
    """Compare the checkpoints with the last lines within the first bytes of the file."""
    entries = checkpoints.last_entries(database, size)
    _compare_with_file(verdict, database, entries)
    _check_end(verdict, max((entry["statement"]["number"] for entry in entries), default=0), at)


def _check_signature(verdict: Verdict, checkpoint: Checkpoint, previous: Checkpoint | None, database: str) -> None:
    """Check the signature of a checkpoint, and that it follows the previous one."""
    signed = form.canonical_checkpoint(checkpoints.statement(checkpoint, database))
    previous_number = 0
    previous_digest = CHAIN_START
    if previous is not None:
        previous_number = previous.number
        previous_digest = form.digest(form.canonical_checkpoint(checkpoints.statement(previous, database)))

    # A key that the service does not have is reported as such.
    has_key = keys.knows(checkpoint.key)
    if not has_key:
        verdict.unknown_keys.add(checkpoint.key)

    # Only the first problem of a checkpoint is reported.
    problem = ""
    if checkpoint.number != previous_number + 1:
        problem = f"checkpoint {previous_number + 1} is missing before it"
    elif has_key and not keys.is_signed(signed, checkpoint.signature, key=checkpoint.key):
        problem = "its signature is invalid"
    elif checkpoint.previous != previous_digest:
        problem = "it does not follow the previous checkpoint"
    if problem:
        verdict.add_general(f"checkpoint {checkpoint.number}: {problem}")


def _compare_with_file(verdict: Verdict, database: str, entries: Sequence[JsonObject]) -> None:
    """Find lines of the file whose checkpoint is missing or different in the database."""
    numbers = [entry["statement"]["number"] for entry in entries]
    stored = Checkpoint.objects.in_bulk(numbers)
    for entry in entries:
        number = entry["statement"]["number"]
        if number not in stored:
            verdict.add_general(f"checkpoint {number} is in the file but not in the database, which is an older copy")
        elif checkpoints.line(stored[number], database) != form.canonical_json(entry):
            verdict.add_general(f"checkpoint {number} differs between the file and the database")


def _check_end(verdict: Verdict, last: int, at: datetime) -> None:
    """Check that the file, in which `last` is the last checkpoint, contains all checkpoints but the newest."""
    missing = Checkpoint.objects.filter(number__gt=last)
    count = missing.count()
    late = missing.filter(at__lt=at - LONGEST_DELAY).exists()
    if count > checkpoints.NOT_YET_IN_FILE or late or (count and not last):
        verdict.could_not.append(f"the newest checkpoints are missing from the file (AUDIT_CHECKPOINT_FILE): {count}")


def _roots(batch: Sequence[Checkpoint]) -> dict[int, str]:
    """The root over the stored leaves of each of these checkpoints; empty if a leaf is malformed."""
    leaves = CheckpointLeaf.objects.filter(checkpoint__number__range=(batch[0].number, batch[-1].number))
    columns = ("checkpoint_id", "process_id", "seq", "digest")
    rows = leaves.order_by("checkpoint_id", "index").values_list(*columns).iterator(_BATCH_SIZE)
    roots = {}
    for number, leaves_of_number in groupby(rows, key=itemgetter(0)):
        try:
            roots[number] = merkle.root([checkpoints.head_hash(*leaf) for _, *leaf in leaves_of_number]).hex()
        except (TypeError, ValueError):
            roots[number] = ""
    return roots
