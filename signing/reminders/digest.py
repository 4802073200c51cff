"""Writes the reminders of a run: each once, and several to one address as one email."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from audit.log import Event, record
from config.access.actor import SERVICE
from config.addresses import address_key
from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.drafts import Draft, message_from
from notifications.models import Message, MessageStatus
from notifications.texts.choice import Texts


class Reminder(NamedTuple):
    """A message and the audit event that is recorded with it."""

    draft: Draft
    event: Event


class _Envelope(NamedTuple):
    """What drafts must share to go out as one email. `group` is the owner group whose own text is used."""

    address: str
    language: str
    group: str | None


def queue(reminders: Iterable[Reminder], texts: Texts, *, at: datetime) -> int:
    """Queue the reminders that were not queued before and return their number."""
    new = _without_queued(list(reminders))
    if not new:
        return 0

    # A draft that has an email of its own is queued as it is; the others share the email of a leader.
    single, shared = _grouped([reminder.draft for reminder in new], texts)
    leaders = []
    rows = [message_from(draft, at=at) for draft in single]
    for envelope, drafts in shared.items():
        leader = message_from(_leader(drafts, envelope), at=at)
        leaders.append(leader)
        rows += [message_from(draft, at=at, status=MessageStatus.MERGED, leader=leader) for draft in drafts]
    Message.objects.bulk_create(leaders)
    Message.objects.bulk_create(rows)

    events = [reminder.event for reminder in new if not reminder.draft.suppressed]
    record(events, actor=SERVICE, at=at)
    outbox.wake_sender()
    return len(new)


def _without_queued(reminders: Sequence[Reminder]) -> list[Reminder]:
    keys = [reminder.draft.key for reminder in reminders]
    queued = set(Message.objects.filter(key__in=keys).values_list("key", flat=True))
    return [reminder for reminder in reminders if reminder.draft.key not in queued]


def _grouped(drafts: Sequence[Draft], texts: Texts) -> tuple[list[Draft], dict[_Envelope, list[Draft]]]:
    """Return the drafts that go out alone, and the others by the email that they share."""
    single = []
    by_envelope: dict[_Envelope, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.suppressed or draft.role == Role.INITIATOR:
            single.append(draft)
        else:
            text = texts.choose(draft.event, draft.role, tag=draft.language, group=draft.owner_group)
            by_envelope[_Envelope(address_key(draft.address), text.language, text.group)].append(draft)
    shared = {}
    for envelope, same in by_envelope.items():
        if len(same) == 1:
            single += same
        else:
            shared[envelope] = same
    return single, shared


def _leader(drafts: Sequence[Draft], envelope: _Envelope) -> Draft:
    """The message that is sent for all of these drafts."""
    first = drafts[0]
    role = Role.APPROVER
    if any(draft.role == Role.SIGNER for draft in drafts):
        role = Role.SIGNER
    reply_to = first.reply_to
    if any(draft.reply_to != reply_to for draft in drafts):
        reply_to = ""
    keys = "\n".join(sorted(draft.key for draft in drafts))
    return Draft(
        key=f"reminders:{hashlib.sha256(keys.encode()).hexdigest()[:40]}",
        event=EventType.REMINDER,
        role=role,
        address=first.address,
        name=first.name,
        language=envelope.language,
        owner_group=envelope.group,
        reply_to=reply_to,
        context={"signer": {"name": first.name or None}},
        is_digest=True,
    )
