"""Whom a run looks at, a page at a time, and what it has to say to them."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.db.models import Prefetch, Q, QuerySet, Value
from django.db.models.functions import Coalesce

from audit.log import Event
from config.vocabulary import EventType, ProcessStatus, Role, SignerStatus, StepStatus
from notifications.calendar import Calendar
from notifications.outbox import Draft
from notifications.texts.choice import Texts
from signing import flow, messages
from signing.messages import Occasion
from signing.models import Signer, Step
from signing.reminders.digest import Told

BATCH = 500
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Window:
    """What a run looks at: the `days` of a calendar that have come, as of a moment, and what is asked for."""

    at: datetime
    calendar: Calendar
    days: list[date]
    every: int
    overdue_notice: bool

    def due_on(self, days: Iterable[date], *, within: str = "") -> Q:
        """Steps that are due on these days of the calendar's zone; `within` is the way to the step."""
        found = Q(pk__in=[])
        for first, last in _stretches(sorted(days)):
            begin, end = self._midnight(first), self._midnight(last + _DAY)
            found |= Q(**{f"{within}due_at__gte": begin, f"{within}due_at__lt": end})
        return found

    def _midnight(self, day: date) -> datetime:
        return datetime.combine(day, time.min, self.calendar.zone).astimezone(UTC)


class Source:
    """Rows to look at, a page at a time, and what is to be told about them."""

    def page(self, after: Any) -> tuple[Sequence[Any], Any, bool]:
        raise NotImplementedError

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        raise NotImplementedError


class _Signers(Source):
    """Signers whose turn it is, by address and language, so that what goes to one person stands together."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.texts = Texts([EventType.REMINDER], bodies=False)

    def rows(self) -> QuerySet[Signer]:
        waiting = Signer.objects.filter(
            status=SignerStatus.STARTED,
            role__in=sorted(flow.ACTING),
            step__status=StepStatus.STARTED,
            process__status=ProcessStatus.STARTED,
        )
        return waiting.annotate(tongue=Coalesce("language", Value(""))).order_by("email_plain", "tongue", "id")

    def page(self, after: tuple[str, str, uuid.UUID] | None) -> tuple[Sequence[Signer], Any, bool]:
        rows: Any = self.rows().select_related("process", "step")
        if after is not None:
            address, tongue, last = after
            rows = rows.filter(
                Q(email_plain__gt=address)
                | Q(email_plain=address, tongue__gt=tongue)
                | Q(email_plain=address, tongue=tongue, id__gt=last)
            )
        found = list(rows[: BATCH + 1])
        more = len(found) > BATCH
        kept = _whole_groups(found) if more else found
        end = kept[-1] if kept else None
        return kept, (end.email_plain, end.tongue, end.id) if end is not None else after, more

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        for signer in rows:
            if (slot := self.slot_of(signer)) is not None and signer.email:
                occasion = Occasion(
                    EventType.REMINDER, signer.process, [], self.window.at, signer=signer, step=signer.step
                )
                event = Event(EventType.REMINDER, process_id=signer.process_id, signer_id=signer.id)
                draft = replace(messages.to_signer(occasion, signer), key=f"reminder:{signer.id}:{slot}")
                yield from ((decided, event) for decided in messages.by_texts(draft, self.texts))

    def slot_of(self, signer: Signer) -> str | None:
        """What tells this reminder from the signer's others; None where none is due."""
        raise NotImplementedError

    def missed(self, signer: Signer) -> list[date]:
        """The run's days whose hour came when it was this signer's turn already."""
        called = signer.called_at or self.window.at
        return [day for day in self.window.days if self.window.calendar.moment_of(day) >= called]


class Dated(_Signers):
    """Those whose step has a due date that is still to come."""

    def rows(self) -> QuerySet[Signer]:
        due = self.window.due_on(self.window.calendar.due_days(self.window.days), within="step__")
        return super().rows().filter(due, step__due_at__gt=self.window.at)

    def slot_of(self, signer: Signer) -> str | None:
        due_at = signer.step.due_at
        if due_at is None:
            return None
        slot = self.window.calendar.slot(self.window.calendar.local_day(due_at), self.missed(signer))
        return f"{due_at:%Y%m%dT%H%M%S}:{slot[1]}" if slot else None


class Undated(_Signers):
    """Those whose step has no due date: every so many days since they were called."""

    def rows(self) -> QuerySet[Signer]:
        return super().rows().filter(step__due_at=None) if self.window.every else Signer.objects.none()

    def slot_of(self, signer: Signer) -> str | None:
        called = self.window.calendar.local_day(signer.called_at or self.window.at)
        days = [day for day in self.missed(signer) if (day - called).days % self.window.every == 0 and day > called]
        return f"none:{max(days):%Y%m%d}" if days else None


class Overdue(Source):
    """Steps that went past their due date: the initiator hears of it on the day after."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.texts = Texts([EventType.REMINDER], bodies=False)

    def page(self, after: uuid.UUID | None) -> tuple[Sequence[Step], Any, bool]:
        if not self.window.overdue_notice:
            return [], None, False
        due = self.window.due_on(day - _DAY for day in self.window.days)
        rows = Step.objects.filter(due, status=StepStatus.STARTED, process__status=ProcessStatus.STARTED)
        waiting = Signer.objects.filter(status=SignerStatus.STARTED, role__in=sorted(flow.ACTING)).order_by("position")
        rows = rows.filter(id__gt=after) if after else rows
        found = list(
            rows.order_by("id").select_related("process").prefetch_related(Prefetch("signers", waiting))[: BATCH + 1]
        )
        return found[:BATCH], found[:BATCH][-1].id if found else after, len(found) > BATCH

    def told(self, rows: Sequence[Any]) -> Iterator[Told]:
        for step in rows:
            process = step.process
            if not process.initiator_email:
                continue
            occasion = Occasion(EventType.REMINDER, process, [], self.window.at, step=step)
            waiting = ", ".join(str(signer) for signer in step.signers.all())
            draft = Draft(
                key=f"overdue:{step.id}:{step.due_at:%Y%m%dT%H%M%S}",
                event=EventType.REMINDER,
                role=Role.INITIATOR,
                address=process.initiator_email,
                name=process.initiator_name or "",
                process_id=process.id,
                owner_group=process.owner_group,
                context=messages.context(occasion, name=process.initiator_name) | {"waiting": waiting, "tasks": []},
            )
            event = Event(
                EventType.REMINDER, process_id=process.id, note="The initiator is told that a step is overdue."
            )
            yield from ((decided, event) for decided in messages.by_texts(draft, self.texts))


def _whole_groups(found: Sequence[Any]) -> Sequence[Any]:
    """All but the last reader's rows, whose others may lie beyond; all but the last row where there is one reader."""
    reader = (found[-1].email_plain, found[-1].tongue)
    whole = [row for row in found if (row.email_plain, row.tongue) != reader]
    return whole or found[:-1]


def _stretches(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Days in order as stretches of days that follow each other."""
    start = 0
    for place in range(1, len(days) + 1):
        if place == len(days) or days[place] - days[place - 1] > _DAY:
            if days:
                yield days[start], days[place - 1]
            start = place
