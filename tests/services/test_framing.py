"""A body is read however its end is marked: by a length, by chunks, or by the end of an HTTP/2 stream."""

import json
import socket
from collections.abc import Callable, Iterable
from itertools import pairwise
from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, ResponseReceived, StreamEnded, StreamReset
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.people import body, signer
from tests.services.stack import Stack

BOM = b"\xef\xbb\xbf"

Result = tuple[int, Any]
Send = Callable[[Stack, str, list[bytes]], Result]


def headers_of(stack: Stack) -> list[tuple[str, str]]:
    return [("authorization", f"Token {stack.token}"), ("content-type", "application/json")]


def http1(stack: Stack, path: str, parts: Iterable[bytes], *framing: tuple[str, str]) -> Result:
    """Send a request with these parts as they are, and read the response."""
    lines = [f"POST {path} HTTP/1.1", "host: localhost", "connection: close"]
    lines += [f"{name}: {value}" for name, value in (*headers_of(stack), *framing)]
    with socket.create_connection(("127.0.0.1", stack.port), 30) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        for part in parts:
            connection.sendall(part)
        response = b""
        while received := connection.recv(65536):
            response += received
    head, _, content = response.partition(b"\r\n\r\n")
    return int(head.split()[1]), json.loads(content)


def with_length(stack: Stack, path: str, parts: list[bytes]) -> Result:
    return http1(stack, path, parts, ("content-length", str(len(b"".join(parts)))))


def in_chunks(stack: Stack, path: str, parts: list[bytes]) -> Result:
    chunks = [b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part]
    return http1(stack, path, [*chunks, b"0\r\n\r\n"], ("transfer-encoding", "chunked"))


def http2(stack: Stack, path: str, parts: list[bytes], *framing: tuple[str, str]) -> Result:
    """Send a request over HTTP/2 with prior knowledge, one DATA frame for each part."""
    pseudo = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "localhost")]
    h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
    status = 0
    content = b""
    with socket.create_connection(("127.0.0.1", stack.port), 30) as connection:
        h2.initiate_connection()
        h2.send_headers(1, [*pseudo, *headers_of(stack), *framing])
        for part in parts:
            h2.send_data(1, part)
        h2.end_stream(1)
        connection.sendall(h2.data_to_send())
        while True:
            for event in h2.receive_data(connection.recv(65536)):
                assert not isinstance(event, StreamReset)
                if isinstance(event, ResponseReceived):
                    status = int(dict(event.headers)[":status"])
                elif isinstance(event, DataReceived):
                    content += event.data
                elif isinstance(event, StreamEnded):
                    return status, json.loads(content)
            connection.sendall(h2.data_to_send())


def http2_with_length(stack: Stack, path: str, parts: list[bytes]) -> Result:
    return http2(stack, path, parts, ("content-length", str(len(b"".join(parts)))))


FRAMINGS: dict[str, Send] = {
    "length": with_length,
    "chunks": in_chunks,
    "HTTP/2": http2,
    "HTTP/2 with a length": http2_with_length,
}


def split(content: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, *(cut % (len(content) + 1) for cut in cuts), len(content)})
    return [content[start:end] for start, end in pairwise(places)]


NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=200)


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.sampled_from(list(FRAMINGS)), NAMES, st.booleans(), st.booleans(), st.lists(st.integers(0, 2**16), max_size=6)
)
def test_the_same_body_is_read_in_every_framing(
    stack: Stack, framing: str, name: str, bom: bool, escaped: bool, cuts: list[int]
) -> None:
    content = BOM * bom + json.dumps({"name": name}, ensure_ascii=escaped).encode()
    status, contact = FRAMINGS[framing](stack, "/api/contacts", split(content, cuts))
    assert (status, contact.get("name")) == (201, name), contact


@pytest.mark.parametrize("framing", FRAMINGS)
def test_a_list_of_signers_is_not_lost(stack: Stack, framing: str) -> None:
    people = [signer(name, signerEmail=f"{name}@example.org") for name in ("Ana", "Ben")]
    process = stack.call("POST", "/api/processes", body([people])).body
    signer_id = process["signers"][0]["id"]
    content = json.dumps({"signers": [signer_id]}).encode()
    status, result = FRAMINGS[framing](stack, f"/api/processes/{process['id']}/remind", split(content, [7, 20]))
    assert (status, result["reminded"]) == (200, [signer_id])


@pytest.mark.parametrize("framing", FRAMINGS)
def test_an_empty_body_is_read_as_none(stack: Stack, framing: str) -> None:
    process = stack.call("POST", "/api/processes", body([["Ana"]])).body
    status, result = FRAMINGS[framing](stack, f"/api/processes/{process['id']}/cancel", [])
    assert (status, result["status"]) == (200, "CANCELED")


@pytest.mark.parametrize("framing", ["length", "chunks"])
def test_a_body_beyond_the_limit_is_413(stack: Stack, framing: str) -> None:
    content = json.dumps({"name": "x" * (8 * 1024 * 1024)}).encode()
    status, result = FRAMINGS[framing](stack, "/api/contacts", split(content, [10, 4_000_000]))
    assert (status, result["code"]) == (413, "too_large")
