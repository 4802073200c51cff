"""Makes the mail of a message: a text chosen for its reader, rendered with the row's context.

Links are made here, when a mail is sent, and stand in no row.
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone

from config.vocabulary import EventType
from notifications.hooks import process_hooks
from notifications.models import Message, MessageTemplate
from notifications.texts import sandbox
from notifications.texts.choice import Text, Texts
from notifications.texts.shipped import Source
from notifications.texts.values import VARIABLES

TEST_MARK = "[Test]"
"""What the subject of a test mail begins with."""

_WRITTEN_AS = {"en": "en_GB"}


@dataclass(frozen=True, slots=True)
class Rendered:
    subject: str
    html: str
    text: str


def mail(message: Message, texts: Texts | None = None, merged: Sequence[Message] = ()) -> EmailMultiAlternatives:
    """The mail as it is sent: subject, text, HTML, the signer's own link, a Message-ID made of the key.

    `merged` are the messages that go out in it. `NoText`, `TextDisabled` or `Unrenderable` where there is none. The
    text that was used is noted on the message.
    """
    text = (texts or Texts([message.event])).choose(
        message.event, message.role, tag=message.language, group=message.owner_group
    )
    message.written_with = described(text)
    return _outgoing(message, rendered(text.source, values(message, text.language, merged)))


def rendered(source: Source | MessageTemplate, given: Mapping[str, Any]) -> Rendered:
    """The three parts of a mail; `Unrenderable` says which cannot be made and why."""
    return Rendered(
        _one_line(sandbox.render(source.subject, given)),
        sandbox.inlined(sandbox.render(source.html, given, html=True)),
        _tight(sandbox.render(source.text, given)),
    )


def values(message: Message, language: str, merged: Sequence[Message] = ()) -> dict[str, Any]:
    """What the message's text may speak of, dates in its language and links made for its reader."""
    found = _values(message.context, language, link=_link(message))
    if message.event == EventType.REMINDER and "tasks" not in message.context:
        found["tasks"] = [_task(row, language) for row in merged or [message]]
        if len(found["tasks"]) == 1 and merged:
            found |= {**_values(merged[0].context, language, link=_link(merged[0])), "tasks": found["tasks"]}
    return found


def message_id(message: Message) -> str:
    """The same for every try of a message, another when it is deliberately sent again."""
    again = "" if message.queued_at == message.created_at else message.queued_at.isoformat()
    digest = hashlib.sha256(f"{message.key}{again}".encode()).hexdigest()[:32]
    return f"<{digest}@{settings.MESSAGE_ID_DOMAIN}>"


def described(text: Text) -> str:
    return f"{text.language}, {text.origin}"


def _outgoing(message: Message, parts: Rendered) -> EmailMultiAlternatives:
    outgoing = EmailMultiAlternatives(
        f"{TEST_MARK} {parts.subject}" if message.context.get("test") else parts.subject,
        parts.text,
        to=[message.address],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"},
    )
    outgoing.attach_alternative(parts.html, "text/html")
    return outgoing


def _values(context: Mapping[str, Any], language: str, *, link: str | None) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: {**known, **context.get(name, {})} if isinstance(known, dict) else context.get(name, known)
        for name, known in VARIABLES.items()
    }
    tasks = [{**task, "dueDate": _local(task["dueDate"], language)} for task in found["tasks"]]
    return {**found, "dueDate": _local(found["dueDate"], language), "tasks": tasks, "link": link or context.get("link")}


def _task(message: Message, language: str) -> dict[str, Any]:
    context = message.context
    return {
        "name": context.get("process", {}).get("name"),
        "initiator": context.get("process", {}).get("initiator"),
        "comment": context.get("personalComment"),
        "dueDate": _local(context.get("dueDate"), language),
        "link": _link(message) or context.get("link"),
    }


def _local(moment: str | None, language: str) -> str | None:
    """A moment as a reader of the language writes it, in the service's zone."""
    if not moment:
        return None
    local = timezone.localtime(datetime.fromisoformat(moment))
    return f"{format_date(local, format='long', locale=_locale(language))}, {local:%H:%M %Z}"


@cache
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(_WRITTEN_AS.get(language, language))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_WRITTEN_AS["en"])


def _link(message: Message) -> str | None:
    return process_hooks().signer_link(message.signer_id) if message.signer_id else None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tight(text: str) -> str:
    """One empty line where the layout's unused parts left several."""
    return re.sub(r"\n{3,}", "\n\n", text).lstrip("\n")
