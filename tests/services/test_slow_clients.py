"""Clients that do not finish their request, or do not read their response, do not stop the service."""

import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.people import ANA, body, signer
from tests.services.stack import Stack

pytestmark = pytest.mark.services

SOCKETS = 50


@pytest.fixture(scope="module")
def web(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    stack = make_stack(REQUESTS_PER_ADDRESS="0", REQUESTS_PER_CLIENT="0")
    stack.start("web")
    for _ in range(100):
        assert stack.call("POST", "/api/processes", body([[signer(ANA)]])).status == 201
    yield stack
    stack.stop()


def connect(stack: Stack, request: str) -> socket.socket:
    """A connection with a small window, on which the request was sent."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(20)
    connection.connect(("127.0.0.1", stack.port))
    connection.sendall(request.encode())
    return connection


def assert_that_it_answers(stack: Stack) -> None:
    for _ in range(10):
        assert stack.call("GET", "/health/?format=json").status == 200
        assert stack.call("GET", "/api/processes").status == 200


def unfinished_body(stack: Stack) -> str:
    return (
        f"POST /api/processes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {stack.token}\r\n"
        'Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"a": 1'
    )


def unfinished_chunk(stack: Stack) -> str:
    return (
        f"POST /api/processes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {stack.token}\r\n"
        'Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n7\r\n{"a": 1\r\n'
    )


def unfinished_login(stack: Stack) -> str:
    return (
        f"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={'a' * 32}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nusername="
    )


def unread_list(stack: Stack) -> str:
    return f"GET /api/processes?size=200 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Token {stack.token}\r\n\r\n"


def unread_files(stack: Stack) -> str:
    """Several megabytes, more than the buffers of a connection take."""
    path = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n" * 5


REQUESTS = [unfinished_body, unfinished_chunk, unfinished_login, unread_list, unread_files]


@pytest.mark.parametrize("request_of", REQUESTS)
def test_slow_clients_do_not_stop_the_service(web: Stack, request_of: Callable[[Stack], str]) -> None:
    with ExitStack() as open_sockets:
        for _ in range(SOCKETS):
            open_sockets.enter_context(connect(web, request_of(web)))
        assert_that_it_answers(web)
    assert_that_it_answers(web)


def test_a_body_that_arrives_slowly_is_read_completely(web: Stack) -> None:
    text = json.dumps(body([[signer(ANA)]]))
    head = unfinished_body(web).partition("Content-Length")[0]
    with connect(web, f"{head}Content-Length: {len(text)}\r\n\r\n") as connection:
        for byte in text:
            connection.sendall(byte.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 201")


@pytest.mark.parametrize(
    "framing", ["Expect: 100-continue\r\nContent-Length: 8388609\r\n\r\n", "Transfer-Encoding: chunked\r\n\r\n"]
)
def test_a_body_beyond_the_limit_is_refused_before_it_is_stored(web: Stack, framing: str) -> None:
    head = unfinished_body(web).partition("Content-Length")[0]
    with connect(web, head + framing) as connection:
        if "chunked" in framing:
            chunk = b"80000\r\n" + b" " * 0x80000 + b"\r\n"
            for _ in range(16):
                connection.sendall(chunk)
            connection.sendall(b"1\r\n \r\n0\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 413")
