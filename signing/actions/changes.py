"""What one action changes in a process, written together: rows, audit events and emails.

An action loads `ProcessRows`, makes its `Changes`, and saves them. `apply` is the only place that assigns a status.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from django.db.models import F, Model
from django.utils.functional import cached_property

from audit.log import Event, record
from config.access.actor import Actor
from config.api_values import Body, JsonObject, value
from config.errors import Fault
from config.vocabulary import EventType, ProcessStatus, SignerStatus, StepStatus
from notifications import outbox
from notifications.drafts import Draft
from notifications.texts.choice import Texts
from signing import flow, messages, represent
from signing.actions.rows import ProcessRows
from signing.messages import Occasion
from signing.models import Signer, Step

# Why queued emails are withdrawn.
PROCESS_ENDED = "the process ended"
SIGNER_ACTED = "the signer has acted"
SIGNER_CHANGED = "the signer was removed or is notified at another address"

# Up to this many different sets of values, one UPDATE per set is faster than one bulk update.
_MAX_SINGLE_UPDATES = 8

# The columns that hold the time at which a process reaches a status.
_TIME_COLUMNS = {
    ProcessStatus.STARTED: ["started_at"],
    ProcessStatus.COMPLETED: ["completed_at", "finished_at"],
    ProcessStatus.CANCELED: ["finished_at"],
    ProcessStatus.DECLINED: ["finished_at"],
}


class Changes:
    """The changes of one action by one caller at one time; nothing is written before `save` or `insert`.

    `faults` collects what is wrong with a request body until `build.check_shape` raises all of it.
    """

    def __init__(self, rows: ProcessRows, *, actor: Actor, at: datetime) -> None:
        self.rows = rows
        self.process = rows.process
        self.actor = actor
        self.at = at
        self.faults: list[Fault] = []
        self._columns: dict[Model, set[str]] = {}
        self._added: list[Step | Signer] = []
        self._removed_steps: list[Step] = []
        self._removed_signers: list[Signer] = []
        self._moved_steps: list[Step] = []
        self._before: JsonObject = {}
        self._after: JsonObject = {}
        self._events: list[Event] = []
        self._drafts: list[Draft] = []
        self._withdrawn: dict[str, set[uuid.UUID]] = defaultdict(set)
        self._withdraw_all = False

    # --- Statuses -----------------------------------------------------------------------------

    def apply(
        self, transitions: Iterable[flow.Transition], *, reason: str | None = None, act_values: Body | None = None
    ) -> None:
        """Set each status that differs, record its audit event and queue its emails.

        `reason` is the reason for a cancellation. `act_values` are the columns that come with a signer's act.
        """
        for transition in transitions:
            if transition.signer is not None:
                signer = self.rows.signer(transition.signer.id)
                self._apply_to_signer(transition, signer, act_values or {})
            elif transition.step is not None:
                self.set(self.rows.step(transition.step.id), status=transition.after)
            else:
                self._apply_to_process(transition, reason)

    def _apply_to_process(self, transition: flow.Transition, reason: str | None) -> None:
        status = ProcessStatus(transition.after)
        self.set(self.process, status=status, **dict.fromkeys(_TIME_COLUMNS[status], self.at))
        before = {"status": transition.before}
        after: JsonObject = {"status": status}
        notified: Collection[uuid.UUID] = ()
        if status == ProcessStatus.STARTED:
            after |= represent.rules(self.process)
        elif status == ProcessStatus.CANCELED:
            self.set(self.process, cancel_reason=reason)
            notified = outbox.notified_signers(self.process.id, event=EventType.TASK_STARTED)
        if status in (ProcessStatus.CANCELED, ProcessStatus.DECLINED):
            self._withdraw_task_emails()
        if transition.event is not None:
            self.record(transition.event, before=before, after=after, note=reason or "")
            self.notify(transition.event, reason=reason, notified=notified)

    def _apply_to_signer(self, transition: flow.Transition, signer: Signer, act_values: Body) -> None:
        self.set(signer, status=transition.after)
        before = {"signingStatus": transition.before}
        if transition.after == SignerStatus.STARTED:
            self.record(EventType.TASK_STARTED, signer=signer, before=before, after={"signingStatus": signer.status})
            self.call(signer)
        elif transition.event is not None:
            # An act. A canceled signer has no event of their own.
            self.withdraw_task_emails_to(signer, SIGNER_ACTED)
            self.set(signer, acted_at=self.at, **act_values)
            if act_values:
                self.set(signer, **signer.search_columns())
            after = {"signingStatus": signer.status} | represent.signer_values(act_values)
            self.record(transition.event, signer=signer, before=before, after=after)
            self.notify(transition.event, signer=signer, reason=signer.comment)

    def call(self, signer: Signer) -> None:
        """Notify a signer whose turn it is: at first, and again when the signer's role or address has changed."""
        if signer.called_at is not None:
            self.withdraw_task_emails_to(signer, SIGNER_CHANGED)
        self.set(signer, called_at=self.at)
        self.notify(EventType.TASK_STARTED, signer=signer, step=self.rows.step_of(signer))

    def return_to_waiting(self, signer: Signer) -> None:
        """Take back a signer's turn, because the signer was moved to a step that has not started."""
        self.withdraw_task_emails_to(signer, SIGNER_CHANGED)
        waiting = SignerStatus.WAITING_FOR_PROCESS
        self.note_change(f"signers/{signer.id}/signingStatus", signer.status, waiting)
        self.set(signer, status=waiting, called_at=None)

    # --- Rows ---------------------------------------------------------------------------------

    def set(self, row: Model, **columns: object) -> None:
        """Set columns of a row, to be written by `save`."""
        for column, new in columns.items():
            setattr(row, column, new)
        if row not in self._added:
            self._columns.setdefault(row, set()).update(columns)

    def move_step(self, step: Step, order: int) -> None:
        self._moved_steps.append(step)
        self.set(step, process_order=order)

    def add_step(self, step: Step) -> None:
        """Write a new step, which is already among the rows."""
        self._added.append(step)
        self._after |= represent.step_paths(step)

    def add_signer(self, signer: Signer) -> None:
        """Write a new signer, which is already among the rows."""
        self._added.append(signer)
        self._after |= represent.signer_paths(signer)

    def remove_step(self, step: Step) -> None:
        self._before |= represent.step_paths(step)
        self.rows.steps.remove(step)
        self._removed_steps.append(step)
        self._columns.pop(step, None)

    def remove_signer(self, signer: Signer) -> None:
        """Remove a signer; the signer's queued emails are withdrawn."""
        self._before |= represent.signer_paths(signer)
        self.rows.signers.remove(signer)
        self._removed_signers.append(signer)
        self._columns.pop(signer, None)
        self.withdraw_task_emails_to(signer, SIGNER_CHANGED)

    # --- Audit events and emails --------------------------------------------------------------

    def note_change(self, path: str, before: object, after: object) -> None:
        """Include an edited value in the PROCESS_UPDATED event; paths are like `comment` or `steps/<id>/dueDate`."""
        self._before[path] = value(before)
        self._after[path] = value(after)

    @property
    def has_edits(self) -> bool:
        """Whether there are values for a PROCESS_UPDATED event."""
        return bool(self._before or self._after)

    def record(
        self,
        event: EventType,
        *,
        signer: Signer | None = None,
        before: JsonObject | None = None,
        after: JsonObject | None = None,
        note: str = "",
    ) -> None:
        signer_id = signer.id if signer else ""
        process = self.process
        entry = Event(event, process.id, process.document_id, signer_id, note=note, before=before, after=after)
        self._events.append(entry)

    def notify(
        self,
        event: EventType,
        *,
        signer: Signer | None = None,
        step: Step | None = None,
        reason: str | None = None,
        notified: Collection[uuid.UUID] = (),
    ) -> None:
        """Queue the emails of an event; `signer` is the signer who acted or whose turn it is."""
        occasion = Occasion(event, self.process, self.rows.signers, self.at, signer, step, reason, notified)
        self._drafts += messages.drafts_for(occasion, self._texts)

    def withdraw_task_emails_to(self, signer: Signer, reason: str) -> None:
        """Withdraw the emails that ask this signer to act, those of this action included."""
        self._withdrawn[reason].add(signer.id)
        self._drafts = [draft for draft in self._drafts if not _asks(draft, signer)]

    def _withdraw_task_emails(self) -> None:
        self._withdraw_all = True
        self._drafts = [draft for draft in self._drafts if draft.event not in messages.TASK_EMAILS]

    @cached_property
    def _texts(self) -> Texts:
        # An email is queued only if there is a text for it.
        return Texts(messages.MATRIX, bodies=False)

    # --- Writing ------------------------------------------------------------------------------

    def save(self, *, new_version: bool = True) -> ProcessRows:
        """Write everything that has changed and return the rows. The version rises if anything has."""
        if self.has_edits:
            self.record(EventType.PROCESS_UPDATED, before=self._before, after=self._after)
            # The edits come before what follows from them.
            self._events.insert(0, self._events.pop())
        if not (self._columns or self._added or self._removed_steps or self._removed_signers):
            return self.rows
        self._set_derived_columns()
        if new_version:
            self.set(self.process, version=self.process.version + 1)
        self._write_rows()
        # Messages are locked before the head of the audit chain, as senders do. In the other order, both would wait
        # for each other.
        self._withdraw()
        record(self._events, actor=self.actor, at=self.at)
        outbox.enqueue(self._drafts, at=self.at, actor=self.actor)
        return self.rows

    def insert(self) -> ProcessRows:
        """Write a new process. Its first event holds every value, so that the trail alone shows what was created."""
        values = represent.paths(self.process, self.rows.steps, self.rows.signers)
        if self.process.status == ProcessStatus.PENDING:
            self.record(EventType.PROCESS_UPDATED, after=values)
        else:
            # `apply` recorded the start first.
            self._events[0] = replace(self._events[0], before=None, after=values)
        self._set_derived_columns()
        self.process.save(force_insert=True)
        Step.objects.bulk_create(self.rows.steps)
        Signer.objects.bulk_create(self.rows.signers)
        record(self._events, actor=self.actor, at=self.at)
        outbox.enqueue(self._drafts, at=self.at, actor=self.actor)
        return self.rows

    def _set_derived_columns(self) -> None:
        """Copy to the process what lists sort by and search: the due date of the running step, and the names."""
        running = self.rows.running_step()
        due_at = running.due_at if running else None
        columns = {"due_at": due_at, **self.process.search_columns(self.rows.signers)}
        self.set(self.process, **{name: new for name, new in columns.items() if getattr(self.process, name) != new})

    def _withdraw(self) -> None:
        if self._withdraw_all:
            outbox.withdraw(self.process.id, events=messages.TASK_EMAILS, reason=PROCESS_ENDED, at=self.at)
            return
        for reason, signer_ids in self._withdrawn.items():
            outbox.withdraw(self.process.id, events=messages.TASK_EMAILS, reason=reason, at=self.at, signers=signer_ids)

    def _write_rows(self) -> None:
        # The unique process_order is checked row by row: move steps out of the way before they get new numbers.
        removed_ids = [step.id for step in self._removed_steps]
        if self._removed_steps or self._moved_steps:
            Step.objects.filter(id__in=removed_ids).update(status=StepStatus.CANCELED)
            moved_ids = [step.id for step in self._moved_steps]
            Step.objects.filter(id__in=[*removed_ids, *moved_ids]).update(process_order=-1 - F("process_order"))
        # Only one step may be STARTED at a time: complete the old one before the next one starts.
        running = [step for step in self.rows.steps if step.status == StepStatus.STARTED]
        others = [step for step in self.rows.steps if step.status != StepStatus.STARTED]
        _update(Step, others, self._columns)
        _update(Step, running, self._columns)
        Step.objects.bulk_create(row for row in self._added if isinstance(row, Step))
        _update(Signer, self.rows.signers, self._columns)
        Signer.objects.bulk_create(row for row in self._added if isinstance(row, Signer))
        # Signers first, because they refer to their steps.
        if self._removed_steps or self._removed_signers:
            Signer.objects.filter(id__in=[signer.id for signer in self._removed_signers]).delete()
            Step.objects.filter(id__in=removed_ids).delete()
        self.process.save(update_fields=sorted(self._columns[self.process]))


def _asks(draft: Draft, signer: Signer) -> bool:
    return draft.signer_id == signer.id and draft.event in messages.TASK_EMAILS


def _update(model: type[Model], rows: Iterable[Model], columns: Mapping[Model, set[str]]) -> None:
    """Write the changed columns of these rows: one statement for all rows that get the same values."""
    alike: dict[tuple[str, ...], dict[tuple[object, ...], list[Model]]] = defaultdict(dict)
    for row in rows:
        if row in columns:
            names = tuple(sorted(columns[row]))
            values = tuple(getattr(row, name) for name in names)
            alike[names].setdefault(values, []).append(row)
    for names, groups in alike.items():
        if len(groups) <= _MAX_SINGLE_UPDATES:
            for values, same in groups.items():
                new = dict(zip(names, values, strict=True))
                model._default_manager.filter(pk__in=[row.pk for row in same]).update(**new)
            continue
        changed: list[Model] = []
        for same in groups.values():
            changed += same
        model._default_manager.bulk_update(changed, names, batch_size=100)
