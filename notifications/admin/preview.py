"""What an email will look like: in each language, with sample values or those of a process, with masked links."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace

from django.utils import timezone

from config.api_values import is_id
from config.errors import DomainError, Invalid
from config.vocabulary import EventType, Role
from notifications.drafts import Draft, message_from
from notifications.hooks import process_hooks
from notifications.models import MessageTemplate
from notifications.texts.choice import Texts
from notifications.texts.render import EmailParts, choose_text, render_parts, text_values
from notifications.texts.shipped import LANGUAGES
from notifications.texts.values import masked_link, sample_values


@dataclass(frozen=True, slots=True)
class Preview:
    """An email in one language. `origin` describes its text, or states why there is no email."""

    language: str
    parts: EmailParts | None
    origin: str


def previews(draft: Draft) -> Iterator[Preview]:
    """One preview for each language."""
    rows = MessageTemplate.objects.filter(event=draft.event, role=draft.role).values_list("language", flat=True)
    for language in dict.fromkeys([*LANGUAGES, *rows]):
        yield _preview(draft, language)


def preview_draft(event: str, role: str, *, group: str | None, process: str, several: bool) -> Draft:
    """The message about a process, or a sample if none is chosen; `Invalid` if the process does not exist."""
    if not process:
        return fictional_draft(event, role, group=group, several=several)
    draft = None
    if is_id(process):
        draft = process_hooks().sample_draft(uuid.UUID(process), EventType(event), Role(role))
    if draft is None:
        raise Invalid("There is no process with this ID.")
    return draft


def fictional_draft(
    event: str, role: str, *, language: str = "", group: str | None = None, several: bool = False
) -> Draft:
    """A message with the sample values; a reminder of one task or of `several`."""
    context = sample_values()
    if not several:
        del context["tasks"]
    if role == Role.INITIATOR:
        # Initiators do not get their own name and comment, nor a link.
        context["process"] |= {"initiator": None, "comment": None}
        context |= {"tasks": [], "personalComment": None}
    if role in (Role.INITIATOR, Role.ADMINISTRATOR):
        context["link"] = None
    return Draft("", EventType(event), Role(role), address="", language=language, owner_group=group, context=context)


def _preview(draft: Draft, language: str) -> Preview:
    message = message_from(replace(draft, language=language), at=timezone.now())
    if message.signer_id:
        message.signer_id = None
        message.context = {**message.context, "link": masked_link()}
    try:
        text = choose_text(message, Texts([draft.event]))
        parts = render_parts(text.source, text_values(message, text.language))
    except DomainError as refusal:
        return Preview(language, None, refusal.detail)
    return Preview(language, parts, text.description)
