"""A process, its steps and their signers: columns, constraints, and who may see what.

Statuses are changed in `signing.actions` only. A column that a client may leave out is null until the client sets it,
and an empty text stays an empty text, so that clients read what they wrote. The actions update the search columns:
those ending in `_search`, `_plain` or `_key`.
"""

import uuid
from collections.abc import Iterable

from django.db import models
from django.db.models import Q

from config.access.actor import Actor
from config.addresses import address_key
from config.personal_codes import code_key, person_key
from config.text import plain
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow


def _text(length: int) -> models.CharField:
    return models.CharField(max_length=length, null=True, blank=True)


class ProcessQuerySet(models.QuerySet["Process"]):
    def visible_to(self, actor: Actor) -> "ProcessQuerySet":
        """What the caller may see: managed processes, and those in which it has been the caller's turn to act."""
        if actor.sees_everything:
            return self
        if not actor.person:
            return self.filter(managed_filter(actor))
        called = Signer.objects.called(actor.person)
        managed = Process.objects.filter(managed_filter(actor))
        return self.filter(id__in=managed.values("id").union(called.values("process_id")))

    def managed_by(self, actor: Actor) -> "ProcessQuerySet":
        """What the caller may change."""
        return self.filter(managed_filter(actor))

    def matching(self, part: str, *, document_id: str | None = None) -> "ProcessQuerySet":
        """Match part of the document's, the initiator's or a signer's name, normalized by `config.text.plain`.

        An empty part matches no name. `document_id` also matches a whole document id.
        """
        matching = Q(name_search__contains=part) if part else Q(pk__in=[])
        if document_id is not None:
            matching |= Q(document_id=document_id)
        return self.filter(matching)


class Process(models.Model):
    """One signing workflow for one document.

    `version` rises with every change to the process or to anything in it. `due_at` is the due date of the running step,
    copied here for sorting. `finished_at` is set at any end, `completed_at` only when the process completes. `hold` is
    the reason why the process must not be erased or deleted. `name_search` and `email_search` hold what searches look
    for, also of the signers, one text per line: one index finds rare texts, and frequent ones are found newest first.
    `rules` are the rules of the document profile, copied
    when the process starts (`templates_app.rules.Rules`); null before.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.PositiveIntegerField(default=1)
    status = models.CharField(max_length=9, choices=ProcessStatus.choices, default=ProcessStatus.PENDING)
    document_id = _text(255)
    document_name = _text(255)
    document_type = _text(255)
    owner_group = _text(255)
    initiator = models.CharField(max_length=255)
    initiator_name = _text(255)
    initiator_email = _text(254)
    comment = _text(4000)
    cancel_reason = _text(4000)
    attributes = models.JSONField(null=True, help_text="Values of the document's attributes, by name.")
    rules = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    hold = _text(255)
    due_at = models.DateTimeField(null=True)
    name_search = models.TextField(default="", editable=False)
    email_search = models.TextField(default="", editable=False)
    initiator_email_key = models.TextField(default="", editable=False)

    objects = ProcessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "processes"
        indexes = [
            models.Index("created_at", "id", name="process_by_creation"),
            models.Index("initiator", "created_at", "id", name="process_of_initiator"),
            models.Index("owner_group", "created_at", "id", name="process_of_group"),
            models.Index("owner_group", "status", "created_at", "id", name="process_of_group_by_status"),
            models.Index("owner_group", "document_type", "created_at", "id", name="process_of_group_by_type"),
            models.Index("initiator", "status", "created_at", "id", name="process_of_initiator_by_status"),
            models.Index("status", "created_at", "id", name="process_by_status"),
            models.Index("status", "id", name="process_by_status_alone"),
            models.Index("document_type", "created_at", "id", name="process_by_type"),
            models.Index("document_name", "id", name="process_by_name"),
            models.Index("completed_at", "id", name="process_by_completion"),
            models.Index("due_at", "id", name="process_by_due_date"),
            models.Index("document_id", name="process_by_document"),
            models.Index("document_type", "finished_at", name="process_by_end", condition=Q(finished_at__isnull=False)),
        ]
        constraints = [
            models.CheckConstraint(
                name="completed_at_says_completed",
                condition=Q(status=ProcessStatus.COMPLETED, completed_at__isnull=False)
                | (~Q(status=ProcessStatus.COMPLETED) & Q(completed_at__isnull=True)),
            ),
        ]

    def __str__(self) -> str:
        return self.document_name or self.document_id or str(self.pk)

    def search_columns(self, signers: Iterable["Signer"]) -> dict[str, str]:
        """Return the normalized columns that searches and comparisons use. The signers have theirs already."""
        names = [plain(self.document_name), plain(self.initiator_name), plain(self.initiator)]
        emails = [plain(self.initiator_email)]
        for signer in signers:
            names.append(signer.name_plain)
            emails.append(signer.email_plain)
        return {
            "name_search": _lines(names),
            "email_search": _lines(emails),
            "initiator_email_key": address_key(self.initiator_email),
        }

    @property
    def finished(self) -> bool:
        return self.status in flow.FINAL

    def managed_by(self, actor: Actor) -> bool:
        """Whether the caller may change the process."""
        return is_managed(self.initiator, self.owner_group, actor)


class Step(models.Model):
    """A group of recipients, who act in parallel. The steps of a process run in the order of `process_order`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="steps")
    process_order = models.IntegerField()
    status = models.CharField(max_length=20, choices=StepStatus.choices, default=StepStatus.WAITING_FOR_PREVIOUS)
    due_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint("process", "process_order", name="one_step_per_order"),
            models.UniqueConstraint(
                fields=["process"], condition=Q(status=StepStatus.STARTED), name="one_started_step_per_process"
            ),
        ]
        indexes = [
            models.Index("due_at", "id", name="running_step_by_due_date", condition=Q(status=StepStatus.STARTED))
        ]

    def __str__(self) -> str:
        return f"step {self.process_order}"


