"""Which text is used for which event, role and language: the table on the page of all email texts."""

from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.http import urlencode

from config.api_values import JsonObject
from notifications.models import MessageTemplate
from notifications.texts.email_types import EMAIL_TYPES
from notifications.texts.shipped import LANGUAGES, shipped_text


@dataclass(frozen=True, slots=True)
class Cell:
    """Which text is used, as a state for the page; `url` is where it can be changed."""

    state: str
    url: str
    outdated: bool


class Matrix:
    """For every event, role and language the text that is used for an owner group, or in general."""

    def __init__(self, group: str | None) -> None:
        self._group = group
        self._rows: dict[tuple[str, str, str, str | None], MessageTemplate] = {}
        for row in MessageTemplate.objects.defer("html", "text"):
            self._rows[row.event, row.role, row.language, row.owner_group or None] = row
        own_languages = {language for _, _, language, _ in self._rows}
        self.languages = list(dict.fromkeys([*LANGUAGES, *sorted(own_languages)]))
        self.lines = [self._line(event, role) for event, role in EMAIL_TYPES]
        self.missing = 0
        for line in self.lines:
            self.missing += sum(cell.state == "missing" for cell in line["cells"])

    def _line(self, event: str, role: str) -> JsonObject:
        cells = [self._cell(event, role, language) for language in self.languages]
        # Without a text in any language, there is no email.
        if all(cell.state == "missing" for cell in cells):
            cells = [replace(cell, state="none") for cell in cells]
        return {"event": event, "role": role, "cells": cells, "query": page_query(event, role, group=self._group)}

    def _cell(self, event: str, role: str, language: str) -> Cell:
        own = self._rows.get((event, role, language, self._group))
        general = self._rows.get((event, role, language, None))
        if own is not None:
            state = "changed" if own.active else "disabled"
            url = reverse("admin:notifications_messagetemplate_change", args=[own.pk])
            return Cell(state, url, own.active and own.outdated)

        # There is no template to change, so the link adds one.
        query = page_query(event, role, language=language, owner_group=self._group)
        url = f"{reverse('admin:notifications_messagetemplate_add')}?{query}"
        if general is not None:
            return Cell("general" if general.active else "disabled", url, outdated=False)
        return Cell("shipped" if shipped_text(event, role, language) else "missing", url, outdated=False)


def page_query(event: str, role: str, **more: str | None) -> str:
    """The query string of a page about this event and role."""
    parameters = {name: value for name, value in more.items() if value}
    return urlencode({"event": event, "role": role, **parameters})
