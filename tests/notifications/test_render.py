import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from config.vocabulary import EventType as E
from config.vocabulary import Role
from notifications.models import Message, MessageTemplate
from notifications.texts.choice import NoText, languages
from notifications.texts.email_types import EMAIL_TYPES
from notifications.texts.render import build_email, render_parts, text_values
from notifications.texts.shipped import LANGUAGES, shipped_pairs, shipped_text
from notifications.texts.values import VARIABLES

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEXTS = sorted(shipped_pairs())
pytestmark = pytest.mark.django_db


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
    email = build_email(of)
    return email.subject, str(email.body), str(email.alternatives[0].content)


def test_a_task_email_contains_everything_the_signer_needs(settings: Any) -> None:
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


def test_every_shipped_text_has_an_email_type() -> None:
    assert set(TEXTS) <= set(EMAIL_TYPES)
    assert len(TEXTS) == 21


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("event", "role"), TEXTS)
@pytest.mark.parametrize("context", [{}, {name: {} if isinstance(v, dict) else None for name, v in VARIABLES.items()}])
def test_every_shipped_text_renders_with_all_values_and_with_none(
    event: str, role: str, language: str, context: dict[str, Any]
) -> None:
    context.pop("tasks", None)
    row = message(event, role, **context)
    row.language = language
    subject, text, html = parts(row)
    assert row.template_used == f"{language}, as shipped"
    assert subject.strip()
    assert f'<html lang="{language}">' in html
    for part in (subject, text, html):
        assert "{{" not in part
        assert "{%" not in part
        assert "[[" not in part
        assert "None" not in part
    assert "\n\n\n" not in text
    if "due" in text.casefold():
        assert language == "en"


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_text_is_translated_into_every_language(language: str) -> None:
    for event, role in TEXTS:
        source = shipped_text(event, role, language)
        assert source is not None
        if language != "en":
            english = shipped_text(event, role, "en")
            assert english is not None
            assert source.subject != english.subject


@pytest.mark.parametrize(
    ("language", "day"),
    [
        ("en", "5 March 2026, 17:00 EET"),
        ("lv", "2026. gada 5. marts, 17:00 EET"),
        ("lt", "2026 m. kovo 5 d., 17:00 EET"),
        ("et", "5. märts 2026, 17:00 EET"),
        ("pl", "5 marca 2026, 17:00 EET"),
        ("sv", "5 March 2026, 17:00 EET"),
    ],
)
def test_dates_are_in_the_language_of_the_reader(settings: Any, language: str, day: str) -> None:
    settings.TIME_ZONE = "Europe/Riga"
    row = message()
    row.language = language
    _, text, html = parts(row)
    assert day in text
    assert day in html


def test_the_subject_contains_no_line_breaks() -> None:
    subject, _, _ = parts(message(process={"name": "a\r\nBcc: b@example.org"}))
    assert "\n" not in subject
    assert "\r" not in subject


def test_headers(settings: Any) -> None:
    row = message()
    headers = build_email(row).extra_headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"].startswith("<")
    assert "List-Unsubscribe" not in build_email(row).message()
    assert "Reply-To" not in build_email(row).message()
    row.reply_to = "ilze@example.com"
    assert build_email(row).message()["Reply-To"] == "ilze@example.com"


def test_an_event_without_a_text_is_refused() -> None:
    with pytest.raises(NoText, match="SIGNATURE"):
        build_email(message(E.SIGNATURE))


@pytest.mark.parametrize(
    ("tag", "tried"),
    [("", ["en"]), ("EN-gb", ["en"]), ("sv", ["sv", "en"]), ("lv-LV", ["lv", "en"]), ("LT", ["lt", "en"])],
)
def test_languages_fall_back(tag: str, tried: list[str]) -> None:
    assert list(languages(tag)) == tried


def test_the_language_of_the_service_comes_before_english(settings: Any) -> None:
    settings.EMAIL_LANGUAGE = "et"
    assert list(languages("sv-SE")) == ["sv", "et", "en"]


def test_a_reminder_of_several_tasks_lists_each_with_its_link(settings: Any) -> None:
    settings.PORTAL_URL = "https://portal.example.org/sign/{signerId}"
    rows = []
    for number in (1, 2):
        row = message(E.REMINDER, process={"name": f"Contract {number}", "initiator": "Ilze"})
        row.signer_id = uuid.UUID(int=number)
        rows.append(row)
    leader = message(E.REMINDER, process={"name": None})
    leader.signer_id = None

    email = build_email(leader, merged=rows)

    assert email.subject == "Reminder: 2 documents are waiting for you"
    for part in (str(email.body), str(email.alternatives[0].content)):
        for number in (1, 2):
            assert f"Contract {number}" in part
            assert f"https://portal.example.org/sign/00000000-0000-0000-0000-00000000000{number}" in part
    assert build_email(leader, merged=rows[:1]).subject == "Reminder to sign: Contract 1"
    assert "sign/00000000-0000-0000-0000-000000000001" in str(build_email(leader, merged=rows[:1]).body)


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ('{{ dueDate | date: "%d.%m.%Y" }}', "05.03.2026"),
        ('{{ dueDate | date: "%Y-%m-%d %H:%M" }}', "2026-03-05 17:00"),
        ("{{ dueDate }}", "2026. gada 5. marts, 17:00 EET"),
        ("{{ dueDate | append: '!' }}", "2026. gada 5. marts, 17:00 EET!"),
        ("{{ dueDate | upcase }}", "2026. GADA 5. MARTS, 17:00 EET"),
        ("{% if dueDate %}{{ dueDate | default: 'none' }}{% endif %}", "2026. gada 5. marts, 17:00 EET"),
        ("{% for task in tasks %}{{ task.dueDate | date: '%d.%m.' }}{% endfor %}", "05.03."),
        ("{% for task in tasks %}{{ task.dueDate }}{% endfor %}", "2026. gada 5. marts, 17:00 EET"),
    ],
)
def test_a_text_formats_the_due_date_as_it_likes(settings: Any, source: str, expected: str) -> None:
    settings.TIME_ZONE = "Europe/Riga"
    template = MessageTemplate(event="REMINDER", role="SIGNER", language="lv", subject="s", html=source, text=source)
    row = message("REMINDER")
    values = text_values(row, "lv")
    # Values are JSON: they can be rendered in another process.
    parts = render_parts(template, json.loads(json.dumps(values)))
    assert (parts.text, parts.html) == (expected, expected.replace("'", "&#39;"))


def test_a_text_without_a_due_date_renders() -> None:
    source = '{% if dueDate %}{{ dueDate | date: "%d.%m.%Y" }}{% endif %}'
    template = MessageTemplate(event="REMINDER", role="SIGNER", language="lv", subject="s", html=source, text=source)
    assert render_parts(template, text_values(message("REMINDER", dueDate=None), "lv")).text == ""
