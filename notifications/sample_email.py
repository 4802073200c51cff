"""Test mails: what would be written about an event, sent to somebody who asked for it."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from config.errors import DomainError
from notifications.drafts import Draft, message_from
from notifications.outbox import enqueue
from notifications.texts.choice import Texts
from notifications.texts.render import TEST_MARK, described, rendered, values

MASKED = "…"
"""What stands in a test's link instead of a signer's id."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What was sent, or why nothing would be."""

    sent: bool
    addressee: str
    subject: str | None = None
    language: str | None = None
    template: str | None = None
    reason: str | None = None


def masked_link() -> str:
    return settings.PORTAL_URL.replace("{signerId}", MASKED)


def send_trial(draft: Draft, *, to: str, at: datetime) -> Trial:
    """Queue the draft as a test to that address, its link masked; nothing is queued where nobody would be told."""
    if draft.suppressed:
        return Trial(False, to, reason=f"Nothing would be sent: {draft.suppressed}.")
    test = replace(
        draft,
        key=f"test:{uuid.uuid4()}",
        address=to,
        process_id=None,
        signer_id=None,
        reply_to="",
        context={**draft.context, "link": masked_link() if draft.signer_id else None, "test": True},
    )
    try:
        text = Texts([test.event]).choose(test.event, test.role, tag=test.language, group=test.owner_group)
        shown = rendered(text.source, values(message_from(test, at=at), text.language))
    except DomainError as refusal:
        return Trial(False, to, reason=f"Nothing would be sent. {refusal.detail}")
    enqueue([test], at=at)
    return Trial(True, to, f"{TEST_MARK} {shown.subject}", text.language, described(text))
