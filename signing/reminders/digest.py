"""Writes what a run has to say: each once, and several to one reader as one mail."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import groupby

from audit.log import Event, record
from config.access.actor import SERVICE
from config.vocabulary import EventType, Role
from notifications import outbox
from notifications.models import Message, MessageStatus
from notifications.outbox import Draft, written

Told = tuple[Draft, Event]
"""A message to be, and the audit event that goes with it."""


def queue(told: Iterable[Told], *, at: datetime) -> int:
    """Write those that were not written before: several of one address and language as one mail."""
    asked = list(told)
    known = set(Message.objects.filter(key__in=[d.key for d, _ in asked]).values_list("key", flat=True))
    new = [(draft, event) for draft, event in asked if draft.key not in known]
    if not new:
        return 0
    leaders: list[Message] = []
    rows: list[Message] = []
    for mails in _mails([draft for draft, _ in new]):
        if len(mails) == 1:
            rows.append(written(mails[0], at=at))
            continue
        leaders.append(written(_leader(mails), at=at))
        rows += [written(draft, at=at, status=MessageStatus.MERGED, leader=leaders[-1]) for draft in mails]
    Message.objects.bulk_create(leaders)
    Message.objects.bulk_create(rows)
    record([event for draft, event in new if not draft.suppressed], actor=SERVICE, at=at)
    outbox.ring()
    return len(new)


def _mails(drafts: Sequence[Draft]) -> Iterator[list[Draft]]:
    """The drafts as mails: those to signers of one address and language together, the others each by itself."""
    alone = [draft for draft in drafts if draft.suppressed or draft.role == Role.INITIATOR]
    yield from ([draft] for draft in alone)
    together = [draft for draft in drafts if not draft.suppressed and draft.role != Role.INITIATOR]
    for _, mails in groupby(sorted(together, key=_reader), key=_reader):
        yield list(mails)


def _reader(draft: Draft) -> tuple[str, str]:
    return draft.address.casefold(), draft.language


def _leader(mails: Sequence[Draft]) -> Draft:
    first = mails[0]
    roles = {draft.role for draft in mails}
    groups, answers = ({getattr(draft, name) for draft in mails} for name in ("owner_group", "reply_to"))
    digest = hashlib.sha256("\n".join(sorted(draft.key for draft in mails)).encode()).hexdigest()[:40]
    return Draft(
        key=f"reminders:{digest}",
        event=EventType.REMINDER,
        role=Role.SIGNER if Role.SIGNER in roles else Role.APPROVER,
        address=first.address,
        name=first.name,
        language=first.language,
        owner_group=groups.pop() if len(groups) == 1 else None,
        reply_to=answers.pop() if len(answers) == 1 else "",
        context={"merged": True, "signer": {"name": first.name or None}},
    )