class SignerQuerySet(models.QuerySet["Signer"]):
    def called(self, person: str) -> "SignerQuerySet":
        """The rows of this person whose turn has come."""
        return self.filter(person_key=person, called_at__isnull=False)


class Signer(models.Model):
    """One recipient in a step, in any role.

    `created_at` is copied from the process, so that one index lists a person's tasks newest first. `called_at` is when
    it became this signer's turn, `reminded_at` when a caller last asked to remind this signer.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    process = models.ForeignKey(Process, on_delete=models.CASCADE, related_name="signers")
    step = models.ForeignKey(Step, on_delete=models.CASCADE, related_name="signers")
    created_at = models.DateTimeField()
    position = models.PositiveIntegerField()
    role = models.CharField(max_length=13, choices=Role.choices, default=Role.SIGNER)
    status = models.CharField(max_length=19, choices=SignerStatus.choices, default=SignerStatus.WAITING_FOR_PROCESS)
    name = _text(255)
    country = _text(2)
    personal_code = _text(64)
    email = _text(254)
    language = _text(35)
    comment = _text(4000)
    comment_for_signer = _text(4000)
    notification = models.BooleanField(default=True)
    anonymous = models.BooleanField(default=False)
    called_at = models.DateTimeField(null=True)
    acted_at = models.DateTimeField(null=True)
    reminded_at = models.DateTimeField(null=True)
    name_plain = models.TextField(default="", editable=False)
    email_plain = models.TextField(default="", editable=False)
    email_key = models.TextField(default="", editable=False)
    code_key = models.CharField(max_length=192, default="", editable=False)
    person_key = models.CharField(max_length=200, default="", editable=False)

    objects = SignerQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index("person_key", "process", name="signer_by_person", condition=~Q(person_key="")),
            models.Index(
                "person_key", "created_at", "id", name="tasks_of_person", condition=Q(called_at__isnull=False)
            ),
            models.Index("code_key", "process", name="signer_by_code", condition=~Q(code_key="")),
        ]

    def __str__(self) -> str:
        return self.name or f"{self.role} without a name"

    def search_columns(self) -> dict[str, str]:
        """Return the normalized columns that searches and comparisons use."""
        return {
            "name_plain": plain(self.name),
            "email_plain": plain(self.email),
            "email_key": address_key(self.email),
            "code_key": code_key(self.country, self.personal_code),
            "person_key": person_key(self.country, self.personal_code),
        }

    @property
    def acted(self) -> bool:
        return self.status in flow.ACTED

    def is_person(self, actor: Actor) -> bool:
        """Whether the caller is this signer and it has been this signer's turn."""
        return bool(actor.person) and self.person_key == actor.person and self.called_at is not None


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(sorted(set(texts) - {""}))


def is_managed(initiator: str, owner_group: str | None, actor: Actor) -> bool:
    """Whether the caller may change a process of this initiator and group."""
    is_initiator = actor.own and initiator == actor.subject
    return actor.sees_everything or is_initiator or owner_group in actor.groups


def managed_filter(actor: Actor) -> Q:
    """Match the processes that the caller may change."""
    if actor.sees_everything:
        return Q()
    managed = Q(owner_group__in=sorted(actor.groups))
    if actor.own:
        managed |= Q(initiator=actor.subject)
    return managed
