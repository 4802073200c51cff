"""Which text a message gets: an administrator's or the shipped one, in the reader's language if possible.

For each language in turn (the reader's, the service's, English): the owner group's template, the general template, the
shipped text. A disabled template means that no email is sent.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from django.conf import settings

from config.errors import DomainError
from config.text import composed
from notifications.models import MessageTemplate
from notifications.texts.shipped import LANGUAGES, TextSource, shipped_pairs, shipped_text


class NoText(DomainError):
    """There is no text for this event and role in any suitable language."""

    code = "no_text"
    status = 404


class TextDisabled(DomainError):
    """The text for this event and role is disabled: no email is sent."""

    code = "switched_off"
    status = 409


@dataclass(frozen=True, slots=True)
class ChosenText:
    """A text in its language. `origin` describes for people where it is from: `template for lv, version 3`.

    `group` is the owner group if the text is the group's own.
    """

    source: TextSource | MessageTemplate
    language: str
    origin: str
    group: str | None = None

    @property
    def description(self) -> str:
        return f"{self.language}, {self.origin}"


class Texts:
    """The templates of some events, read with one query. Without `bodies`, they only determine who gets an email."""

    def __init__(self, events: Iterable[str], *, bodies: bool = True) -> None:
        rows = MessageTemplate.objects.filter(event__in=set(events))
        if not bodies:
            rows = rows.defer("subject", "html", "text")
        self._rows = {(row.event, row.role, row.language, composed(row.owner_group or "")): row for row in rows}

    def has_text(self, event: str, role: str) -> bool:
        """Whether there is a text in any language, even a disabled one."""
        return (event, role) in shipped_pairs() or any(key[:2] == (event, role) for key in self._rows)

    def choose(self, event: str, role: str, *, tag: str = "", group: str | None = None) -> ChosenText:
        """The text for a reader with this language tag; `NoText` or `TextDisabled` if no email is sent."""
        for language in languages(tag):
            for owner in dict.fromkeys((composed(group or ""), "")):
                row = self._rows.get((event, role, language, owner))
                if row is not None:
                    return _chosen(row)
            source = shipped_text(event, role, language)
            if source:
                return ChosenText(source, language, "as shipped")
        raise NoText(f"There is no text for {event} to {role}.")


def languages(tag: str) -> list[str]:
    """The languages to try for a tag (`lv-LV` counts as `lv`): the reader's, the service's, English."""
    tags = (tag, settings.EMAIL_LANGUAGE, LANGUAGES[0])
    codes = [tag.split("-")[0].lower() for tag in tags]
    return [code for code in dict.fromkeys(codes) if code]


def _chosen(row: MessageTemplate) -> ChosenText:
    if not row.active:
        raise TextDisabled(f"The text for {row} is disabled.")
    origin = f"template for {row.place}, version {row.version}"
    return ChosenText(row, row.language, origin, row.owner_group or None)
