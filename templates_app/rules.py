"""The rules that a document's type brings to a process, asked once when the process starts."""

from dataclasses import dataclass

from django.conf import settings


@dataclass(frozen=True, slots=True)
class Rules:
    """`continue_on_decline`: a decline counts as having acted instead of ending the process."""

    continue_on_decline: bool = False


def rules_for(*, document_type: str | None, owner_group: str | None) -> Rules:
    """The rules for documents of this type in this group; a type that nobody knows has the defaults."""
    return Rules(continue_on_decline=document_type in settings.CONTINUE_ON_DECLINE_TYPES)
