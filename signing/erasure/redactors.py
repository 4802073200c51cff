"""Removes a person's data table by table: one redactor for each.

Rows are found by identity columns. Free text is removed completely from the finished processes in which the person took
part, because it may name the person; elsewhere it is not searched (`NOT_SEARCHED`).
"""

import re
from collections.abc import Mapping
from typing import ClassVar

from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.admin.models import LogEntry
from django.db.models import Max, Model, Q, QuerySet

from config.addresses import address_key
from config.api.models import IdempotentAnswer
from config.personal_codes import is_code
from contacts.models import Contact
from notifications.models import NOT_YET, Message, RefusedAddress
from signing.erasure.person import Person
from signing.erasure.scope import ErasureScope
from signing.erasure.trail import without_texts
from signing.models import Process, Signer

NOT_SEARCHED = (
    "document names and IDs, IDs of other systems, and names of users and clients (also as initiators)",
    "names and contents of process templates, with their histories",
    "document profiles, names of attributes, and email texts",
    "comments, attributes and notes of processes in which the person did not take part",
    "notes of audit events that belong to no process",
    "signers and contacts with neither an email address nor a personal code with its country",
)
ERASED_NAME = "(erased)"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Redactor:
    """Removes a person's data from one table: deletes the rows that `find` returns, unless a subclass keeps a part.

    `label` describes in the preview what is counted.
    """

    label: ClassVar[str]

    def find(self, scope: ErasureScope) -> QuerySet[Model]:
        raise NotImplementedError

    def preview(self, scope: ErasureScope) -> int:
        return self.find(scope).count()

    def redact(self, scope: ErasureScope) -> None:
        self.find(scope).delete()


class SignerRedactor(Redactor):
    """The person's rows. Role, status and times stay: the process would make no sense without them."""

    label = "signers of finished processes"

    def find(self, scope: ErasureScope) -> QuerySet[Signer]:
        return Signer.objects.filter(scope.person.signers_filter(), process_id__in=scope.process_ids)

    def redact(self, scope: ErasureScope) -> None:
        for signer in self.find(scope):
            _clear(signer, "name", "country", "personal_code", "email")
            _save(signer, signer.search_columns())


class ProcessRedactor(Redactor):
    """All free text of the processes and their signers, and the initiator if that is the person."""

    label = "finished processes, with the comments of all signers"

    def find(self, scope: ErasureScope) -> QuerySet[Process]:
        return Process.objects.filter(pk__in=scope.process_ids)

    def redact(self, scope: ErasureScope) -> None:
        for process in self.find(scope):
            if process.initiator_email_key in scope.person.addresses:
                _clear(process, "initiator_name", "initiator_email")
            process.attributes = without_texts(process.attributes)
            process.version += 1
            _clear(process, "comment", "cancel_reason")
            _save(process, process.search_columns(process.signers.all()))
        Signer.objects.filter(process_id__in=scope.process_ids).update(comment=None, comment_for_signer=None)


class MessageRedactor(Redactor):
    label = "emails about these processes and to the person's addresses"

    def find(self, scope: ErasureScope) -> QuerySet[Message]:
        addressed = Q(pk__in=scope.addressed_messages().values("pk"))
        return Message.objects.filter(addressed | Q(process_id__in=scope.process_ids)).exclude(status__in=NOT_YET)


class ContactRedactor(Redactor):
    """Contacts with their histories; of a contact that is another person now, the history up to that change."""

    label = "contacts, with their histories"

    def find(self, scope: ErasureScope) -> QuerySet[Contact]:
        return Contact.objects.filter(scope.person.contacts_filter(), pk__in=scope.contact_ids)

    def preview(self, scope: ErasureScope) -> int:
        return len(scope.contact_ids)

    def redact(self, scope: ErasureScope) -> None:
        # The deletion of a contact adds a line to its history.
        self.find(scope).delete()
        lines = Contact.history.filter(scope.person.contacts_filter(), id__in=scope.contact_ids).order_by()
        last_lines = lines.values_list("id").annotate(Max("history_id"))
        for contact_id, last_line in list(last_lines):
            Contact.history.filter(id=contact_id, history_id__lte=last_line).delete()


class AdminLogRedactor(Redactor):
    """The admin log names a contact as it was called at the time."""

    label = "names of these contacts in the admin log"

    def find(self, scope: ErasureScope) -> QuerySet[LogEntry]:
        contacts = LogEntry.objects.filter(content_type__app_label="contacts", content_type__model="contact")
        return contacts.filter(object_id__in=map(str, scope.contact_ids))

    def redact(self, scope: ErasureScope) -> None:
        self.find(scope).update(object_repr=ERASED_NAME)


class IdempotentAnswerRedactor(Redactor):
    """Stored responses that contain one of the processes, one of their signers, or a contact."""

    label = "stored responses to requests with an Idempotency-Key"

    def find(self, scope: ErasureScope) -> QuerySet[IdempotentAnswer]:
        signers = Signer.objects.filter(process_id__in=scope.process_ids).values_list("pk", flat=True)
        ids = {*scope.process_ids, *map(str, signers), *map(str, scope.contact_ids)}
        # Responses are stored for a day only. In SQL, each would be compared with each of many ids.
        answers = IdempotentAnswer.objects.values_list("pk", "body").iterator()
        matching = [pk for pk, body in answers if not ids.isdisjoint(_ID.findall(body))]
        return IdempotentAnswer.objects.filter(pk__in=matching)


class RefusedAddressRedactor(Redactor):
    label = "refused addresses"

    def find(self, scope: ErasureScope) -> QuerySet[RefusedAddress]:
        return RefusedAddress.objects.filter(address__in=scope.person.addresses)


class AccessAttemptRedactor(Redactor):
    """Failed logins with the person's address or code as the user name."""

    label = "failed logins"
    model: ClassVar[type[Model]] = AccessAttempt

    def find(self, scope: ErasureScope) -> QuerySet[Model]:
        # Failed logins are few, and are deleted soon.
        names = dict(self.model._default_manager.values_list("pk", "username"))
        matching = [pk for pk, name in names.items() if _names_person(name, scope.person)]
        return self.model._default_manager.filter(pk__in=matching)


class AccessFailureLogRedactor(AccessAttemptRedactor):
    label = "failed logins in the log"
    model = AccessFailureLog


REDACTORS: tuple[Redactor, ...] = (
    SignerRedactor(),
    ProcessRedactor(),
    MessageRedactor(),
    ContactRedactor(),
    AdminLogRedactor(),
    IdempotentAnswerRedactor(),
    RefusedAddressRedactor(),
    AccessAttemptRedactor(),
    AccessFailureLogRedactor(),
)


def _names_person(username: str | None, person: Person) -> bool:
    return address_key(username) in person.addresses or is_code(username, person.codes)


def _clear(row: Signer | Process, *columns: str) -> None:
    for column in columns:
        setattr(row, column, None)


def _save(row: Signer | Process, search_columns: Mapping[str, str]) -> None:
    for column, text in search_columns.items():
        setattr(row, column, text)
    row.save()
