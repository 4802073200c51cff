"""The web server records reads after the response; a stopped server has recorded all of them."""

import time
from collections.abc import Callable

import pytest

from tests.people import ANA, body, signer
from tests.services.stack import Stack

pytestmark = pytest.mark.services

READS = "SELECT count(*) FROM audit_event WHERE event_type = 'PROCESS_GETONE'"


def test_a_stopped_server_has_recorded_every_read(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.start("web")
    process = stack.call("POST", "/api/processes", body([[signer(ANA)]])).body
    for _ in range(30):
        assert stack.call("GET", f"/api/processes/{process['id']}").status == 200
    stack.terminate("web")
    assert stack.rows(READS) == [(30,)]


def test_a_read_is_recorded_within_a_moment(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack()
    stack.start("web")
    process = stack.call("POST", "/api/processes", body([[signer(ANA)]])).body
    assert stack.call("GET", f"/api/processes/{process['id']}").status == 200
    deadline = time.monotonic() + 20
    while stack.rows(READS) != [(1,)]:
        assert time.monotonic() < deadline
        time.sleep(0.05)
