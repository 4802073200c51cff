"""Keeps an uploaded sheet in the database between its preview and its import, for at most an hour."""

from datetime import datetime, timedelta

from django.utils import timezone
from import_export.tmp_storages import BaseStorage

from config.api_values import is_id
from config.errors import NotFound
from contacts.models import Upload

UPLOAD_LIFETIME = timedelta(hours=1)


class UploadStorage(BaseStorage):
    """Storage for django-import-export that every web process can read."""

    def save(self, data: bytes) -> None:
        now = timezone.now()
        delete_expired_uploads(now)
        self.name = str(Upload.objects.create(content=data, created_at=now).pk)

    def read(self) -> bytes:
        return bytes(Upload.objects.get(pk=self.name).content)

    def remove(self) -> None:
        Upload.objects.filter(pk=self.name).delete()


def lock_upload(upload_id: str, *, created_by: str, at: datetime) -> Upload:
    """The user's own upload, locked until the end of the transaction.

    `NotFound` if it was imported already or has expired, or if another user uploaded it.
    """
    uploads = Upload.objects.select_for_update().filter(created_by=created_by, created_at__gte=at - UPLOAD_LIFETIME)
    upload = uploads.filter(pk=upload_id).first() if is_id(upload_id) else None
    if upload is None:
        raise NotFound("The uploaded file is no longer available. Please upload it again.")
    return upload


def delete_expired_uploads(at: datetime) -> int:
    """Delete the uploads that were not imported in time, and return their number."""
    deleted, _ = Upload.objects.filter(created_at__lt=at - UPLOAD_LIFETIME).delete()
    return deleted
