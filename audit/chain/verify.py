"""Checks the trail as it stands: each event at its place, each value against its commitment, checkpoints, and the file.

Reads as of one moment and in batches: memory does not grow with the trail. What is public (digests, signatures) is
checked even where a secret key is not known.
"""

import hmac
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from audit.chain import checkpoints, form, keys, triggers
from audit.chain.append import canonical, text
from audit.chain.commitments import malformed, unlike, values_of
from audit.chain.parts import ERASED, erasures
from audit.chain.verdict import Finding, Verdict
from audit.models import AuditDatabase, AuditEvent, AuditHead

BATCH = 2_000
WAITS_AT_MOST = timedelta(hours=1)
_COLUMNS = ("process_id", "seq", "prev", "mac", "key_id", "commitments", *form.FIELDS)
_NUMBER = len(_COLUMNS) - len(form.FIELDS) + form.FIELDS.index("number")
_TYPE = len(_COLUMNS) - len(form.FIELDS) + form.FIELDS.index("event_type")

Progress = Callable[[int], None]


def verify(
    *,
    at: datetime,
    process_id: str | None = None,
    since: datetime | None = None,
    progress: Progress = lambda done: None,
) -> Verdict:
    """Check everything, the chain of one process, or the chains in which something was written since then.

    `progress` is told how many events were looked at so far.
    """
    verdict = Verdict()
    filed = _length_of_file()  # before the moment that is looked at: what is written meanwhile is younger than that
    with _one_moment():
        events = AuditEvent.objects.order_by().prefetch_related(None)
        if process_id is not None:
            events = events.of_process(process_id)
        if since is not None:
            written = AuditEvent.objects.order_by().filter(created_at__gte=since, seq__isnull=False)
            events = events.filter(process_id__in=written.values("process_id"))
        _chains(events, verdict, progress)
        _lost_chains(verdict, process_id)
        _waiting(events, verdict, at)
        _leaves(verdict, None if process_id is None else [process_id])
        if process_id is None:
            if database := _database(verdict):
                verdict.checkpoints = _signed(verdict, database)
                _filed(verdict, database, filed)
            if lacking := triggers.missing():
                verdict.notes.append(f"the database does not refuse changes: run migrate ({', '.join(lacking)})")
    return verdict


@dataclass(slots=True)
class _Chain:
    """How far a chain was followed, and what of it is missing so far."""

    process_id: str
    seq: int = 0
    number: int | None = None
    event_type: str = ""
    digest: str = form.START
    bad: bool = False
    present: bool = False
    """Whether an event of the present key was seen: what follows has that key, too."""
    gone: dict[tuple[int, str], tuple[int, str]] = field(default_factory=dict)
    erased: set[tuple[int, str]] = field(default_factory=set)


def _chains(events: Any, verdict: Verdict, progress: Progress) -> None:
    placed = events.filter(seq__isnull=False).order_by("process_id", "seq", "number")
    rows = placed.values_list(*_COLUMNS).iterator(BATCH)
    secrets = {key_id: secret.encode() for key_id, secret in settings.AUDIT_KEYS.items()}
    chain: _Chain | None = None
    ended: list[_Chain] = []
    while batch := list(islice(rows, BATCH)):
        said = values_of([row[_NUMBER] for row in batch])
        for row in batch:
            if chain is None or row[0] != chain.process_id:
                ended += [chain] if chain else []
                chain = _Chain(row[0])
            if not chain.bad:
                _follow(chain, row, said.get(row[_NUMBER], {}), secrets, verdict)
        _end(ended, verdict)
        ended.clear()
        verdict.events += len(batch)
        progress(verdict.events)
    _end([chain] if chain else [], verdict)


def _follow(
    chain: _Chain, row: tuple[Any, ...], said: dict[str, tuple[str, str]], secrets: dict[str, bytes], verdict: Verdict
) -> None:
    """Go on by one event, or say what is wrong with it."""
    process_id, seq, prev, mac, key_id, commitments, *fields = row
    number, event_type = row[_NUMBER], row[_TYPE]

    def found(what: str, *, place: int = seq, by: int | None = number, kind: str = event_type) -> None:
        chain.bad = True
        verdict.add(Finding(process_id, place, by, kind, what))

    if seq > chain.seq + 1:
        return found(f"is missing; event {seq} is number {number}", place=chain.seq + 1, by=None, kind="")
    if seq <= chain.seq:
        return found("stands at a place that another event has")
    if wrong := malformed(commitments, said):
        return found(wrong)
    try:
        made = form.event(
            process_id=process_id,
            seq=seq,
            prev=prev,
            fields=[value if type(value) is str else text(value) for value in fields],
            commitments=commitments,
            key_id=key_id,
        )
    except (TypeError, ValueError):
        return found("holds what the service does not write")
    if key_id in secrets:
        if hmac.digest(secrets[key_id], made, "sha256").hex() != mac:
            return found("is not as the service wrote it")
    elif chain.present:
        return found(f"has a key '{key_id}' that is none of the service's")
    else:
        verdict.unknown_keys.add(key_id)
    chain.present = chain.present or key_id == keys.current()
    if prev != chain.digest:
        return found(
            f"is not the one that event {seq} follows", place=chain.seq, by=chain.number, kind=chain.event_type
        )
    if wrong := unlike(commitments, said):
        return found(wrong)
    chain.gone |= {(number, part): (seq, event_type) for part in commitments.keys() - said.keys()}
    if ERASED in said:
        chain.erased |= set(erasures({ERASED: said[ERASED][1]}))
    chain.seq, chain.number, chain.event_type, chain.digest = seq, number, event_type, form.digest(made)
    return None


