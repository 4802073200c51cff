"""What a mail would look like: in each language, with sample values or those of a process, links masked."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from django.utils import timezone

from config.api_values import is_id
from config.errors import DomainError, Invalid
from config.vocabulary import EventType, Role
from notifications.drafts import Draft, message_from
from notifications.hooks import process_hooks
from notifications.models import MessageTemplate
from notifications.sample_email import masked_link
from notifications.texts.choice import Texts
from notifications.texts.render import Rendered, described, rendered, values
from notifications.texts.shipped import LANGUAGES
from notifications.texts.values import SAMPLE


@dataclass(frozen=True, slots=True)
class Preview:
    language: str
    parts: Rendered | None
    origin: str


def previews(draft: Draft) -> Iterator[Preview]:
    """One for each language."""
    return (_preview(draft, language) for language in _languages(draft.event, draft.role))


def sample_draft(
    event: str, role: str, *, language: str = "", group: str | None = None, several: bool = False
) -> Draft:
    """A message about nothing that has happened, with much of everything in it; a reminder of one task or `several`."""
    told: dict[str, Any] = {name: value for name, value in SAMPLE.items() if name != "tasks" or several}
    if role == Role.INITIATOR:
        told = {**told, "process": {**told["process"], "initiator": None, "comment": None}, "tasks": []}
        told["personalComment"] = None
    return Draft(
        key="",
        event=EventType(event),
        role=Role(role),
        address="",
        language=language,
        owner_group=group,
        context={**told, "link": masked_link() if role not in (Role.INITIATOR, Role.ADMINISTRATOR) else None},
    )


def draft_of(event: str, role: str, *, group: str | None, process: str, several: bool) -> Draft:
    """The message of a chosen process, or a sample; `Invalid` if there is no such process."""
    if not process:
        return sample_draft(event, role, group=group, several=several)
    found = None
    if is_id(process):
        found = process_hooks().sample_draft(uuid.UUID(process), EventType(event), Role(role))
    if found is None:
        raise Invalid("There is no process with this id.")
    return found


def _preview(draft: Draft, language: str) -> Preview:
    message = message_from(replace(draft, language=language), at=timezone.now())
    if message.signer_id:
        message.signer_id, message.context = None, {**message.context, "link": masked_link()}
    try:
        text = Texts([draft.event]).choose(draft.event, draft.role, tag=language, group=draft.owner_group)
        return Preview(language, rendered(text.source, values(message, text.language)), described(text))
    except DomainError as refusal:
        return Preview(language, None, refusal.detail)


def _languages(event: str, role: str) -> list[str]:
    rows = MessageTemplate.objects.filter(event=event, role=role).values_list("language", flat=True)
    return list(dict.fromkeys([*LANGUAGES, *rows]))
