"""Builds the email of a message: the text for its reader, filled in with the context of the message.

Links are made here, when an email is sent, and are never stored.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from email.message import Message as MimeMessage
from email.utils import parseaddr
from functools import cache

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.utils import timezone
from django.utils.encoding import punycode

from config.addresses import delivery_address
from config.api_values import JsonObject
from config.vocabulary import EventType
from notifications.hooks import process_hooks
from notifications.models import Message, MessageTemplate
from notifications.texts import sandbox
from notifications.texts.choice import ChosenText, Texts
from notifications.texts.headers import header_address, header_text
from notifications.texts.moments import moment_value
from notifications.texts.renderer import RENDERER, Unrenderable
from notifications.texts.shipped import TextSource
from notifications.texts.values import VARIABLES

TEST_MARK = "[Test]"

# English dates are written the British way: 5 March 2026.
_LOCALES = {"en": "en_GB"}


@dataclass(frozen=True, slots=True)
class EmailParts:
    subject: str
    html: str
    text: str


class _Email(EmailMultiAlternatives):
    """An email whose subject is shown literally, and begins in the first line of its header."""

    def message(self) -> MimeMessage:  # type: ignore[override]  # the stubs describe Django 6
        message = super().message()
        message.replace_header("Subject", header_text(str(self.subject), header="Subject"))
        return message


def build_email(message: Message, texts: Texts | None = None, merged: Sequence[Message] = ()) -> EmailMultiAlternatives:
    """The email as it is sent: subject, plain text, HTML, the signer's link, a Message-ID derived from the key.

    `merged` are the messages in a digest. Raises `NoText`, `TextDisabled`, `Unrenderable` or
    `RendererUnavailable`. Sets `template_used` on the message.
    """
    text = choose_text(message, texts or Texts([message.event]))
    message.template_used = text.description
    parts = render_parts(text.source, text_values(message, text.language, merged))
    subject = parts.subject
    if message.context.get("test"):
        subject = f"{TEST_MARK} {subject}"

    # The names are in the headers only: the mail server gets the bare addresses.
    recipient = delivery_address(message.address)
    headers = {
        "From": header_address(parseaddr(settings.DEFAULT_FROM_EMAIL)[0], parseaddr(_sender())[1], header="From"),
        "To": header_address(message.name, recipient, header="To"),
        "Message-ID": message_id(message),
        "Auto-Submitted": "auto-generated",
    }
    email = _Email(subject, parts.text, _sender(), to=[recipient], headers=headers)
    email.attach_alternative(parts.html, "text/html")
    if message.reply_to:
        email.reply_to = [delivery_address(message.reply_to)]
    return email


def choose_text(message: Message, texts: Texts) -> ChosenText:
    """The text for the reader of a message; raises `NoText` or `TextDisabled`."""
    return texts.choose(message.event, message.role, tag=message.language, group=message.owner_group)


def render_parts(source: TextSource | MessageTemplate, values: JsonObject) -> EmailParts:
    """The three parts of an email; raises `Unrenderable`, and for an administrator's text `RendererUnavailable`."""
    sources = {"subject": source.subject, "html": source.html, "text": source.text}
    if isinstance(source, TextSource):
        # The product's own texts are known to be cheap, so they need no child process.
        try:
            return EmailParts(**sandbox.render_email(sources, values))
        except sandbox.InvalidText as exc:
            raise Unrenderable(str(exc)) from exc
    return EmailParts(**RENDERER.render_email(sources, values))


def text_values(message: Message, language: str, merged: Sequence[Message] = ()) -> JsonObject:
    """The values for the text of a message, with dates in its language and links for its reader."""
    values = _values(message, language)
    if message.event == EventType.REMINDER and "tasks" not in message.context:
        tasks = [_task(row, language) for row in merged or [message]]
        # A digest of which one task is left reads like a reminder of that task.
        if len(merged) == 1:
            values |= _values(merged[0], language)
        values["tasks"] = tasks
    return values


def message_id(message: Message) -> str:
    """The same for every attempt, and another one when the message is sent again on request."""
    key = message.key
    if message.queued_at != message.created_at:
        key += message.queued_at.isoformat()
    digest = hashlib.sha256(key.encode()).hexdigest()[:32]
    # Headers are ASCII, and a server without SMTPUTF8 takes no other domain.
    return f"<{digest}@{punycode(settings.MESSAGE_ID_DOMAIN)}>"


def _sender() -> str:
    """The sender with the domain in ASCII. Django itself would follow IDNA 2003, in which `straße` is `strasse`."""
    address = parseaddr(settings.DEFAULT_FROM_EMAIL)[1]
    if address.isascii():
        return settings.DEFAULT_FROM_EMAIL
    return delivery_address(address)


def _values(message: Message, language: str) -> JsonObject:
    """Every variable: from the context of the message, or else empty."""
    context = message.context
    values: JsonObject = {}
    for name, empty in VARIABLES.items():
        if isinstance(empty, dict):
            values[name] = {**empty, **context.get(name, {})}
        else:
            values[name] = context.get(name, empty)
    values["tasks"] = [{**task, "dueDate": _local_time(task["dueDate"], language)} for task in values["tasks"]]
    values["dueDate"] = _local_time(values["dueDate"], language)
    values["link"] = _link(message)
    return values


def _task(message: Message, language: str) -> JsonObject:
    values = _values(message, language)
    return {
        "name": values["process"]["name"],
        "initiator": values["process"]["initiator"],
        "comment": values["personalComment"],
        "dueDate": values["dueDate"],
        "link": values["link"],
    }


def _local_time(time: str | None, language: str) -> dict[str, str] | None:
    """A time in the language of the reader and the time zone of the service."""
    if not time:
        return None
    local = timezone.localtime(datetime.fromisoformat(time))
    words = f"{format_date(local, format='long', locale=_locale(language))}, {local:%H:%M %Z}"
    return moment_value(local, words)


@cache
def _locale(language: str) -> Locale:
    try:
        return Locale.parse(_LOCALES.get(language, language))
    except (UnknownLocaleError, ValueError):
        return Locale.parse(_LOCALES["en"])


def _link(message: Message) -> str | None:
    if message.signer_id:
        return process_hooks().signer_link(message.signer_id)
    return message.context.get("link")
