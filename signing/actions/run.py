"""A process under its lock: the one place that writes statuses, events and messages of a change.

An action locks a `Run`, moves it (`become`) or edits it (`signing.actions.edit`), and saves it:
rows, audit events and messages are written together, each table in few statements.
"""

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from django.db.models import F, Model
from django.utils.functional import cached_property

from audit.log import Event, record
from config.access.actor import Actor
from config.errors import Fault, NotFound
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from notifications import outbox
from notifications.texts.choice import Texts
from signing import flow, messages, represent
from signing.actions.rows import update
from signing.messages import Occasion
from signing.models import Process, Signer, Step
from templates_app.rules import Rules

STOPPED = "the process ended"
DONE = "the signer has acted"
REMOVED = "the signer was removed or is called at another address"

Row = TypeVar("Row", Step, Signer)

_REPORTED_AS: dict[SignerStatus, dict[Role, EventType]] = {
    SignerStatus.SIGNED: {Role.SIGNER: EventType.SIGNER_SIGNED, Role.INITIATOR: EventType.SIGNER_SIGNED},
    SignerStatus.APPROVED: {Role.APPROVER: EventType.APPROVER_APPROVED},
    SignerStatus.VIEWED: {Role.VIEWER: EventType.PROCESS_OPENED},
    SignerStatus.DECLINED: {
        Role.SIGNER: EventType.SIGNER_DECLINED,
        Role.INITIATOR: EventType.SIGNER_DECLINED,
        Role.APPROVER: EventType.APPROVER_DECLINED,
    },
}
_ENDS = {
    ProcessStatus.COMPLETED: EventType.PROCESS_COMPLETED,
    ProcessStatus.CANCELED: EventType.PROCESS_CANCELED,
}


