"""Mails as files, one `.eml` a mail, in the order of their names: for trying things out (`EMAIL_URL=filemail:...`)."""

import uuid
from pathlib import Path

from django.core.mail import EmailMessage
from django.core.mail.backends import filebased
from django.utils import timezone


class EmailBackend(filebased.EmailBackend):
    """Django's file backend appends mails of one connection to one file, named by second and memory address."""

    def _get_filename(self) -> str:
        if self._fname is None:
            self._fname = str(Path(self.file_path) / f"{timezone.now():%Y%m%d-%H%M%S-%f}-{uuid.uuid4().hex[:8]}.eml")
        return self._fname

    def write_message(self, message: EmailMessage) -> None:
        self.stream.write(message.message().as_bytes())
