"""Writes what a run has to say: each once, and several to one reader as one mail."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from audit.log import Event, record
from config.access.actor import SERVICE
from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.drafts import Draft, message_from
from notifications.models import Message, MessageStatus
from notifications.texts.choice import Texts

Told = tuple[Draft, Event]
"""A message to be, and the audit event that goes with it."""


class _Like(NamedTuple):
    """What drafts have in common that go out as one mail; `group` is the owner group whose own text it is."""

    address: str
    language: str
    group: str | None


def queue(told: Iterable[Told], texts: Texts, *, at: datetime) -> int:
    """Write those that were not written before: those to one address, with the same text, as one mail."""
    asked = list(told)
    known = set(Message.objects.filter(key__in=[d.key for d, _ in asked]).values_list("key", flat=True))
    new = [(draft, event) for draft, event in asked if draft.key not in known]
    if not new:
        return 0
    leaders: list[Message] = []
    rows: list[Message] = []
    for like, mails in _mails([draft for draft, _ in new], texts):
        if len(mails) == 1:
            rows.append(message_from(mails[0], at=at))
            continue
        leaders.append(message_from(_leader(mails, like), at=at))
        rows += [message_from(draft, at=at, status=MessageStatus.MERGED, leader=leaders[-1]) for draft in mails]
    Message.objects.bulk_create(leaders)
    Message.objects.bulk_create(rows)
    record([event for draft, event in new if not draft.suppressed], actor=SERVICE, at=at)
    outbox.wake_sender()
    return len(new)


def _mails(drafts: Sequence[Draft], texts: Texts) -> Iterator[tuple[_Like, list[Draft]]]:
    """The drafts as mails: those to signers of one address with the same text together, the others each by itself."""
    together: dict[_Like, list[Draft]] = defaultdict(list)
    for draft in drafts:
        if draft.suppressed or draft.role == Role.INITIATOR:
            yield _Like(draft.address, draft.language, draft.owner_group), [draft]
        else:
            text = texts.choose(draft.event, draft.role, tag=draft.language, group=draft.owner_group)
            together[_Like(draft.address.casefold(), text.language, text.group)].append(draft)
    yield from together.items()


def _leader(mails: Sequence[Draft], like: _Like) -> Draft:
    first = mails[0]
    roles, answers = ({getattr(draft, name) for draft in mails} for name in ("role", "reply_to"))
    digest = hashlib.sha256("\n".join(sorted(draft.key for draft in mails)).encode()).hexdigest()[:40]
    return Draft(
        key=f"reminders:{digest}",
        event=EventType.REMINDER,
        role=Role.SIGNER if Role.SIGNER in roles else Role.APPROVER,
        address=first.address,
        name=first.name,
        language=like.language,
        owner_group=like.group,
        reply_to=answers.pop() if len(answers) == 1 else "",
        context={"merged": True, "signer": {"name": first.name or None}},
    )
