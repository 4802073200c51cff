"""One mail at a time between the server's "taken" and its being written down.

Senders of one process prepare their mails beside each other, but pass here one by one, so that a process that is
killed leaves one mail behind, at the most, of which nobody knows that it was sent. Whoever waits for a server that
stalls makes itself a new gate: one bad address holds up nobody.
"""

from threading import Lock

PATIENCE_SECONDS = 1.0


class Gate:
    def __init__(self) -> None:
        self._lock = Lock()

    def enter(self) -> Lock:
        """Wait for the one before, and go in; whoever entered releases what it gets."""
        lock = self._lock
        if not lock.acquire(timeout=PATIENCE_SECONDS):
            self._lock = lock = Lock()
            lock.acquire()
        return lock


GATE = Gate()
