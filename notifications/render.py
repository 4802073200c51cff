"""Makes the mail of a message: shipped texts (Liquid, strict, bounded) rendered with the row's context.

A template sees the values of its context and nothing else. Text and HTML are made of the same
paragraphs: `texts/<language>.toml` has the words of each (event, role), `texts/layout.*` the rest.
"""

import hashlib
import re
import tomllib
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from django.utils.module_loading import import_string
from liquid import Environment, StrictUndefined
from liquid.exceptions import LiquidError

from config.errors import DomainError
from notifications.models import Message

VARIABLES: dict[str, Any] = {
    "process": {"name": None, "initiator": None, "comment": None},
    "signer": {"name": None},
    "actor": {"name": None, "reason": None, "self": False},
    "failure": {"event": None, "role": None},
    "dueDate": None,
    "personalComment": None,
}
"""Everything that a text may speak of; what a message's context leaves out is nothing."""

TEXTS = Path(__file__).parent / "texts"
FALLBACK = "en"


class NoText(DomainError):
    """No text is shipped for this event and role."""

    code = "no_text"
    status = 404


class Unrenderable(DomainError):
    code = "unrenderable"
    status = 400


class _Bounded(Environment):
    loop_iteration_limit = 10_000
    output_stream_limit = 1_000_000
    context_depth_limit = 20


_TEXT = _Bounded(undefined=StrictUndefined)
_HTML = _Bounded(undefined=StrictUndefined, autoescape=True)


def mail(message: Message) -> EmailMultiAlternatives:
    """The mail as it is sent: subject, text, HTML, the signer's own link, a Message-ID made of the key."""
    language = language_for(message.language)
    words = _words(language)
    try:
        entry = words[message.event][message.role]
    except KeyError:
        raise NoText(f"There is no text for {message.event} to {message.role}.") from None
    values = _values(message)
    try:
        subject = _TEXT.from_string(entry["subject"]).render(**values)
        labels = {**words["labels"], "footer": entry.get("footer", words["labels"]["footer"])}
        parts = {"labels": labels, "language": language, "action": entry.get("action"), "link": _link(message)}
        title = _TEXT.from_string(entry.get("title", entry["subject"])).render(**values)
        paragraphs = [_TEXT.from_string(paragraph).render(**values) for paragraph in entry["body"]]
        text, html = (
            layout.render(**values, **parts, title=title, paragraphs=[p for p in paragraphs if p.strip()])
            for layout in (_layout("txt"), _layout("html"))
        )
    except LiquidError as exc:
        raise Unrenderable(f"The text of {message.event} to {message.role} cannot be rendered: {exc}.") from exc
    headers = {"Message-ID": message_id(message), "Auto-Submitted": "auto-generated"}
    outgoing = EmailMultiAlternatives(_one_line(subject), _tight(text), to=[message.address], headers=headers)
    outgoing.attach_alternative(html, "text/html")
    return outgoing


def message_id(message: Message) -> str:
    """The same for every try of a message, another when it is deliberately sent again."""
    again = "" if message.queued_at == message.created_at else message.queued_at.isoformat()
    digest = hashlib.sha256(f"{message.key}{again}".encode()).hexdigest()[:32]
    return f"<{digest}@{settings.MESSAGE_ID_DOMAIN}>"


def language_for(tag: str) -> str:
    """The shipped language for a tag: `lv-LV` is read as `lv`, what does not ship as the service's default."""
    wanted = (tag.split("-")[0].lower(), settings.MAIL_LANGUAGE)
    return next((language for language in wanted if language in _shipped()), FALLBACK)


def _values(message: Message) -> dict[str, Any]:
    values: dict[str, Any] = {
        name: {**known, **message.context.get(name, {})} if isinstance(known, dict) else message.context.get(name)
        for name, known in VARIABLES.items()
    }
    return {**values, "dueDate": _local(values["dueDate"]) if values["dueDate"] else None}


def _local(moment: str) -> str:
    return f"{timezone.localtime(datetime.fromisoformat(moment)):%-d %B %Y, %H:%M %Z}"


def _link(message: Message) -> str | None:
    make: Any = import_string(settings.LINK_MAKER)
    return make(message.signer_id) if message.signer_id else None


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _tight(text: str) -> str:
    """One empty line where the layout's unused parts left several."""
    return re.sub(r"\n{3,}", "\n\n", text)


@cache
def _shipped() -> frozenset[str]:
    return frozenset(path.stem for path in TEXTS.glob("*.toml"))


@cache
def _words(language: str) -> dict[str, Any]:
    return tomllib.loads((TEXTS / f"{language}.toml").read_text(encoding="utf-8"))


@cache
def _layout(kind: str) -> Any:
    environment = _HTML if kind == "html" else _TEXT
    return environment.from_string((TEXTS / f"layout.{kind}").read_text(encoding="utf-8"))
