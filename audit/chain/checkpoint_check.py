"""Checks checkpoints: their signatures and leaves, the heads that they signed, and the file."""

from collections.abc import Sequence
from itertools import groupby, islice
from operator import itemgetter

from django.db.models import F, OuterRef, Subquery, Value
from django.db.models.functions import Coalesce

from audit.chain import checkpoints, form, keys, merkle
from audit.chain.models import CHAIN_START, AuditHead, Checkpoint, CheckpointLeaf
from audit.chain.verdict import Finding, Verdict
from audit.models import AuditEvent

_BATCH_SIZE = 1_000
# The file may lack checkpoints that were made a moment ago.
_NOT_YET_IN_FILE = 2


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
    previous_number = 0
    previous_digest = CHAIN_START
    rows = Checkpoint.objects.order_by("number").iterator(_BATCH_SIZE)
    while batch := list(islice(rows, _BATCH_SIZE)):
        roots = _roots(batch)
        for checkpoint in batch:
            # A key that the service does not have is reported as such.
            signed = form.canonical_checkpoint(checkpoints.statement(checkpoint, database))
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
            elif roots.get(checkpoint.number) != checkpoint.root:
                problem = "its leaves are not those that were signed"
            if problem:
                verdict.add_general(f"checkpoint {checkpoint.number}: {problem}")
            previous_number = checkpoint.number
            previous_digest = form.digest(signed)
        verdict.checkpoints += len(batch)


def check_file(verdict: Verdict, database: str, size: int) -> None:
    """Compare the checkpoints with the first bytes of the file."""
    # Each checkpoint in the file must be in the database. Lines may repeat checkpoints; each is counted once.
    in_file = 0
    last = 0
    entries = checkpoints.file_entries(database, size)
    while batch := list(islice(entries, _BATCH_SIZE)):
        stored = Checkpoint.objects.in_bulk([entry["statement"]["number"] for entry in batch])
        for entry in batch:
            number = entry["statement"]["number"]
            if number > last:
                in_file += 1
                last = number
            if number not in stored:
                verdict.add_general(f"checkpoint {number} is in the file but not in the database, an older copy")
            elif checkpoints.line(stored[number], database) != form.canonical_json(entry):
                verdict.add_general(f"checkpoint {number} differs between the file and the database")
    # Each checkpoint in the database must be in the file.
    if in_file < Checkpoint.objects.filter(number__lte=last).count():
        verdict.add_general("checkpoints are missing from the middle of the file")
    missing = Checkpoint.objects.filter(number__gt=last).count()
    if missing > _NOT_YET_IN_FILE or (missing and not last):
        verdict.could_not.append(f"the newest checkpoints are missing from the file (AUDIT_CHECKPOINT_FILE): {missing}")


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
