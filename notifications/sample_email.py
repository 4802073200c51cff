"""Test emails: the email about an event, sent to the user who asked for it."""

import uuid
from dataclasses import dataclass, replace
from datetime import datetime

from config.access.actor import Actor
from config.errors import DomainError
from notifications.drafts import Draft, message_from
from notifications.outbox import enqueue
from notifications.texts.choice import Texts
from notifications.texts.render import TEST_MARK, choose_text, render_parts, text_values
from notifications.texts.values import masked_link


@dataclass(frozen=True, slots=True)
class TestEmail:
    """What was sent, or the reason why nothing is."""

    sent: bool
    addressee: str
    subject: str | None = None
    language: str | None = None
    template: str | None = None
    reason: str | None = None


def send_test_email(draft: Draft, *, to: str, actor: Actor, at: datetime) -> TestEmail:
    """Queue the draft for this address with its link masked, unless no email would be sent."""
    if draft.suppressed:
        return TestEmail(False, to, reason=f"No email would be sent: {draft.suppressed}.")
    context = {**draft.context, "link": None, "test": True}
    if draft.signer_id:
        context["link"] = masked_link()
    key = f"test:{uuid.uuid4()}"
    test = replace(draft, key=key, address=to, name="", process_id=None, signer_id=None, reply_to="", context=context)

    # Rendered only to find out whether it can be sent, and with which subject.
    message = message_from(test, at=at)
    try:
        text = choose_text(message, Texts([test.event]))
        parts = render_parts(text.source, text_values(message, text.language))
    except DomainError as refusal:
        return TestEmail(False, to, reason=f"No email would be sent. {refusal.detail}")
    enqueue([test], at=at, actor=actor)
    return TestEmail(True, to, f"{TEST_MARK} {parts.subject}", text.language, text.description)
