"""Where an uploaded sheet waits between its preview and its import: a row of the database, for an hour."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from import_export.tmp_storages import BaseStorage

from config.api_values import is_id
from config.errors import NotFound
from contacts.models import Upload

KEPT = timedelta(hours=1)


class Uploads(BaseStorage):
    """import-export's storage: whichever process imports finds it, and what nobody confirmed is forgotten."""

    def save(self, data: bytes) -> None:
        now = timezone.now()
        forget(now - KEPT)
        self.name = str(Upload.objects.create(content=data, created_at=now).pk)

    def read(self) -> Any:
        return bytes(Upload.objects.get(pk=self.name).content)

    def remove(self) -> None:
        Upload.objects.filter(pk=self.name).delete()


def taken(name: str, *, by: str, at: datetime) -> Upload:
    """The upload under its lock, for the one who made it; `NotFound` if it is imported already, or too old."""
    rows = Upload.objects.select_for_update().filter(made_by=by, created_at__gte=at - KEPT)
    found = rows.filter(pk=name).first() if is_id(name) else None
    if found is None:
        raise NotFound("The uploaded file is not kept any more; please upload it again.")
    return found


def forget(before: datetime) -> int:
    """Delete the uploads made before that moment; how many there were."""
    return Upload.objects.filter(created_at__lt=before).delete()[0]
