"""`manage.py seed_scale`: fills a database with many processes, as benchmarks and tests of speed need them.

Process number n is the same in every run, apart from its status. A batch is a transaction, so the processes in the
database are always the first ones, and a run continues after the last.
"""

import time
import uuid
from argparse import ArgumentParser
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from random import Random
from zlib import crc32

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.db.models import Max, Model
from psycopg.types.json import Jsonb
from stdnum.ee import ik

from config.vocabulary import ProcessStatus, SignerStatus, StepStatus
from signing import flow
from signing.models import Process, Signer, Step
from templates_app.rules import Rules

BATCH_SIZE = 5_000

# The skew: a group with half of all processes, a person with many tasks, and one status for the newest processes.
LARGE_GROUP = "group-large"
BUSY_PERSON = 0
_BUSY_EVERY = 10
_BUSY_UNTIL = 100_000
_OLDER_SHARE = 0.9

# Everything else is uniform. A hundred successive processes share a project, whose name is in theirs, and ten people of
# one company. So each person has about thirty tasks, and each project a hundred processes, however many there are.
_GROUPS = 10
_INITIATORS = 20
_TYPES = ("CONTRACT", "INVOICE", "NDA", "ORDER", "LEASE", "PROTOCOL", "DECISION", "ANNEX")
_PROCESSES_PER_PROJECT = 100
_PEOPLE_PER_PROJECT = 10
_STATUSES = list(ProcessStatus)
_WEIGHTS = {
    ProcessStatus.COMPLETED: 60,
    ProcessStatus.STARTED: 15,
    ProcessStatus.PENDING: 10,
    ProcessStatus.CANCELED: 10,
    ProcessStatus.DECLINED: 5,
}
_STATUS_WEIGHTS = [_WEIGHTS[status] for status in _STATUSES]

# Those of a document type without a profile.
_RULES = Rules().to_json()

