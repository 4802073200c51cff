"""A process, its steps and their signers: fields, constraints, and who may see what.

Nothing here changes a status; `signing.actions` does. Columns that a client may leave out are
null until it says something, and an empty text is kept as one, so that what is read is what was
written. Columns ending in `_plain`, `_key` or named `search` are kept by the actions.
"""

import uuid

from django.db import models
from django.db.models import Q

from config.access.actor import Actor
from config.text import code_key, person_key, plain
from config.vocabulary import ProcessStatus, Role, SignerStatus, StepStatus
from signing import flow


def _text(length: int) -> models.CharField:
    return models.CharField(max_length=length, null=True, blank=True)


class ProcessQuerySet(models.QuerySet["Process"]):
    def visible_to(self, actor: Actor) -> "ProcessQuerySet":
        """What this caller may know of: its own, its groups', and those it was called to as a signer."""
        if actor.sees_everything:
            return self
        if not actor.person:
            return self.filter(_managed(actor))
        called = Signer.objects.called(actor.person)
        managed = Process.objects.filter(_managed(actor))
        return self.filter(id__in=managed.values("id").union(called.values("process_id")))

    def managed_by(self, actor: Actor) -> "ProcessQuerySet":
        """What this caller may change."""
        return self if actor.sees_everything else self.filter(_managed(actor))

    def matching(self, part: str, *, document_id: str | None = None) -> "ProcessQuerySet":
        """Named so: part of the document's, the initiator's or a signer's name, folded as `config.text.plain` does.

        A union of ids, so that each side uses its own index. A document may be named by its id too.
        """
        own = Q(search__contains=part)
        if document_id is not None:
            own |= Q(document_id=document_id)
        return self.either(own, Signer.objects.filter(name_plain__contains=part))

    def either(self, own: Q, signers: "models.QuerySet[Signer]") -> "ProcessQuerySet":
        """Processes that match themselves, or by a signer among these."""
        ids = Process.objects.filter(own).values("id")
        return self.filter(id__in=ids.union(signers.values("process_id")))


class Process(models.Model):
    """One signing workflow over one document. `version` rises with every change of it or in it.

    `due_at` is the due date of the running step, kept here for sorting. `finished_at` is when it came to any end,
    `completed_at` only when to a good one. While `hold` says why, nothing of it is erased or deleted. `rules` are
    those of the document profile, taken along when the process starts (`templates_app.rules.Rules`); null before.
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
    attributes = models.JSONField(null=True, help_text="What is said of the document, by its attributes' names.")
    rules = models.JSONField(null=True, editable=False)
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    hold = _text(255)
    due_at = models.DateTimeField(null=True)
    search = models.TextField(default="", editable=False)
    initiator_email_plain = models.TextField(default="", editable=False)

    objects = ProcessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "processes"
        indexes = [
            models.Index("created_at", "id", name="process_by_creation"),
            models.Index("initiator", "created_at", "id", name="process_of_initiator"),
            models.Index("owner_group", "created_at", "id", name="process_of_group"),
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

    def search_columns(self) -> dict[str, str]:
        """The columns that searches compare, made of those that people read."""
        words = (self.document_name, self.initiator_name, self.initiator)
        return {"search": "\n".join(map(plain, words)), "initiator_email_plain": plain(self.initiator_email)}

    @property
    def finished(self) -> bool:
        return self.status in flow.FINAL

    def managed_by(self, actor: Actor) -> bool:
        """Whether this caller may change it."""
        own = actor.own and self.initiator == actor.subject
        return actor.sees_everything or own or self.owner_group in actor.groups


class Step(models.Model):
    """A recipient group: its signers act in parallel, steps of a process run by `process_order`."""

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
        """This person's rows in steps that have started."""
        return self.filter(person_key=person, called_at__isnull=False)


class Signer(models.Model):
    """One recipient within a step, whatever the role.

    `created_at` is the process's, kept here so that a person's tasks are read newest first by one index.
    `called_at` is when it became this person's turn, `reminded_at` when a person last asked to remind it.
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
        """The columns that searches compare, made of those that people read."""
        return {
            "name_plain": plain(self.name),
            "email_plain": plain(self.email),
            "code_key": code_key(self.personal_code),
            "person_key": person_key(self.country, self.personal_code),
        }

    @property
    def acted(self) -> bool:
        return self.status in flow.ACTED

    def is_person(self, actor: Actor) -> bool:
        """Whether the caller is this signer and was called."""
        return bool(actor.person) and self.person_key == actor.person and self.called_at is not None


def _managed(actor: Actor) -> Q:
    by_group = Q(owner_group__in=sorted(actor.groups))
    return Q(initiator=actor.subject) | by_group if actor.own else by_group
