"""Which text a message is written with: an operator's or the shipped one, in the reader's language where there is one.

For each language in turn (the reader's, the service's, English): the owner group's own template, the general one, the
shipped text. A template that is switched off says that nobody is written to.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.conf import settings

from config.errors import DomainError
from notifications.models import MessageTemplate
from notifications.texts.shipped import LANGUAGES, Source, pairs, shipped


class NoText(DomainError):
    """There is no text for this event and role, in no language that would do."""

    code = "no_text"
    status = 404


class TextDisabled(DomainError):
    """The text for this event and role is switched off: nobody is to be written to."""

    code = "switched_off"
    status = 409


@dataclass(frozen=True, slots=True)
class Text:
    source: Source | MessageTemplate
    language: str
    origin: str
    """In words, for people: `as shipped`, `template, version 3`."""
    group: str | None = None
    """The owner group whose own text it is."""


class Texts:
    """The templates of some events, read once. One query.

    Without their `bodies` where it is only asked who is written to.
    """

    def __init__(self, events: Iterable[str], *, bodies: bool = True) -> None:
        rows = MessageTemplate.objects.filter(event__in=set(events))
        rows = rows if bodies else rows.defer("subject", "html", "text")
        self._rows = {(row.event, row.role, row.language, row.owner_group or None): row for row in rows}

    def has_text(self, event: str, role: str) -> bool:
        """Whether there is a text, or one that is switched off, in whichever language."""
        return (event, role) in pairs() or any(key[:2] == (event, role) for key in self._rows)

    def choose(self, event: str, role: str, *, tag: str = "", group: str | None = None) -> Text:
        """The text for a reader of this language tag; `NoText` or `TextDisabled` where nothing is to be written."""
        for language in languages(tag):
            for owner in dict.fromkeys((group or None, None)):
                row = self._rows.get((event, role, language, owner))
                if row is not None:
                    if not row.active:
                        raise TextDisabled(f"The text of {event} to {role} ({_where(row)}) is switched off.")
                    return Text(row, language, f"template for {_where(row)}, version {row.version}", owner)
            if source := shipped(event, role, language):
                return Text(source, language, "as shipped")
        raise NoText(f"There is no text for {event} to {role}.")


def languages(tag: str) -> Iterator[str]:
    """The languages to try for a tag, `lv-LV` read as `lv`; then the service's, then English."""
    tags = (tag, settings.EMAIL_LANGUAGE, LANGUAGES[0])
    return iter(dict.fromkeys(language for tag in tags if (language := tag.split("-")[0].lower())))


def _where(row: MessageTemplate) -> str:
    return f"{row.language}, {row.owner_group}" if row.owner_group else row.language
