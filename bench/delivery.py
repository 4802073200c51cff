"""Queued messages: our senders against a bare loop over Django's SMTP backend; same mails, server and run.

Prints the ratio of the rates, to be 0.8 or more, and the senders' memory before and after.
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
        _mail_settings(port)
        ratios = []
        for number in range(ROUNDS):
            queue(number)
            bare, ours = bare_loop(number), senders(port)
            ratios.append(ours / bare)
            print(f"round {number + 1}: bare loop {bare:.0f}/s, ours {ours:.0f}/s, ratio {ours / bare:.2f}")
        print(f"delivery of {MESSAGES:,} messages by {SENDERS} senders: ratio {statistics.median(ratios):.2f}")


def _mail_settings(port: int) -> None:
    from django.conf import settings

    settings.EMAIL_BACKEND, settings.EMAIL_HOST, settings.EMAIL_PORT = _BACKEND, "127.0.0.1", port
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False


_BACKEND = "notifications.backends.smtp.EmailBackend"


def queue(number: int) -> None:
    from django.db import connection
    from django.utils import timezone

    from config.vocabulary import EventType, Role
    from notifications.outbox import Draft, enqueue

    for start in range(0, MESSAGES, 1000):
        drafts = (_draft(Draft, EventType, Role, number, n) for n in range(start, min(start + 1000, MESSAGES)))
        enqueue(drafts, at=timezone.now())
    with connection.cursor() as cursor:  # what autovacuum does, where it is on
        cursor.execute("VACUUM ANALYZE notifications_message")


def bare_loop(number: int) -> float:
    """Mails a second of the plainest way to send: each mail made beforehand, one connection, no database."""
    from django.core.mail import get_connection

    from notifications.models import Message
    from notifications.texts.render import mail

    some = min(MESSAGES, 2000)
    mails = [mail(message) for message in Message.objects.queued().order_by("id")[:some]]
    connection = get_connection("django.core.mail.backends.smtp.EmailBackend")
    connection.open()
    began = time.perf_counter()
    for outgoing in mails:
        connection.send_messages([outgoing])
    took = time.perf_counter() - began
    connection.close()
    return some / took


def senders(port: int) -> float:
    """Mails a second of SENDERS processes, as a worker with that concurrency has them; timed when all are ready."""
    context = multiprocessing.get_context("spawn")
    ready, results = context.Barrier(SENDERS + 1), context.Queue()
    processes = [context.Process(target=_sender, args=(port, ready, results)) for _ in range(SENDERS)]
    for process in processes:
        process.start()
    ready.wait()
    began = time.perf_counter()
    done = [results.get() for _ in processes]
    took = time.perf_counter() - began
    sent = sum(sent for sent, _, _ in done)
    assert sent == MESSAGES, sent
    print(f"  peak memory of each sender: {', '.join(f'{b} -> {a} MB' for _, b, a in done)}")
    return sent / took


def _sender(port: int, ready: Any, results: Any) -> None:
    import django

    django.setup()
    _mail_settings(port)
    from notifications.delivery.send import send_due
    from notifications.models import Message

    Message.objects.exists()
    ready.wait()
    before = memory()
    results.put((send_due(), before, memory()))


def memory() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


def _draft(draft, events, roles, number: int, n: int):  # type: ignore[no-untyped-def]
    process = {"name": f"Contract {n}", "initiator": "Ilze Kalniņa", "comment": "Please sign this week."}
    return draft(
        key=f"bench:{number}:{n}",
        event=events.TASK_STARTED,
        role=roles.SIGNER,
        address=f"p{n}@example.org",
        name=f"Person {n}",
        language=("en", "lv", "lt")[n % 3],
        context={"process": process, "signer": {"name": f"Person {n}"}, "dueDate": "2026-03-05T15:00:00Z"},
    )


if __name__ == "__main__":
    main()
