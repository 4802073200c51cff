"""The child process that renders the texts of administrators: `python -m notifications.texts.render_child FD`.

It answers the requests of `renderer` over the connection with this file descriptor. A text that exceeds the limits of
the process ends the process, and `renderer` reads the reason from its exit status.
"""

import json
import os
import resource
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection

from notifications.texts import sandbox

# What one request may use. Any shipped text needs less than a hundredth of the time.
CPU_SECONDS = 2
MEMORY_BYTES = 256 * 1024 * 1024
OUT_OF_MEMORY = 3

_JOBS: dict[str, Callable[..., object]] = {
    "render_email": sandbox.render_email,
    "source_errors": sandbox.source_errors,
}


def answer_requests(connection: Connection) -> None:
    """Answer requests until the parent closes the connection or dies."""
    while True:
        try:
            request = connection.recv_bytes()
        except (EOFError, OSError):
            return
        # The timer ends the process by a signal, even inside of a filter. RLIMIT_CPU cannot be used, because it counts
        # whole seconds over all requests.
        signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
        reply = _reply(request)
        signal.setitimer(signal.ITIMER_PROF, 0)
        connection.send_bytes(reply)


def _reply(request: bytes) -> bytes:
    """The `result` of a request, or a `refusal`: the reason why there is no result."""
    try:
        job, arguments = json.loads(request)
        return json.dumps({"result": _JOBS[job](**arguments)}).encode()
    except sandbox.InvalidText as exc:
        refusal = str(exc)
    except MemoryError:
        os._exit(OUT_OF_MEMORY)
    except Exception as exc:  # noqa: BLE001 (filters let many kinds of exceptions through)
        refusal = f"The text cannot be rendered: {exc}."
    return json.dumps({"refusal": refusal}).encode()


def _limit_process() -> None:
    # A thread of the parent may have blocked or ignored the signal, and both are inherited.
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    # A core dump would contain personal data.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # macOS refuses to limit the address space.
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    # Errors at the start are logged. Later ones may contain personal data.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


if __name__ == "__main__":
    _limit_process()
    answer_requests(Connection(int(sys.argv[1])))
