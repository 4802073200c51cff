"""Texts of administrators are rendered in a child process, which bounds their time and memory."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from config.errors import Invalid
from notifications.delivery.send import send_due
from notifications.models import Message, MessageTemplate
from notifications.texts.renderer import RENDERER, RendererUnavailable, Unrenderable
from tests.builders import NOON, client_user
from tests.notifications.test_delivery import queue, sink, state
from tests.notifications.test_templates import template
from tests.sink import Sink

__all__ = ["sink"]
ROOT = Path(__file__).parents[2]

SLOW = "takes too long"
LARGE = "too much memory"
TENFOLD = "| replace: 'x', 'xxxxxxxxxx' "
WIDE_RULE = "p{" + "".join(f"--v{n}:{'x' * 500};" for n in range(100)) + "}"
COSTLY = {
    "reversed range": ("text", "{% for i in (1..1000000000) reversed %}{% endfor %}", LARGE),
    "offset in a range": ("text", "{% for i in (1..1000000000) limit:5 offset:999999990 %}{% endfor %}", SLOW),
    "joined range": ("text", "{{ (1..100000000) | join: 'x' | size }}", LARGE),
    "replacements": ("text", "{{ 'x' " + TENFOLD * 12 + "| size }}", LARGE),
    "replacements of the empty text": ("subject", "{{ 'x' " + "| replace: '', 'xxxxxxxxx' " * 12 + "| size }}", LARGE),
    "split and join": ("text", "{{ 'x' " + TENFOLD * 8 + "| split: '' | join: 'yyyyyyyyyy' | size }}", LARGE),
    "doubled text": ("text", "{% assign a = 'x' %}" + "{% assign a = a | append: a %}" * 40, "namespace limit"),
    "doubled capture": (
        "text",
        "{% capture a %}xx{% endcapture %}" + "{% capture a %}{{ a }}{{ a }}{% endcapture %}" * 40,
        "stream limit",
    ),
    "huge number": ("text", "{{ 'x' " + TENFOLD * 7 + "| replace: 'x', '9' | times: 2 }}", "conversion limit"),
    "empty loops": ("html", "{% for i in (1..9999) %}{% endfor %}" * 3_000, SLOW),
    "many comparisons": (
        "text",
        "{% assign a = 'x' " + TENFOLD * 5 + "%}{% for i in (1..9999) %}"
        "{% if a contains 'y' or a contains 'z' or a contains 'xy' or a contains 'xz' %}{% endif %}{% endfor %}",
        SLOW,
    ),
    "cycle": ("text", "{% for i in (1..9999) %}{% cycle " + ",".join(["'a'"] * 3_000) + " %}{% endfor %}", SLOW),
    "sorted lists": (
        "text",
        "{% assign a = 'x,' | replace: 'x,', 'y,x,z,x,' | replace: 'x,', 'y,x,z,x,' "
        + "| replace: 'x,', 'y,x,z,x,' " * 9
        + "| split: ',' %}{% for i in (1..5000) %}{% assign b = a | sort %}{% endfor %}",
        SLOW,
    ),
    "spaces in an open tag": ("text", "{{" + " " * 190_000, SLOW),
    "open raw tags": ("html", "{% raw %}" * 20_000, SLOW),
    "nested HTML": ("html", "<style>p{color:red}</style>" + "<div>" * 15_000, LARGE),
    "repeated declarations": ("html", f"<style>{WIDE_RULE}</style>" + "<p>x</p>" * 15_000, LARGE),
    "a few repeated declarations": ("html", f"<style>{WIDE_RULE}</style>" + "<p>x</p>" * 50, "1,000,000 characters"),
    "date in the far future": ("text", "{{ '99999999999999999' | date: '%Y' }}", "cannot be rendered"),
    "subject": ("subject", "{% for i in (1..2000) %}1234567890{% endfor %}", "10,000 characters"),
}
MEASURED_SLACK = 20 * 1024 * 1024


@pytest.fixture(autouse=True)
def no_child_remains() -> Iterator[None]:
    yield
    RENDERER.stop()


def memory() -> int:
    """The resident memory of this process, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def rendered(source: str, **values: Any) -> str:
    return RENDERER.render_email({"text": source}, values)["text"]


