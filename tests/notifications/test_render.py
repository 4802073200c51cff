import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from config.vocabulary import EventType as E
from config.vocabulary import Role
from notifications.models import Message
from notifications.render import VARIABLES, NoText, _words, language_for, mail

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEXTS = [(event, role) for event, roles in _words("en").items() if event != "labels" for role in roles]


def message(event: str = E.TASK_STARTED, role: str = Role.SIGNER, **context: Any) -> Message:
    full = {
        "process": {"name": "Līgums & <b>co</b>", "initiator": "Ilze Kalniņa", "comment": "First line\nsecond line"},
        "signer": {"name": "Jānis Bērziņš"},
        "actor": {"name": "Ona", "reason": "Too expensive"},
        "failure": {"event": "TASK_STARTED", "role": "SIGNER"},
        "personalComment": "Look at clause 7.",
        "dueDate": "2026-03-05T15:00:00Z",
    }
    return Message(
        key="k",
        event=event,
        role=role,
        address="janis@example.org",
        signer_id=uuid.UUID(int=7) if role != Role.INITIATOR else None,
        context=full | context,
        created_at=NOW,
        queued_at=NOW,
    )


def parts(of: Message) -> tuple[str, str, str]:
    made = mail(of)
    return made.subject, str(made.body), str(made.alternatives[0].content)


def test_a_call_says_all_that_the_signer_needs(settings: Any) -> None:
    settings.PORTAL_URL = "https://portal.example.org/sign/{signerId}"
    settings.TIME_ZONE = "Europe/Riga"
    subject, text, html = parts(message())

    assert subject == "Please sign: Līgums & <b>co</b>"
    link = "https://portal.example.org/sign/00000000-0000-0000-0000-000000000007"
    for words in ("Jānis Bērziņš", "Ilze Kalniņa", "5 March 2026, 17:00 EET", "Look at clause 7.", "second line", link):
        assert words in text
        assert words in html
    assert "Līgums & <b>co</b>" in text
    assert "Līgums &amp; &lt;b&gt;co&lt;/b&gt;" in html
    assert '<html lang="en">' in html


@pytest.mark.parametrize(("event", "role"), TEXTS)
@pytest.mark.parametrize("context", [{}, {name: {} if isinstance(v, dict) else None for name, v in VARIABLES.items()}])
def test_every_shipped_text_renders_with_much_and_with_nothing(event: str, role: str, context: dict[str, Any]) -> None:
    subject, text, html = parts(message(event, role, **context))
    assert subject.strip()
    assert "{{" not in subject + text + html
    assert "None" not in text
    assert "\n\n\n" not in text


def test_new_lines_never_reach_a_header() -> None:
    subject, _, _ = parts(message(process={"name": "a\r\nBcc: b@example.org"}))
    assert "\n" not in subject
    assert "\r" not in subject


def test_headers() -> None:
    headers = mail(message()).extra_headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"].startswith("<")


def test_an_unknown_text_is_said() -> None:
    with pytest.raises(NoText, match="SIGNATURE"):
        mail(message(E.SIGNATURE))


@pytest.mark.parametrize("tag", ["", "en", "EN-gb", "sv", "lv-LV"])
def test_languages_fall_back(tag: str) -> None:
    assert language_for(tag) == "en"
