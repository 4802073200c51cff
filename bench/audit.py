"""Measures the audit trail: appending with the chain against plain inserts, and verifying against a bare loop.

Appending: WRITERS processes of the operating system, each on signing processes of its own, once through `audit.log`
and once with the same rows outside of chains. Each event is a transaction; the ratio is that of the best times.
Verifying: `verify` over EVENTS events, against a loop that reads the same rows and computes one HMAC for each event.

Modules that need Django's settings are imported in functions, after the settings have been made.
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
from multiprocessing.synchronize import Barrier

from bench.surroundings import database

WRITERS = 8
EVENTS_PER_WRITER = int(os.environ.get("APPENDED", "400"))
ROUNDS = 8
EVENTS = int(os.environ.get("EVENTS", "1000000"))
EVENTS_PER_PROCESS = 10
MAX_RATIO = 1.3
MIN_RATE = 1 / 3
NOW = datetime(2026, 3, 5, 11, 0, tzinfo=UTC)


def main() -> None:
    with database():
        ratio = measure_append()
        clear()
        print(f"audit: appending with the chain at {WRITERS} writers: ratio {ratio:.2f}, at most {MAX_RATIO}")
        fill()
        print_plans()
        rate = measure_verify()
        print(f"audit: verifying {EVENTS:,} events: {rate:.2f} of the rate of a bare loop, at least {MIN_RATE:.2f}")
    if ratio > MAX_RATIO or rate < MIN_RATE:
        sys.exit("audit: too slow")


def measure_append() -> float:
    """The best time with the chain, divided by the best time without. The two take turns."""
    times: dict[str, list[float]] = {"plain": [], "chained": []}
    for _ in range(ROUNDS):
        for kind in times:
            seconds = run_writers(kind)
            times[kind].append(seconds)
            print(f"  {kind}: {WRITERS * EVENTS_PER_WRITER / seconds:,.0f} events/s")
    return min(times["chained"]) / min(times["plain"])


def run_writers(kind: str) -> float:
    """The seconds that all writers together take."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(WRITERS + 1)
    start = context.Barrier(WRITERS + 1)
    writers = [context.Process(target=write, args=(kind, ready, start)) for _ in range(WRITERS)]
    for writer in writers:
        writer.start()
    ready.wait()
    started_at = time.perf_counter()
    start.wait()
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    return time.perf_counter() - started_at


def write(kind: str, ready: Barrier, start: Barrier) -> None:
    """Record events of one signing process after another."""
    import django

    django.setup()
    from audit.chain import append
    from audit.log import Event, record
    from config.access.actor import Actor
    from config.vocabulary import EventType

    if kind == "plain":
        # The same rows, by the same code, all of them pending.
        append._is_linked_at_once = lambda event: False
    actor = Actor(client="portal", subject="ilze", address="203.0.113.9")
    ready.wait()
    start.wait()
    process_id = uuid.uuid4()
    for number in range(EVENTS_PER_WRITER):
        if number % EVENTS_PER_PROCESS == 0:
            process_id = uuid.uuid4()
        event = Event(EventType.SIGNER_SIGNED, process_id, signer_id=process_id, after={"signingStatus": "SIGNED"})
        record([event], actor=actor, at=NOW)


def clear() -> None:
    """Delete the plain rows: verification would report them."""
    from django.db import connection

    from audit.chain import triggers

    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE audit_event, audit_value, audit_head")
    triggers.install()


def fill() -> None:
    """Record EVENTS events in chains, in large batches, with checkpoints."""
    from django.db import connection, transaction

    from audit.chain import checkpoints
    from audit.log import Event, record
    from config.access.actor import Actor
    from config.vocabulary import EventType

    actor = Actor(client="portal", subject="ilze", address="203.0.113.9")
    batch_size = 5_000
    for start in range(0, EVENTS, batch_size):
        process_ids = [uuid.uuid4() for _ in range(batch_size // EVENTS_PER_PROCESS)]
        events = []
        for number in range(EVENTS_PER_PROCESS):
            for process_id in process_ids:
                after = {"signingStatus": "SIGNED"}
                events.append(Event(EventType.SIGNER_SIGNED, process_id, note=f"event {number}", after=after))
        with transaction.atomic():
            record(events, actor=actor, at=NOW)
        if start % 100_000 == 0:
            checkpoints.make(at=NOW)
    checkpoints.make(at=NOW)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE audit_event, audit_value, audit_head, audit_checkpoint_leaf")


def print_plans() -> None:
    """Print the indexes by which the database finds a page of a process, and of a time."""
    from audit.models import AuditEvent

    process_id = AuditEvent.objects.order_by().values_list("process_id", flat=True).first()
    queries = {
        "of a process": AuditEvent.objects.of_process(process_id),
        "of a time": AuditEvent.objects.filter(created_at__gte=NOW).order_by("created_at", "number"),
    }
    for name, events in queries.items():
        plan = events[:25].explain()
        indexes = [line.strip() for line in plan.splitlines() if "Index" in line]
        assert indexes, plan
        print(f"  a page {name}: {indexes[0].partition('  (')[0]}")


def measure_verify() -> float:
    """The rate of `verify` as a share of that of the bare loop, each at its best of two runs."""
    best: dict[str, float] = {}
    functions: dict[str, Callable[[], None]] = {"bare loop": bare_loop, "verify": verify_all}
    for _ in range(2):
        for name, function in functions.items():
            memory_before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
            started_at = time.perf_counter()
            function()
            seconds = time.perf_counter() - started_at
            memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 - memory_before
            print(f"  {name}: {EVENTS / seconds:,.0f} events/s, memory +{memory} MB")
            best[name] = min(seconds, best.get(name, seconds))
    return best["bare loop"] / best["verify"]


def verify_all() -> None:
    from audit.chain.verify import verify

    verdict = verify(at=NOW)
    assert verdict.whole, verdict.findings
    assert verdict.events >= EVENTS


def bare_loop() -> None:
    """Read the events and their values as they are stored, and compute an HMAC of each."""
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
