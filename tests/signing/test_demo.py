"""What `make run` prints and logs."""

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from pytest_django import DjangoCaptureOnCommitCallbacks

from signing import actions
from signing.management.commands import demo
from tests.builders import NOON, OWNER, validated
from tests.people import ANA, body

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"EMAIL_HOST": "smtp.example.org", "EMAIL_PORT": 465}, "sent through smtp.example.org:465"),
        ({"EMAIL_FILE_PATH": "/var/mail"}, "written to files in /var/mail"),
        ({"EMAIL_BACKEND": "django.core.mail.backends.console.EmailBackend"}, "printed here"),
        ({"EMAIL_BACKEND": "django.core.mail.backends.dummy.EmailBackend"}, "not sent"),
    ],
)
def test_the_banner_shows_where_emails_go(
    settings: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    values: dict[str, object],
    expected: str,
) -> None:
    monkeypatch.setattr(demo, "LOGIN_FILE", tmp_path / "demo.json")
    settings.EMAIL_FILE_PATH = settings.EMAIL_HOST = ""
    settings.EMAIL_BACKEND = "notifications.backends.smtp.EmailBackend"
    for name, value in values.items():
        setattr(settings, name, value)

    call_command("demo", port="8123")

    banner = capsys.readouterr().out
    assert f"Emails        {expected}\n" in banner
    assert "http://localhost:8123/admin/" in banner
    assert "8000" not in banner
    assert "EmailBackend" not in banner


def test_a_created_process_is_logged_by_its_id_after_the_commit(
    caplog: pytest.LogCaptureFixture, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    caplog.set_level("INFO")
    draft = validated(body([[ANA]], documentName="Secret contract", status="PENDING"))
    with django_capture_on_commit_callbacks(execute=True):
        process = actions.create(draft, actor=OWNER, at=NOON).process
        assert "was created" not in caplog.text

    (line,) = [record.getMessage() for record in caplog.records if "was created" in record.getMessage()]
    assert line == f"process {process.pk} was created"