class Run:
    """A locked process with everything in it, and what is happening to it.

    `before` and `after` collect what an edit changes, keyed by path: `comment`, `steps/<id>/dueDate`; `faults`
    what is wrong with it, until `check_shape` says all of it.
    """

    def __init__(
        self, process: Process, steps: list[Step], signers: list[Signer], *, actor: Actor, at: datetime
    ) -> None:
        self.process, self.steps, self.signers = process, steps, signers
        self.actor, self.at = actor, at
        self.before: dict[str, Any] = {}
        self.after: dict[str, Any] = {}
        self.added: list[Model] = []
        self.removed: list[Model] = []
        self.faults: list[Fault] = []
        self._touched: dict[Model, set[str]] = {}
        self._moved: list[Step] = []
        self._events: list[Event] = []
        self._drafts: list[outbox.Draft] = []
        self._withdrawn: dict[str, set[uuid.UUID]] = defaultdict(set)

    def step(self, step_id: uuid.UUID) -> Step:
        """The step, or `NotFound` if it was removed before the lock was had."""
        return _one(self.steps, step_id)

    def signer(self, signer_id: uuid.UUID) -> Signer:
        """The signer, or `NotFound` if it was removed before the lock was had."""
        return _one(self.signers, signer_id)

    def signers_of(self, step: Step) -> list[Signer]:
        return sorted((s for s in self.signers if s.step_id == step.id), key=lambda s: s.position)

    def step_of(self, signer: Signer) -> Step:
        return _one(self.steps, signer.step_id)

    def snapshot(self) -> flow.Process:
        """The process as `flow` sees it."""
        within: dict[uuid.UUID, list[flow.Signer]] = defaultdict(list)
        for s in self.signers:
            within[s.step_id].append(flow.Signer(s.id, Role(s.role), SignerStatus(s.status)))
        steps = sorted(self.steps, key=lambda step: step.process_order)
        rules = Rules.of(self.process.rules)
        return flow.Process(
            ProcessStatus(self.process.status),
            tuple(flow.Step(step.id, tuple(within[step.id]), StepStatus(step.status)) for step in steps),
            rules.continue_on_decline,
            rules.review_required,
        )

    def touch(self, row: Model, **values: Any) -> None:
        """Set columns, to be written by `save`."""
        for column, value in values.items():
            setattr(row, column, value)
        if row not in self.added:
            self._touched.setdefault(row, set()).update(values)

    def move_step(self, step: Step, order: int) -> None:
        self._moved.append(step)
        self.touch(step, process_order=order)

    def drop(self, rows: Iterable[Step | Signer]) -> None:
        """Take rows out of the process; their queued mails are withdrawn."""
        for row in rows:
            if isinstance(row, Step):
                self.steps.remove(row)
            else:
                self.signers.remove(row)
            if row in self.added:
                self.added.remove(row)
                continue
            self.removed.append(row)
            self._touched.pop(row, None)
            if isinstance(row, Signer):
                self._take_back(row, REMOVED)

    def call(self, signer: Signer) -> None:
        """It is this signer's turn, or it is reached in another way than before: note it and tell."""
        if signer.called_at is not None:
            self._take_back(signer, REMOVED)
        self.touch(signer, called_at=self.at)
        self._tell(EventType.TASK_STARTED, signer=signer, step=self.step_of(signer))

    def become(self, after: flow.Process, *, reason: str | None = None, brought: dict[str, Any] | None = None) -> None:
        """Write the statuses of a snapshot, and record and tell what they mean.

        `reason` is why the process is canceled; `brought` the columns that an act brings along.
        """
        was = ProcessStatus(self.process.status)
        steps = {step.id: step for step in self.steps}
        signers = {signer.id: signer for signer in self.signers}
        if was != after.status and after.status in (ProcessStatus.CANCELED, ProcessStatus.DECLINED):
            self._drafts = [draft for draft in self._drafts if draft.event not in messages.TASK_EMAILS]
            outbox.withdraw(self.process.id, events=messages.TASK_EMAILS, reason=STOPPED, at=self.at)
        for step in after.steps:
            if steps[step.id].status != step.status:
                self.touch(steps[step.id], status=step.status)
        changed = [(signers[s.id], s.status) for s in after.signers if signers[s.id].status != s.status]
        if was != after.status:
            self.touch(self.process, status=after.status)
        if was != after.status and after.status in flow.FINAL:
            self.touch(self.process, finished_at=self.at)
        if was == ProcessStatus.PENDING and after.status not in (was, ProcessStatus.CANCELED):
            self.touch(self.process, started_at=self.at)
            begun = {"status": ProcessStatus.STARTED, **represent.rules(self.process)}
            self._happened(EventType.PROCESS_STARTED, {"status": was}, begun)
        self._acted([(s, status) for s, status in changed if status in flow.ACTED], brought or {})
        for signer, status in changed:
            if status == SignerStatus.STARTED:
                self.touch(signer, status=status)
                self._noted(EventType.TASK_STARTED, signer, SignerStatus.WAITING_FOR_PROCESS, {})
                self.call(signer)
            elif status == SignerStatus.CANCELED:
                self.touch(signer, status=status)
        if was != after.status and after.status in _ENDS:
            self._ended(_ENDS[after.status], was, reason)

    def remind(self, signer: Signer) -> None:
        self.touch(signer, reminded_at=self.at)
        self._events.append(self._event(EventType.REMINDER, signer=signer))
        self._tell(EventType.REMINDER, signer=signer, step=self.step_of(signer))

    def uncall(self, signer: Signer) -> None:
        """It is not this signer's turn any more: it was moved to a step that waits."""
        self._take_back(signer, REMOVED)
        self.before[f"signers/{signer.id}/signingStatus"] = signer.status
        self.touch(signer, status=SignerStatus.WAITING_FOR_PROCESS, called_at=None)
        self.after[f"signers/{signer.id}/signingStatus"] = signer.status

    @cached_property
    def _texts(self) -> Texts:
        return Texts(messages.MATRIX, bodies=False)

    @property
    def within(self) -> represent.Within:
        """The steps and signers as they are now, for the answer."""
        return self.steps, self.signers

    def save(self, *, quietly: bool = False) -> "Run":
        """Write everything that has changed; the version rises, unless `quietly` or nothing did."""
        if self.before or self.after:
            self._events.insert(0, self._event(EventType.PROCESS_UPDATED, before=self.before, after=self.after))
        if not (self._touched or self.added or self.removed):
            return self
        running = next((step for step in self.steps if step.status == StepStatus.STARTED), None)
        self.touch(self.process, due_at=running.due_at if running else None)
        if not quietly:
            self.touch(self.process, version=self.process.version + 1)
        self._write()
        # Messages before the chain's head, as senders do: the other way round, both would wait for each other.
        for reason, ids in self._withdrawn.items():
            outbox.withdraw(self.process.id, events=messages.TASK_EMAILS, reason=reason, at=self.at, signers=ids)
        record(self._events, actor=self.actor, at=self.at)
        outbox.enqueue(self._drafts, at=self.at)
        return self

    def insert(self) -> "Run":
        """Write a process that is new."""
        running = next((step for step in self.steps if step.status == StepStatus.STARTED), None)
        self.process.due_at = running.due_at if running else None
        self.process.save(force_insert=True)
        Step.objects.bulk_create(self.steps)
        Signer.objects.bulk_create(self.signers)
        record(self._events, actor=self.actor, at=self.at)
        outbox.enqueue(self._drafts, at=self.at)
        return self

    def created(self, everything: dict[str, Any]) -> None:
        """Note that the process came to be; a process started at once is noted as started, with all of it."""
        started = next((i for i, e in enumerate(self._events) if e.type == EventType.PROCESS_STARTED), None)
        if started is None:
            self._events.insert(0, self._event(EventType.PROCESS_UPDATED, after=everything))
        else:
            self._events[started] = self._event(EventType.PROCESS_STARTED, after=everything)

    def _take_back(self, signer: Signer, reason: str) -> None:
        """What was, or is about to be, queued to call this signer is no longer due."""
        self._withdrawn[reason].add(signer.id)
        self._drafts = [d for d in self._drafts if d.signer_id != signer.id or d.event not in messages.TASK_EMAILS]

    def _acted(self, acts: list[tuple[Signer, SignerStatus]], brought: dict[str, Any]) -> None:
        for signer, status in acts:
            self._take_back(signer, DONE)
            self.touch(signer, status=status, acted_at=self.at, **brought)
            if brought:
                self.touch(signer, **signer.search_columns())
            event = _REPORTED_AS[status][Role(signer.role)]
            self._noted(event, signer, SignerStatus.STARTED, brought)
            self._tell(event, signer=signer, reason=signer.comment)

    def _ended(self, event: EventType, was: ProcessStatus, reason: str | None) -> None:
        if event == EventType.PROCESS_COMPLETED:
            self.touch(self.process, completed_at=self.at)
            called: set[uuid.UUID] = set()
        else:
            self.touch(self.process, cancel_reason=reason)
            called = outbox.notified_signers(self.process.id, event=EventType.TASK_STARTED)
        self._happened(event, {"status": was}, {"status": self.process.status}, reason=reason, called=called)

    def _happened(self, event: EventType, before: dict[str, Any], after: dict[str, Any], **told: Any) -> None:
        self._events.append(self._event(event, before=before, after=after, note=told.get("reason") or ""))
        self._tell(event, **told)

    def _noted(self, event: EventType, signer: Signer, was: SignerStatus, brought: dict[str, Any]) -> None:
        names = {column: wire for wire, column in represent.SIGNER_FIELDS.items()}
        after = {"signingStatus": signer.status} | {names[c]: v for c, v in brought.items() if c in names}
        self._events.append(self._event(event, signer=signer, before={"signingStatus": was}, after=after))

    def _tell(self, event: EventType, **of: Any) -> None:
        self._drafts += messages.tell(Occasion(event, self.process, self.signers, self.at, **of), self._texts)

    def _event(self, event: EventType, *, signer: Signer | None = None, **what: Any) -> Event:
        return Event(
            event,
            process_id=self.process.id,
            document_id=self.process.document_id,
            signer_id=signer.id if signer else "",
            **what,
        )

    def _write(self) -> None:
        gone = [step.id for step in self.removed if isinstance(step, Step)]
        if gone or self._moved:
            # Both steps' constraints are checked row by row: out of the way first.
            Step.objects.filter(id__in=gone).update(status=StepStatus.CANCELED)
            parked = [*gone, *(step.id for step in self._moved)]
            Step.objects.filter(id__in=parked).update(process_order=-1 - F("process_order"))
        for opened in (False, True):  # one step at a time is STARTED: close first, then open
            update(Step, self._touched, [s for s in self.steps if (s.status == StepStatus.STARTED) == opened])
        Step.objects.bulk_create(row for row in self.added if isinstance(row, Step))
        update(Signer, self._touched, self.signers)
        Signer.objects.bulk_create(row for row in self.added if isinstance(row, Signer))
        if self.removed:
            Signer.objects.filter(id__in=[row.pk for row in self.removed if isinstance(row, Signer)]).delete()
            Step.objects.filter(id__in=gone).delete()
        self.process.save(update_fields=sorted(self._touched[self.process]))


def _one(rows: list[Row], row_id: uuid.UUID) -> Row:
    try:
        return next(row for row in rows if row.id == row_id)
    except StopIteration:
        raise NotFound from None
