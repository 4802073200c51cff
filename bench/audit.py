"""The trail: appending with the chain against plain inserts, and verifying against a bare loop, over EVENTS events.

Appending: WRITERS processes of the operating system, each on signing processes of its own, once through `audit.log`
and once as the same rows without places; each event is a transaction, and the ratio is that of the best times.
Verifying: all that `verify_audit` does, against a loop that reads the same rows and computes one HMAC for each event.
"""

import hmac
import multiprocessing
import os
import resource
import sys
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from bench.surroundings import database

WRITERS = 8
APPENDED = int(os.environ.get("APPENDED", "400"))
ROUNDS = 8
EVENTS = int(os.environ.get("EVENTS", "1000000"))
PER_PROCESS = 10
MOST, LEAST = 1.3, 1 / 3
NOW = datetime(2026, 3, 5, 11, 0, tzinfo=UTC)


def main() -> None:
    with database():
        ratio = appended()
        empty()
        print(f"audit: appending with the chain at {WRITERS} writers: ratio {ratio:.2f}, at most {MOST}")
        fill()
        print_plans()
        rate = verified()
        print(f"audit: verifying {EVENTS:,} events: {rate:.2f} of the rate of a bare loop, at least {LEAST:.2f}")
    if ratio > MOST or rate < LEAST:
        sys.exit("audit: slower than it may be")


def appended() -> float:
    """Both kinds of writing in turns; the best time of the chain over the best of the other."""
    took: dict[str, list[float]] = {"plain": [], "chained": []}
    for _ in range(ROUNDS):
        for kind, times in took.items():
            times.append(together(kind))
            print(f"  {kind}: {WRITERS * APPENDED / times[-1]:,.0f} events/s")
    return min(took["chained"]) / min(took["plain"])


def together(kind: str) -> float:
    context = multiprocessing.get_context("spawn")
    ready, go = context.Barrier(WRITERS + 1), context.Barrier(WRITERS + 1)
    writers = [context.Process(target=write, args=(kind, ready, go)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    ready.wait()
    began = time.perf_counter()
    go.wait()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    return time.perf_counter() - began


def write(kind: str, ready: Any, go: Any) -> None:
    """Some events of one signing process after another."""
    import django

    django.setup()
    from audit.chain import append
    from audit.log import Event, record
    from config.access.actor import Actor
    from config.vocabulary import EventType

    if kind == "plain":
        append._has_place_at_once = lambda event: False  # the same rows, by the same code, without places
    actor = Actor(client="portal", subject="ilze", address="203.0.113.9")
    ready.wait()
    go.wait()
    process_id = uuid.uuid4()
    for number in range(APPENDED):
        if number % PER_PROCESS == 0:
            process_id = uuid.uuid4()
        event = Event(EventType.SIGNER_SIGNED, process_id, signer_id=process_id, after={"signingStatus": "SIGNED"})
        record([event], actor=actor, at=NOW)


def empty() -> None:
    """Without what was written plainly: verification would miss its places."""
    from django.db import connection

    from audit.chain import triggers

    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_event, audit_value, audit_head")
    triggers.install()


def fill() -> None:
    """EVENTS events in chains, written by the service itself in large batches, with checkpoints."""
    from django.db import connection, transaction

    from audit.chain import checkpoints
    from audit.log import Event, record
    from config.access.actor import Actor
    from config.vocabulary import EventType

    actor = Actor(client="portal", subject="ilze", address="203.0.113.9")
    batch = 5_000
    for start in range(0, EVENTS, batch):
        ids = [uuid.uuid4() for _ in range(batch // PER_PROCESS)]
        with transaction.atomic():
            events = [
                Event(EventType.SIGNER_SIGNED, process_id, note=f"event {n}", after={"signingStatus": "SIGNED"})
                for n in range(PER_PROCESS)
                for process_id in ids
            ]
            record(events, actor=actor, at=NOW)
        if start % 100_000 == 0:
            checkpoints.make(at=NOW)
    checkpoints.make(at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_event, audit_value, audit_head, audit_checkpoint_leaf")


def print_plans() -> None:
    """How the database finds a page of a process, and of a time."""
    from audit.models import AuditEvent

    some = AuditEvent.objects.order_by().values_list("process_id", flat=True).first()
    for what, rows in (
        ("of a process", AuditEvent.objects.of_process(some)),
        ("of a time", AuditEvent.objects.filter(created_at__gte=NOW).order_by("created_at", "number")),
    ):
        plan = rows[:25].explain()
        indexes = [line.strip() for line in plan.splitlines() if "Index" in line]
        assert indexes, plan
        print(f"  a page {what}: {indexes[0].partition('  (')[0]}")


def verified() -> float:
    from audit.chain.verify import verify

    best: dict[str, float] = {}
    ways: dict[str, Callable[[], Any]] = {"bare loop": bare, "verify": lambda: verify(at=NOW)}
    for _ in range(2):
        for name, way in ways.items():
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            began = time.perf_counter()
            done = way()
            took = time.perf_counter() - began
            grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - before
            print(f"  {name}: {EVENTS / took:,.0f} events/s, memory +{grown} MB")
            best[name] = min(took, best.get(name, took))
            assert name == "bare loop" or (done.whole and done.events >= EVENTS), done.findings
    return best["bare loop"] / best["verify"]


def bare() -> None:
    """Read the events and their values as they stand, and one HMAC each."""
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor(name="bare") as cursor:
        cursor.itersize = 2_000
        cursor.execute(
            "SELECT e.*, (SELECT array_agg(v.salt || v.value) FROM audit_value v WHERE v.event_id = e.number) "
            "FROM audit_event e ORDER BY process_id, seq"
        )
        for row in cursor:
            hmac.digest(b"k" * 48, repr(row).encode(), "sha256")


if __name__ == "__main__":
    main()
