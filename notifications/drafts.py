"""Messages before they are queued."""

import uuid
from dataclasses import dataclass, field, fields
from datetime import datetime

from config.addresses import address_key, delivery_address
from config.api_values import JsonObject
from config.vocabulary import EventType, Role
from notifications.models import Message, MessageStatus


@dataclass(frozen=True, slots=True)
class Draft:
    """A message that is not yet queued.

    `key` identifies what the message is for: a second message with the same key is not queued. `suppressed` is the
    reason why the message is recorded but not sent; empty if it is sent. A message with `is_digest` is sent in place of
    the messages whose leader it is.
    """

    key: str
    event: EventType
    role: Role
    address: str
    name: str = ""
    language: str = ""
    process_id: uuid.UUID | None = None
    signer_id: uuid.UUID | None = None
    owner_group: str | None = None
    reply_to: str = ""
    context: JsonObject = field(default_factory=dict)
    suppressed: str = ""
    is_digest: bool = False


def message_from(
    draft: Draft, *, at: datetime, client: str = "", status: MessageStatus | None = None, leader: Message | None = None
) -> Message:
    """The unsaved row of a draft, with its address in the form in which it is delivered."""
    columns = {column.name: getattr(draft, column.name) for column in fields(draft) if column.name != "suppressed"}
    columns["address"] = delivery_address(draft.address)
    columns["address_key"] = address_key(draft.address)
    columns["client"] = client
    if status is None:
        status = MessageStatus.SUPPRESSED if draft.suppressed else MessageStatus.QUEUED
    return Message(**columns, status=status, leader=leader, reason=draft.suppressed, created_at=at, queued_at=at)
