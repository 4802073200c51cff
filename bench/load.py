"""Load from several processes of the operating system, each with a connection of its own: over HTTP, or SQL."""

import multiprocessing
import socket
import time
from collections.abc import Callable
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

# One operation. It raises `StopIteration` when it has no more input.
Operation = Callable[[], None]
# Connects, and returns the operation of this worker, counted from 0.
MakeOperation = Callable[[int], Operation]

_END_OF_HEAD = b"\r\n\r\n"
_WARM_UP = 5
# If a worker fails, the others wait this many seconds for it.
_PATIENCE = 60


class HttpConnection:
    """A persistent connection, as cheap as possible."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, request: bytes) -> tuple[int, bytes]:
        """Send a request of `http_request`, and return the status and the body of the response."""
        self._socket.sendall(request)
        received = bytearray()
        while (end := received.find(_END_OF_HEAD)) < 0:
            received += self._receive()
        head = received[:end].lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        body_start = end + len(_END_OF_HEAD)
        while len(received) < body_start + length:
            received += self._receive()
        return int(head[9:12]), bytes(received[body_start:])

    def _receive(self) -> bytes:
        part = self._socket.recv(262_144)
        if not part:
            raise ConnectionError("The server closed the connection.")
        return part


def http_request(method: str, path: str, token: str, body: bytes = b"", **headers: str) -> bytes:
    """The bytes of a request."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Authorization: Token {token}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _END_OF_HEAD + body


def measure_rate(make: MakeOperation, *, workers: int, seconds: float) -> float:
    """The operations per second of all workers together."""
    # Forked: the workers start at once, with what their parent has prepared.
    context = multiprocessing.get_context("fork")
    start = context.Barrier(workers)
    rates: Queue[float] = context.Queue()
    processes = [context.Process(target=_work, args=(make, n, seconds, start, rates)) for n in range(workers)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    return sum(rates.get() for _ in processes)


def _work(make: MakeOperation, number: int, seconds: float, start: Barrier, rates: "Queue[float]") -> None:
    operation = make(number)
    for _ in range(_WARM_UP):
        operation()
    start.wait(_PATIENCE)
    count = 0
    began = time.perf_counter()
    now = began
    while now < began + seconds:
        try:
            operation()
        except StopIteration:
            break
        count += 1
        now = time.perf_counter()
    rates.put(count / (now - began))