_DOCUMENT_PREFIX = "SCALE-"
_NAMESPACE = uuid.UUID("5ca1ab1e-0000-4000-8000-000000000000")
_FIRST_CREATED_AT = datetime(2024, 1, 1, tzinfo=UTC)
_INTERVAL = timedelta(minutes=1)
_DURATION = timedelta(days=3)
_TIME_ALLOWED = timedelta(days=30)
_FIRST_BIRTHDAY = date(1945, 1, 1)
_BIRTHDAYS = 20_000
_FIRST_NAMES = ("Jānis", "Ilze", "Žygimantas", "Rūta", "Tõnis", "Kätlin", "Łukasz", "Małgorzata", "Anna", "Peter")
_LAST_NAMES = (
    "Bērziņš",
    "Kalniņa",
    "Žukauskas",
    "Šimkutė",
    "Mägi",
    "Põld",
    "Wiśniewski",
    "Dąbrowska",
    "Smith",
    "Ozols",
)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What a process status means for the two steps, and for the first and the other signer in each."""

    steps: tuple[StepStatus, StepStatus]
    signers: tuple[tuple[SignerStatus, SignerStatus], tuple[SignerStatus, SignerStatus]]


def _outcome(steps: tuple[StepStatus, StepStatus], *signers: SignerStatus) -> _Outcome:
    """An outcome from the status of the first signer, that of the other one in the first step, and that of the rest."""
    first, other, later = signers
    return _Outcome(steps, ((first, other), (later, later)))


_WAITING = SignerStatus.WAITING_FOR_PROCESS
_SIGNED = SignerStatus.SIGNED
_CANCELED = SignerStatus.CANCELED
_OUTCOMES: dict[str, _Outcome] = {
    ProcessStatus.PENDING: _outcome((StepStatus.WAITING_FOR_PREVIOUS,) * 2, _WAITING, _WAITING, _WAITING),
    ProcessStatus.STARTED: _outcome(
        (StepStatus.STARTED, StepStatus.WAITING_FOR_PREVIOUS), SignerStatus.STARTED, SignerStatus.STARTED, _WAITING
    ),
    ProcessStatus.COMPLETED: _outcome((StepStatus.COMPLETED,) * 2, _SIGNED, _SIGNED, _SIGNED),
    ProcessStatus.CANCELED: _outcome((StepStatus.CANCELED,) * 2, _CANCELED, _CANCELED, _CANCELED),
    ProcessStatus.DECLINED: _outcome((StepStatus.CANCELED,) * 2, SignerStatus.DECLINED, _CANCELED, _CANCELED),
}


class Command(BaseCommand):
    help = (
        "Create many processes, two steps and four signers each, for benchmarks. Half of them belong to one group, one "
        "person has up to 10,000 tasks, and the newest tenth is STARTED. They have no audit trail and no emails: use a "
        "database of its own. Run it again to continue, or to add processes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--processes", type=int, default=100_000, help="their number (default: 100,000)")

    def handle(self, *, processes: int, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("Test data must not be created in production.")
        present = last_number()
        if present:
            self.stdout.write(f"{present:,} processes are in the database already.")
        began = time.perf_counter()
        for first in range(present + 1, processes + 1, BATCH_SIZE):
            last = min(first + BATCH_SIZE - 1, processes)
            seed_processes(range(first, last + 1), total=processes)
            rate = (last - present) / (time.perf_counter() - began)
            self.stdout.write(f"{last:,} of {processes:,} processes ({rate:,.0f} per second)")
            self.stdout.flush()
        if present < processes and connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("ANALYZE signing_process, signing_step, signing_signer")


def last_number() -> int:
    """The number of the last process that is in the database; 0 if there is none."""
    created = Process.objects.filter(document_id__startswith=_DOCUMENT_PREFIX)
    last = created.aggregate(last=Max("document_id"))["last"]
    if last is None:
        return 0
    return int(last.removeprefix(_DOCUMENT_PREFIX))


@transaction.atomic
def seed_processes(numbers: Iterable[int], *, total: int) -> None:
    """Insert the processes with these numbers, of `total` in all."""
    processes: list[Process] = []
    steps: list[Step] = []
    signers: list[Signer] = []
    for number in numbers:
        process = _build_process(number, total)
        steps_of_process = [_build_step(process, order) for order in (1, 2)]
        signers_of_process = []
        for step in steps_of_process:
            for position in (0, 1):
                signers_of_process.append(_build_signer(process, step, number, position))
        for column, text in process.search_columns(signers_of_process).items():
            setattr(process, column, text)
        processes.append(process)
        steps += steps_of_process
        signers += signers_of_process
    for rows in (processes, steps, signers):
        _insert(rows)


def person_columns(person: int) -> dict[str, str]:
    """The columns of a signer that depend on the person alone. The personal code has a valid check digit."""
    first_name = _FIRST_NAMES[person % len(_FIRST_NAMES)]
    last_name = _LAST_NAMES[person // len(_FIRST_NAMES) % len(_LAST_NAMES)]
    birthday = _FIRST_BIRTHDAY + timedelta(days=person % _BIRTHDAYS)
    digits = f"3{birthday:%y%m%d}{person // _BIRTHDAYS:03}"
    columns = {
        "name": f"{first_name} {last_name}",
        "country": "EE",
        "personal_code": digits + ik.calc_check_digit(f"{digits}0"),
        "email": f"person{person}@company{person // _PEOPLE_PER_PROJECT}.example.org",
    }
    return columns | Signer(**columns).search_columns()


# The people of a batch recur in it.
_cached_person_columns = lru_cache(maxsize=4_096)(person_columns)


def _build_process(number: int, total: int) -> Process:
    random = Random(number)
    status = _status(number, total, random)
    created_at = _FIRST_CREATED_AT + number * _INTERVAL
    document_type = random.choice(_TYPES)
    group = f"group-{random.randrange(_GROUPS)}"
    if random.random() < 0.5:
        group = LARGE_GROUP
    initiator = random.randrange(_INITIATORS)
    first_name = _FIRST_NAMES[initiator % len(_FIRST_NAMES)]
    process = Process(
        id=_id("process", number),
        status=status,
        document_id=f"{_DOCUMENT_PREFIX}{number:09}",
        document_name=f"{document_type.capitalize()} {_project(number)} {number % _PROCESSES_PER_PROJECT}",
        document_type=document_type,
        owner_group=group,
        initiator=f"user-{initiator}",
        initiator_name=f"{first_name} {_LAST_NAMES[initiator // 10]}",
        initiator_email=f"user-{initiator}@example.org",
        comment="Please sign.",
        created_at=created_at,
    )
    if status != ProcessStatus.PENDING:
        process.started_at = created_at
        process.rules = _RULES
    if status == ProcessStatus.STARTED:
        process.due_at = created_at + _TIME_ALLOWED
    if status in flow.FINAL:
        process.finished_at = created_at + _DURATION
    if status == ProcessStatus.COMPLETED:
        process.completed_at = process.finished_at
    return process


def _build_step(process: Process, order: int) -> Step:
    return Step(
        id=_id(f"step {order}", process.id),
        process_id=process.id,
        process_order=order,
        status=_OUTCOMES[process.status].steps[order - 1],
        due_at=process.created_at + order * _TIME_ALLOWED,
    )


def _build_signer(process: Process, step: Step, number: int, position: int) -> Signer:
    order = step.process_order
    status = _OUTCOMES[process.status].signers[order - 1][position]
    is_first = order == 1 and position == 0
    person = _person(number, order * 2 + position)
    if is_first and _is_of_busy_person(number):
        person = BUSY_PERSON
    was_called = process.started_at is not None and (order == 1 or process.status == ProcessStatus.COMPLETED)
    called_at = None
    if was_called:
        called_at = process.created_at
    acted_at = None
    if status in flow.ACTED:
        acted_at = process.created_at + _DURATION
    return Signer(
        id=_id(f"signer {position}", step.id),
        process_id=process.id,
        step_id=step.id,
        created_at=process.created_at,
        position=position,
        status=status,
        language="en",
        comment_for_signer="Sign here.",
        called_at=called_at,
        acted_at=acted_at,
        **_cached_person_columns(person),
    )


def _status(number: int, total: int, random: Random) -> ProcessStatus:
    (status,) = random.choices(_STATUSES, _STATUS_WEIGHTS)
    is_new = number > _OLDER_SHARE * total
    # In a draft, the busy person would have no task.
    if is_new or (status == ProcessStatus.PENDING and _is_of_busy_person(number)):
        return ProcessStatus.STARTED
    return status


def _is_of_busy_person(number: int) -> bool:
    return number % _BUSY_EVERY == 0 and number <= _BUSY_UNTIL


def _person(number: int, seat: int) -> int:
    """One of the people of the process's project, never the busy person."""
    project = number // _PROCESSES_PER_PROJECT + 1
    return project * _PEOPLE_PER_PROJECT + (number * 7 + seat) % _PEOPLE_PER_PROJECT


def _project(number: int) -> str:
    """The name of a project, a word of its own."""
    return f"{crc32(str(number // _PROCESSES_PER_PROJECT).encode()):08x}"


def _id(kind: str, of: object) -> uuid.UUID:
    """An ID that is the same in every run and as scattered as a random one."""
    return uuid.uuid5(_NAMESPACE, f"{kind} {of}")


def _insert(rows: Sequence[Model]) -> None:
    """Insert rows of one model, on PostgreSQL by COPY."""
    model = type(rows[0])
    if connection.vendor != "postgresql":
        model._default_manager.bulk_create(rows)
        return
    fields = model._meta.concrete_fields
    names = [field.attname for field in fields]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    statement = f"COPY {model._meta.db_table} ({columns}) FROM STDIN"
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row([_copied(getattr(row, name)) for name in names])


def _copied(value: object) -> object:
    """The value as psycopg copies it: a dictionary is the value of a JSON column."""
    if isinstance(value, dict):
        return Jsonb(value)
    return value
