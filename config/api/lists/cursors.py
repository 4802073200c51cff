"""Cursors: where in a list sorted by creation a page ended, as text for clients."""

import base64
import binascii
import json
import uuid
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q

from config import api_values

# A longer text may be nested more deeply than a parser allows.
_LONGEST_CURSOR = 200


@dataclass(frozen=True, slots=True)
class Position:
    """The creation time and the ID of the last row that a client has seen, and the direction of the list."""

    created_at: datetime
    id: uuid.UUID
    descending: bool

    def cursor(self) -> str:
        content = json.dumps([api_values.value(self.created_at), str(self.id), self.descending])
        return base64.urlsafe_b64encode(content.encode()).decode().rstrip("=")

    @classmethod
    def of_cursor(cls, text: str) -> "Position | None":
        """The position that a cursor holds; None if the text is not a cursor."""
        if len(text) > _LONGEST_CURSOR:
            return None
        try:
            content = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
            created_at, row_id, descending = json.loads(content)
            position = cls(datetime.fromisoformat(created_at), uuid.UUID(row_id), descending is True)
            is_ours = position.cursor() == text
        except (binascii.Error, ValueError, TypeError, AttributeError, OverflowError):
            return None
        return position if is_ours else None

    def rows_after(self) -> Q:
        """The rows that follow. The first condition is what an index can use."""
        if self.descending:
            return Q(created_at__lte=self.created_at) & (Q(created_at__lt=self.created_at) | Q(id__lt=self.id))
        return Q(created_at__gte=self.created_at) & (Q(created_at__gt=self.created_at) | Q(id__gt=self.id))