def is_running(pid: int) -> bool:
    """Whether the process exists and is not a zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def wait_until_ended(pid: int) -> None:
    for _ in range(100):
        if not is_running(pid):
            return
        time.sleep(0.1)
    raise AssertionError(f"process {pid} is still running")


class TestCostlyTexts:
    @pytest.mark.django_db
    @pytest.mark.parametrize(("part", "source", "reason"), COSTLY.values(), ids=COSTLY)
    def test_a_costly_text_is_refused_and_costs_this_process_nothing(
        self, part: str, source: str, reason: str, settings: Any
    ) -> None:
        rendered("warm up")
        before = memory()
        start = time.monotonic()

        with pytest.raises(Invalid) as refused:
            template(**{part: source})

        assert time.monotonic() - start < settings.RENDER_DEADLINE
        assert memory() - before < MEASURED_SLACK
        (fault,) = refused.value.faults
        assert fault.pointer == f"#/{part}"
        assert reason in fault.detail
        assert rendered("{{ a }}", a="next") == "next"

    def test_the_largest_reasonable_text_is_within_the_limits(self) -> None:
        rules = "".join(f".c{n}{{color:red;padding:{n}px}}" for n in range(300))
        source = f"<style>{rules}</style>" + "<p class='c1'>{{ process.name }} ā</p>" * 4_500
        sources = {"subject": "{{ process.name }}", "html": source, "text": "{{ process.name }} ā" * 9_000}
        values = {"process": {"name": "Nomas līgums, Brīvības iela 12"}}

        for _ in range(3):
            email = RENDERER.render_email(sources, values)

        assert len(email["html"]) > 300_000

    def test_a_text_is_only_to_blame_for_memory_that_it_uses_itself(self) -> None:
        # Each source is cached by the child, until its memory is full.
        for number in range(15):
            assert len(rendered(f"{number}" + "{{ a }}" * 28_000, a="x")) >= 28_000

    @pytest.mark.django_db
    def test_a_stored_text_that_became_costly_holds_up_no_other_message(self, sink: Sink) -> None:
        client_user("boss", rights=["administer"])
        columns = {"event": "TASK_STARTED", "role": "SIGNER", "html": "x", "text": COSTLY["empty loops"][1]}
        MessageTemplate(language="lv", subject="x", created_at=NOON, **columns).save()
        queue("a@example.org", "b@example.org", "c@example.org")
        Message.objects.filter(address="b@example.org").update(language="lv")

        assert send_due() == 2

        message = Message.objects.get(address="b@example.org")
        assert (message.status, message.reason) == ("FAILED", "The text takes too long to render.")
        assert message.resendable

    @pytest.mark.django_db
    def test_a_message_waits_while_nothing_can_be_rendered(self, sink: Sink, settings: Any) -> None:
        template()
        queue("a@example.org")
        # A new child cannot answer at once; a running one may.
        RENDERER.stop()
        settings.RENDER_DEADLINE = 0
        assert send_due() == 0
        assert state("a@example.org") == "QUEUED"

        settings.RENDER_DEADLINE = 20
        Message.objects.update(next_attempt_at=None)
        assert send_due() == 1


class TestChild:
    def test_a_killed_child_is_replaced(self) -> None:
        assert rendered("{{ a }}", a="first") == "first"
        first = RENDERER.child_pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        assert rendered("{{ a }}", a="second") == "second"
        assert RENDERER.child_pid != first
        assert not is_running(first)

    def test_a_stopped_child_is_given_up_at_the_deadline(self, settings: Any) -> None:
        rendered("x")
        settings.RENDER_DEADLINE = 0.5
        pid = RENDERER.child_pid
        assert pid is not None
        os.kill(pid, signal.SIGSTOP)

        with pytest.raises(RendererUnavailable):
            # Larger than what the connection buffers.
            rendered("x" * 2_000_000)

        settings.RENDER_DEADLINE = 20
        assert rendered("next") == "next"
        assert not is_running(pid)

    def test_threads_share_one_child_and_get_their_own_results(self) -> None:
        def render_many(number: int) -> set[int | None]:
            for turn in range(30):
                assert rendered("{{ a }}", a=f"{number}-{turn}") == f"{number}-{turn}"
            return {RENDERER.child_pid}

        with ThreadPoolExecutor(8) as pool:
            pids = set().union(*pool.map(render_many, range(8)))
        assert len(pids) == 1

    def test_a_fork_gets_its_own_child(self) -> None:
        rendered("x")
        parents = RENDERER.child_pid
        assert parents is not None
        reader, writer = os.pipe()
        fork = os.fork()
        if fork == 0:
            try:
                result = rendered("{{ a }}", a="in the fork")
                os.write(writer, f"{result} {RENDERER.child_pid}".encode())
            finally:
                os._exit(0)
        os.close(writer)
        os.waitpid(fork, 0)
        result, _, pid = os.read(reader, 1_000).decode().rpartition(" ")
        os.close(reader)

        assert result == "in the fork"
        assert int(pid) != parents
        wait_until_ended(int(pid))
        assert rendered("{{ a }}", a="in the parent") == "in the parent"
        assert RENDERER.child_pid == parents

    def test_the_result_of_an_interrupted_call_is_never_the_result_of_the_next(self) -> None:
        rendered("x")
        pid = RENDERER.child_pid
        assert pid is not None

        def interrupt(*_: object) -> None:
            raise TimeoutError

        previous = signal.signal(signal.SIGALRM, interrupt)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        try:
            with pytest.raises(TimeoutError):
                rendered("first" + "{% for i in (1..9999) %}{% endfor %}" * 500)
        finally:
            signal.signal(signal.SIGALRM, previous)
        assert not is_running(pid)
        assert rendered("second") == "second"

    @pytest.mark.parametrize("ending", ["sys.exit()", "os.kill(os.getpid(), 9)", "os._exit(0)"])
    def test_a_child_ends_with_its_parent(self, ending: str) -> None:
        script = (
            "import os, sys, django; django.setup()\n"
            "from notifications.texts.renderer import RENDERER\n"
            "RENDERER.render_email({'text': 'x'}, {})\n"
            f"print(RENDERER.child_pid, flush=True); {ending}"
        )
        environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings"}
        done = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        assert done.stdout.strip(), done.stderr
        wait_until_ended(int(done.stdout))

    def test_the_environment_of_a_child_contains_no_secrets(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("SECRET_KEY", "top secret")
        rendered("x")
        environment = Path(f"/proc/{RENDERER.child_pid}/environ").read_text()
        names = {line.partition("=")[0] for line in environment.split("\0") if line}
        assert names <= {"PATH", "LD_LIBRARY_PATH", "LANG", "TZ", "PYTHONPATH"}

    def test_a_child_imports_neither_django_nor_the_rest_of_the_product(self) -> None:
        script = "import sys, notifications.texts.render_child; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
        assert {"django", "celery", "config"}.isdisjoint(done.stdout.split())

    def test_a_child_has_the_time_zone_of_the_service(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("TZ", "Asia/Kathmandu")
        local = datetime.fromisoformat(rendered("{{ 'now' | date: '%Y-%m-%d %H:%M:%S' }}") + "+05:45")
        assert abs(local - datetime.now(UTC)) < timedelta(minutes=1)

    def test_waiting_for_another_thread_ends_at_the_deadline(self, settings: Any) -> None:
        def render_slowly() -> None:
            with pytest.raises(Unrenderable):
                rendered(COSTLY["empty loops"][1])

        rendered("x")
        busy = threading.Thread(target=render_slowly)
        busy.start()
        time.sleep(0.2)
        settings.RENDER_DEADLINE = 0.2
        start = time.monotonic()
        with pytest.raises(RendererUnavailable):
            rendered("x")
        assert time.monotonic() - start < 1.5
        busy.join()