def _end(chains: list[_Chain], verdict: Verdict) -> None:
    """Hold the ends of chains against their heads, and what is gone from them against what was erased."""
    sound = [chain for chain in chains if not chain.bad]
    heads = AuditHead.objects.in_bulk([chain.process_id for chain in sound])
    for chain in sound:
        head = heads.get(chain.process_id)
        if head is None or head.seq < chain.seq:
            what = "was added behind the chain's head"
            verdict.add(Finding(chain.process_id, chain.seq, chain.number, chain.event_type, what))
        elif head.seq > chain.seq:
            what = f"is missing, and what followed it up to event {head.seq}"
            verdict.add(Finding(chain.process_id, chain.seq + 1, None, "", what))
        elif head.digest != chain.digest:
            what = "is not the one that the chain's head names"
            verdict.add(Finding(chain.process_id, chain.seq, chain.number, chain.event_type, what))
        for (number, part), (seq, event_type) in chain.gone.items():
            if (number, part) not in chain.erased:
                what = f"'{part}' is gone, and no erasure says so"
                verdict.add(Finding(chain.process_id, seq, number, event_type, what))
                break


def _lost_chains(verdict: Verdict, process_id: str | None) -> None:
    heads = AuditHead.objects.filter(seq__gt=0) if process_id is None else AuditHead.objects.filter(pk=process_id)
    events = AuditEvent.objects.order_by().filter(process_id=OuterRef("pk"), seq__isnull=False)
    for head in heads.filter(~Exists(events)).order_by("pk").iterator():
        verdict.add(Finding(head.pk, 1, None, "", f"is missing, and with it all {head.seq} events of the process"))


def _waiting(events: Any, verdict: Verdict, at: datetime) -> None:
    """Events without a place, too: each must have been written by the service, and not wait for long."""
    late = 0
    rows = events.filter(seq=None).order_by("number").iterator()
    while batch := list(islice(rows, BATCH)):
        said = values_of([event.number for event in batch])
        for event in batch:
            verdict.waiting += 1
            kept = said.get(event.number, {})
            if wrong := _wrong_while_waiting(event, kept):
                verdict.add(Finding(event.process_id, None, event.number, event.event_type, wrong))
            late += at - event.created_at > WAITS_AT_MOST
    if late:
        verdict.could_not.append(f"{late} events have waited for their place for over an hour: does the job run?")


def _wrong_while_waiting(event: AuditEvent, said: dict[str, tuple[str, str]]) -> str:
    if wrong := malformed(event.commitments, said):
        return wrong
    known = event.key_id in settings.AUDIT_KEYS
    if not known or keys.mac(canonical(event), key_id=event.key_id) != event.mac:
        return "was not written by the service"
    if wrong := unlike(event.commitments, said):
        return wrong
    gone = event.commitments.keys() - said.keys()
    tellers = AuditEvent.objects.of_process(event.process_id).with_value(ERASED).filter(seq__isnull=False)
    named = {pair for teller in tellers for pair in teller.erasures} if gone else set()
    lost = [part for part in gone if (event.number, part) not in named]
    return f"'{min(lost)}' is gone, and no erasure says so" if lost else ""


def _leaves(verdict: Verdict, process_ids: list[str] | None) -> None:
    """Heads as checkpoints saw them: what followed such a head names it, or it still is the head."""
    for leaf in checkpoints.contradicted(process_ids):
        what = f"was there when checkpoint {leaf.checkpoint_id} was made, and is gone or is another"
        verdict.add(Finding(leaf.process_id, leaf.seq, None, "", what))


def _database(verdict: Verdict) -> str:
    """The database's id; empty if there is none, or more than one."""
    ids = [str(row.id) for row in AuditDatabase.objects.all()[:2]]
    if len(ids) != 1:
        verdict.add(Finding(None, None, None, "", "the database's own id is gone, or there is another one"))
        return ""
    return ids[0]


def _signed(verdict: Verdict, database: str) -> int:
    count = 0
    for number, wrong, unknown in checkpoints.checked(database):
        count += 1
        if unknown:
            verdict.unknown_keys.add(unknown)
        if wrong:
            verdict.add(Finding(None, None, None, "", f"checkpoint {number}: {wrong}"))
    return count


def _filed(verdict: Verdict, database: str, length: int | None) -> None:
    if length is not None:
        if missing := checkpoints.beyond_file(database, length):
            verdict.could_not.append(f"the file lacks the last {missing} checkpoints (AUDIT_CHECKPOINT_FILE)")
        for wrong in checkpoints.compared_with_file(database, length):
            verdict.add(Finding(None, None, None, "", wrong))
    elif verdict.checkpoints:
        verdict.could_not.append(f"there is no file {settings.AUDIT_CHECKPOINT_FILE.name} (AUDIT_CHECKPOINT_FILE)")


def _length_of_file() -> int | None:
    file = settings.AUDIT_CHECKPOINT_FILE
    return file.stat().st_size if file.exists() else None


@contextmanager
def _one_moment() -> Iterator[None]:
    """Everything as of one moment, without keeping a writer waiting."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
