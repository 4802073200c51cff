"""Sending queued messages, compared with a bare loop over Django's SMTP backend: same emails, same mail server.

Prints the ratio of the rates, which should be at least 0.8, and the senders' memory before and after.
"""

import multiprocessing
import os
import resource
import statistics
import time
from typing import Any

from bench.surroundings import database, mail_server

MESSAGES = int(os.environ.get("MESSAGES", "10000"))
SENDERS = int(os.environ.get("SENDERS", "3"))
ROUNDS = int(os.environ.get("ROUNDS", "3"))


def main() -> None:
    with database(), mail_server() as port:
        configure_email(port)
        ratios = []
        for number in range(ROUNDS):
            queue(number)
            bare = bare_loop()
            ours = senders(port)
            ratios.append(ours / bare)
            print(f"round {number + 1}: bare loop {bare:.0f}/s, ours {ours:.0f}/s, ratio {ours / bare:.2f}")
        print(f"delivery of {MESSAGES:,} messages by {SENDERS} senders: ratio {statistics.median(ratios):.2f}")


def configure_email(port: int) -> None:
    from django.conf import settings

    settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
    settings.EMAIL_HOST = "127.0.0.1"
    settings.EMAIL_PORT = port
    settings.EMAIL_HOST_USER = ""
    settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = False
    settings.EMAIL_USE_SSL = False


def queue(number: int) -> None:
    """Queue the messages of a round."""
    from django.db import connection
    from django.utils import timezone

    from config.vocabulary import EventType, Role
    from notifications.drafts import Draft
    from notifications.outbox import enqueue

    drafts = []
    for n in range(MESSAGES):
        process = {"name": f"Contract {n}", "initiator": "Ilze Kalniņa", "comment": "Please sign this week."}
        drafts.append(
            Draft(
                key=f"bench:{number}:{n}",
                event=EventType.TASK_STARTED,
                role=Role.SIGNER,
                address=f"p{n}@example.org",
                name=f"Person {n}",
                language=("en", "lv", "lt")[n % 3],
                context={"process": process, "signer": {"name": f"Person {n}"}, "dueDate": "2026-03-05T15:00:00Z"},
            )
        )
    for start in range(0, MESSAGES, 1000):
        enqueue(drafts[start : start + 1000], at=timezone.now())

    # What autovacuum does when it is enabled.
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE notifications_message")


def bare_loop() -> float:
    """Emails per second of the simplest way to send: built beforehand, over one connection, without a database."""
    from django.core.mail import get_connection

    from notifications.models import Message
    from notifications.texts.render import build_email

    count = min(MESSAGES, 2000)
    emails = [build_email(message) for message in Message.objects.queued().order_by("id")[:count]]
    connection = get_connection("django.core.mail.backends.smtp.EmailBackend")
    connection.open()
    began = time.perf_counter()
    for email in emails:
        connection.send_messages([email])
    seconds = time.perf_counter() - began
    connection.close()
    return count / seconds


def senders(port: int) -> float:
    """Emails per second of SENDERS processes, like those of a worker; timed from when all are ready."""
    context = multiprocessing.get_context("spawn")
    ready = context.Barrier(SENDERS + 1)
    results = context.Queue()
    processes = [context.Process(target=_sender, args=(port, ready, results)) for _ in range(SENDERS)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    outcomes = [results.get() for _ in processes]
    seconds = time.perf_counter() - began
    total = sum(sent for sent, _, _ in outcomes)
    assert total == MESSAGES, total
    print(f"  peak memory of each sender: {', '.join(f'{before} -> {after} MB' for _, before, after in outcomes)}")
    return total / seconds


def _sender(port: int, ready: Any, results: Any) -> None:
    import django

    django.setup()
    configure_email(port)
    from notifications.delivery.send import send_due
    from notifications.models import Message

    # Connect to the database before the clock starts.
    Message.objects.exists()
    ready.wait()
    before = memory()
    sent = send_due()
    results.put((sent, before, memory()))


def memory() -> int:
    """The peak memory of this process in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    main()
