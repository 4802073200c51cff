"""Runs the texts of administrators in a child process, which ends if a text exceeds its limits.

Each process of the product has at most one such child. It is started when it is first needed and used by one thread at
a time, and replaced when it has ended.
"""

import atexit
import json
import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing import Pipe

from django.conf import settings

from config.api_values import JsonObject
from config.errors import DomainError
from notifications.texts.render_child import OUT_OF_MEMORY

# More than three parts of the largest size, in JSON.
_MAX_REPLY = 40_000_000

# The only variables of the environment that a child gets: no secrets.
_ENVIRONMENT = ("PATH", "LD_LIBRARY_PATH", "LANG", "TZ")

_TOO_SLOW = -signal.SIGPROF
_NEEDS_TOO_MUCH_MEMORY = "The text needs too much memory."
# Libraries abort when they get no memory, and deeply nested HTML exceeds the stack.
_REASONS = {
    _TOO_SLOW: "The text takes too long to render.",
    OUT_OF_MEMORY: _NEEDS_TOO_MUCH_MEMORY,
    -signal.SIGABRT: _NEEDS_TOO_MUCH_MEMORY,
    -signal.SIGSEGV: _NEEDS_TOO_MUCH_MEMORY,
}


class Unrenderable(DomainError):
    """A text is not valid Liquid, uses unknown variables or exceeds a limit; the detail names the line if known."""

    code = "unrenderable"
    status = 400


class RendererUnavailable(DomainError):
    """The text was not rendered, for a reason that is not in the text: another attempt may succeed."""

    code = "renderer_unavailable"
    status = 503
    detail = "The text could not be rendered in time. Try again later."


class _ChildEnded(Exception):
    def __init__(self, exit_status: int) -> None:
        super().__init__(exit_status)
        self.exit_status = exit_status


class _Child:
    """A running child. After any exception it is stopped."""

    def __init__(self) -> None:
        self._connection, theirs = Pipe()
        path = os.pathsep.join(sys.path)
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ} | {"PYTHONPATH": path}
        with theirs:
            descriptor = theirs.fileno()
            # The signals of a terminal or a process manager go to the session of the parent only. When the parent
            # ends for any reason, the connection closes, and then the child ends too.
            self._process = subprocess.Popen(
                [sys.executable, "-m", "notifications.texts.render_child", str(descriptor)],
                pass_fds=[descriptor],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                cwd=settings.BASE_DIR,
                env=environment,
                start_new_session=True,
            )

    @property
    def pid(self) -> int:
        return self._process.pid

    def answer(self, request: bytes, *, until: float) -> bytes:
        """The reply to a request, or `_ChildEnded`, at the latest at this time of the monotonic clock."""
        watchdog = threading.Timer(until - time.monotonic(), self._process.kill)
        watchdog.daemon = True
        watchdog.start()
        try:
            self._connection.send_bytes(request)
            return self._connection.recv_bytes(_MAX_REPLY)
        except (EOFError, ConnectionError) as exc:
            raise _ChildEnded(self.stop()) from exc
        except BaseException:
            # The reply to an interrupted request must never be taken for the reply to the next one.
            self.stop()
            raise
        finally:
            watchdog.cancel()

    def stop(self) -> int:
        """End the child; returns the exit status, which is its own if it had already ended."""
        self._connection.close()
        self._process.kill()
        return self._process.wait()

    def disown(self) -> None:
        """Close the connection in this process, which is a fork of the parent."""
        self._connection.close()


class Renderer:
    """Calls the functions of `render_child` for all threads of this process."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @property
    def child_pid(self) -> int | None:
        """The process ID of the current child, if there is one."""
        return self._child.pid if self._child else None

    def render_email(self, sources: dict[str, str], values: JsonObject) -> dict[str, str]:
        """`sandbox.render_email`; raises `Unrenderable`, or `RendererUnavailable` after RENDER_DEADLINE seconds."""
        return self._call("render_email", {"sources": sources, "values": values})["result"]

    def source_errors(self, part: str, source: str, *, known: JsonObject, samples: list[JsonObject]) -> list[str]:
        """`sandbox.source_errors`, also for a source that exceeds the limits; raises `RendererUnavailable`."""
        arguments = {"part": part, "source": source, "known": known, "samples": samples}
        try:
            return self._call("source_errors", arguments)["result"]
        except Unrenderable as refusal:
            return [refusal.detail]

    def stop(self) -> None:
        """End the child; the next call starts another one."""
        if self._child is not None:
            self._child.stop()
            self._child = None

    def after_fork(self) -> None:
        """Leave the child to the process that started it: a shared connection would mix up replies."""
        if self._child is not None:
            self._child.disown()
        self._child = None
        self._lock = threading.Lock()

    def _call(self, job: str, arguments: JsonObject) -> JsonObject:
        """The answer of the child to one request."""
        request = json.dumps([job, arguments]).encode()
        until = time.monotonic() + settings.RENDER_DEADLINE
        if not self._lock.acquire(timeout=settings.RENDER_DEADLINE):
            raise RendererUnavailable
        try:
            reply = self._answer(request, until=until)
        except _ChildEnded as ended:
            reason = _REASONS.get(ended.exit_status)
            if reason is None:
                raise RendererUnavailable from ended
            raise Unrenderable(reason) from ended
        finally:
            self._lock.release()

        answer: JsonObject = json.loads(reply)
        if "refusal" in answer:
            raise Unrenderable(answer["refusal"])
        return answer

    def _answer(self, request: bytes, *, until: float) -> bytes:
        is_new = self._child is None
        try:
            return self._ask_child(request, until=until)
        except _ChildEnded as ended:
            # A child that is not new may have ended before this request, or have kept memory from earlier ones.
            if is_new or ended.exit_status == _TOO_SLOW or time.monotonic() >= until:
                raise
        return self._ask_child(request, until=until)

    def _ask_child(self, request: bytes, *, until: float) -> bytes:
        if self._child is None:
            try:
                self._child = _Child()
            except OSError as exc:
                raise RendererUnavailable from exc
        try:
            return self._child.answer(request, until=until)
        except BaseException:
            self._child = None
            raise


RENDERER = Renderer()
atexit.register(RENDERER.stop)
os.register_at_fork(after_in_child=RENDERER.after_fork)
