"""A Celery worker renders the texts of administrators in a child process of each of its processes."""

import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.people import ANA, body, signer
from tests.services.stack import BIN, ROOT, Stack

pytestmark = pytest.mark.services

COSTLY = "{% for i in (1..9999) %}{% endfor %}" * 3_000
TEMPLATE = """
from django.utils import timezone
from notifications.models import MessageTemplate
MessageTemplate(event="TASK_STARTED", role="SIGNER", language="{language}", subject="Own: {{{{ process.name }}}}",
    html="<p>x</p>", text="{text}", created_at=timezone.now()).save()
"""
WORKER = [str(BIN / "celery"), "-A", "config", "worker", "-c", "2", "-l", "WARNING"]


@pytest.fixture
def own_texts(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack with a web server, a good text in English and a costly one in Latvian."""
    stack = make_stack()
    stack.manage("shell", "-c", TEMPLATE.format(language="en", text="x"))
    stack.manage("shell", "-c", TEMPLATE.format(language="lv", text=COSTLY))
    stack.start("web")
    yield stack
    stack.stop()


def create(stack: Stack, number: int, *, language: str) -> None:
    row = signer(ANA, signerEmail=f"p{number}@example.org", signerLanguage=language)
    assert stack.call("POST", "/api/processes", body([[row]], processInitiatorEmail=None)).status == 201


def children_of(pid: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        children += [int(child) for child in task.read_text().split()]
    return children


def render_children(worker: int) -> list[int]:
    """The processes that the pool processes of a worker have started for rendering."""
    children = [child for process in children_of(worker) for child in children_of(process)]
    return [child for child in children if b"render_child" in Path(f"/proc/{child}/cmdline").read_bytes()]


def test_a_worker_sends_own_texts_and_leaves_no_process_behind(own_texts: Stack) -> None:
    for number in range(30):
        create(own_texts, number, language="lv" if number == 3 else "en")
    worker = subprocess.Popen(WORKER, cwd=ROOT, env=own_texts.environment)
    try:
        own_texts.sink.wait_for(29, seconds=60)
        children = render_children(worker.pid)
    finally:
        worker.terminate()
        worker.wait(30)

    assert {str(email["Subject"]).partition(":")[0] for email in own_texts.sink.emails} == {"Own"}
    failed = "SELECT address, reason FROM notifications_message WHERE status = 'FAILED'"
    assert own_texts.rows(failed) == [("p3@example.org", "The text takes too long to render.")]
    assert 1 <= len(children) <= 2
    for _ in range(50):
        if not any(Path(f"/proc/{child}").exists() for child in children):
            break
        time.sleep(0.1)
    assert not [child for child in children if Path(f"/proc/{child}").exists()]
