"""Records reads after their responses, several in one transaction, so that a read never waits for a write.

The web server starts the writer. Elsewhere, for example in commands, reads are written at once. Events are collected
for COLLECT_SECONDS and then written: only these are lost when the process is killed (`kill -9`) or the machine fails.
A process that is stopped writes them first. While the database fails, events wait and are tried again;
beyond LONGEST_QUEUE, requests write their own events, and fail with the database.
"""

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from multiprocessing.util import Finalize
from typing import Any

import structlog
from django.db import InterfaceError, InternalError, OperationalError, connection

from audit.chain.append import append
from audit.log import Event, new_events
from audit.models import AuditEvent
from config.access.actor import Actor

COLLECT_SECONDS = 0.1
LONGEST_QUEUE = 1_000
RETRY_SECONDS = 1
# How long a process that is stopped tries to write the last events.
STOP_SECONDS = 5

logger = structlog.get_logger(__name__)
# Faults of the database or its connection, and a database that allows no writes.
_TEMPORARY = (OperationalError, InterfaceError, InternalError)
_NewEvent = tuple[AuditEvent, Mapping[str, Any]]


class Writer:
    """Writes the events of one process in a thread of its own."""

    def __init__(self) -> None:
        self._waiting: queue.SimpleQueue[_NewEvent | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="audit-reads", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def add(self, events: Sequence[_NewEvent]) -> bool:
        """Queue the events; False if too many wait already."""
        if self._waiting.qsize() >= LONGEST_QUEUE:
            return False
        for event in events:
            self._waiting.put(event)
        return True

    def stop(self) -> None:
        """Write what waits, and end the thread."""
        self._waiting.put(None)
        self._thread.join(STOP_SECONDS)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            events, is_last = self._next_events()
            self._write(events)

    def _next_events(self) -> tuple[list[_NewEvent], bool]:
        """Everything that waits, at least one event, and whether the thread should end."""
        events: list[_NewEvent] = []
        item = self._waiting.get()
        if item is not None:
            time.sleep(COLLECT_SECONDS)
        while item is not None:
            events.append(item)
            if self._waiting.empty():
                return events, False
            item = self._waiting.get()
        return events, True

    def _write(self, events: Sequence[_NewEvent]) -> None:
        while events:
            try:
                append(events)
                return
            except _TEMPORARY:
                logger.warning("reads cannot be recorded, trying again", events=len(events))
                connection.close()
                time.sleep(RETRY_SECONDS)
            except Exception:
                if len(events) == 1:
                    logger.exception("a read was not recorded")
                    return
                break
        # One of the events cannot be written: the others can, each by itself.
        for event in events:
            self._write([event])


_writer: Writer | None = None


def start_writer() -> None:
    """Record the reads of this process after their responses from now on."""
    global _writer
    _writer = Writer()
    _writer.start()
    # Unlike `atexit`, this also runs at the end of a process that the web server has forked.
    Finalize(None, _writer.stop, exitpriority=0)


def record_read(events: Sequence[Event], *, actor: Actor, at: datetime) -> None:
    """Record reads, which are left out if AUDIT_READS is off."""
    prepared = new_events(events, actor=actor, at=at)
    if _writer is None or not _writer.add(prepared):
        append(prepared)
