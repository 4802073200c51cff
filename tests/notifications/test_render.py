import uuid
from datetime import UTC, datetime
from typing import Any

import pytest

from config.vocabulary import EventType as E
from config.vocabulary import Role
from notifications.models import Message
from notifications.texts.choice import NoText, languages
from notifications.texts.offer import OFFERED
from notifications.texts.render import mail
from notifications.texts.shipped import LANGUAGES, pairs, shipped
from notifications.texts.values import VARIABLES

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
TEXTS = sorted(pairs())
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


def test_every_pair_that_the_domain_writes_to_has_a_text_and_each_is_offered() -> None:
    assert set(TEXTS) <= set(OFFERED)
    assert len(TEXTS) == 20


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(("event", "role"), TEXTS)
@pytest.mark.parametrize("context", [{}, {name: {} if isinstance(v, dict) else None for name, v in VARIABLES.items()}])
def test_every_shipped_text_renders_with_much_and_with_nothing(
    event: str, role: str, language: str, context: dict[str, Any]
) -> None:
    context.pop("tasks", None)
    written = message(event, role, **context)
    written.language = language
    subject, text, html = parts(written)
    assert written.written_with == f"{language}, as shipped"
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
def test_each_language_has_words_of_its_own_for_every_text(language: str) -> None:
    for event, role in TEXTS:
        ours = shipped(event, role, language)
        assert ours is not None
        if language != "en":
            english = shipped(event, role, "en")
            assert english is not None
            assert ours.subject != english.subject


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
def test_dates_are_written_as_the_reader_writes_them(settings: Any, language: str, day: str) -> None:
    settings.TIME_ZONE = "Europe/Riga"
    written = message()
    written.language = language
    _, text, html = parts(written)
    assert day in text
    assert day in html


def test_new_lines_never_reach_a_header() -> None:
    subject, _, _ = parts(message(process={"name": "a\r\nBcc: b@example.org"}))
    assert "\n" not in subject
    assert "\r" not in subject


def test_headers(settings: Any) -> None:
    written = message()
    headers = mail(written).extra_headers
    assert headers["Auto-Submitted"] == "auto-generated"
    assert headers["Message-ID"].startswith("<")
    assert "List-Unsubscribe" not in mail(written).message()
    assert "Reply-To" not in mail(written).message()
    written.reply_to = "ilze@example.com"
    assert mail(written).message()["Reply-To"] == "ilze@example.com"


def test_an_unknown_text_is_said() -> None:
    with pytest.raises(NoText, match="SIGNATURE"):
        mail(message(E.SIGNATURE))


@pytest.mark.parametrize(
    ("tag", "tried"),
    [("", ["en"]), ("EN-gb", ["en"]), ("sv", ["sv", "en"]), ("lv-LV", ["lv", "en"]), ("LT", ["lt", "en"])],
)
def test_languages_fall_back(tag: str, tried: list[str]) -> None:
    assert list(languages(tag)) == tried


def test_the_services_language_comes_before_english(settings: Any) -> None:
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

    made = mail(leader, merged=rows)

    assert made.subject == "Reminder: 2 documents are waiting for you"
    for part in (str(made.body), str(made.alternatives[0].content)):
        for number in (1, 2):
            assert f"Contract {number}" in part
            assert f"https://portal.example.org/sign/00000000-0000-0000-0000-00000000000{number}" in part
    assert mail(leader, merged=rows[:1]).subject == "Reminder to sign: Contract 1"
    assert "sign/00000000-0000-0000-0000-000000000001" in str(mail(leader, merged=rows[:1]).body)
