"""Where an uploaded sheet waits between its preview and its import: a row of the database, for an hour."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from import_export.tmp_storages import BaseStorage

from config.errors import NotFound
from config.wire import is_id
from contacts.models import Upload

KEPT = timedelta(hours=1)


class Uploads(BaseStorage):
    """import-export's storage: whichever process imports finds it, and what nobody confirmed is forgotten."""

    def save(self, data: bytes) -> None:
        now = timezone.now()
        forget(now - KEPT)
        self.name = str(Upload.objects.create(content=data, created_at=now).pk)

    def read(self) -> Any:
        found = Upload.objects.filter(pk=self.name).first() if is_id(self.name or "") else None
        if found is None:
            raise NotFound("The uploaded file is not kept any more; please upload it again.")
        content = bytes(found.content)
        return content.decode(self.encoding) if self.encoding else content

    def remove(self) -> None:
        Upload.objects.filter(pk=self.name).delete()


def forget(before: datetime) -> int:
    """Delete the uploads made before that moment; how many there were."""
    return Upload.objects.filter(created_at__lt=before).delete()[0]
