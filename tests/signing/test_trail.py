"""Every transition has exactly one event, and the events alone describe the whole process."""

import random
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest

from audit.models import AuditEvent
from config.errors import DomainError
from notifications.delivery.send import send_due
from signing import actions
from signing.erasure.erase import NothingFound, erase
from signing.erasure.person import find_person
from signing.evidence.replay import contradictions, rebuild, replay
from signing.evidence.verdict import verdict
from signing.models import Process
from signing.represent import process as api_process
from tests.builders import BOSS, NOON, OWNER, draft_process, profile_of, started_process
from tests.conftest import Api
from tests.people import ANA, BEN, CLEO, CODES, DAN, signer

pytestmark = pytest.mark.django_db

# What each change of a state is recorded as; those that are not here happen with another that is.
OF_PROCESS = {
    ("PENDING", "STARTED"): "PROCESS_STARTED",
    (None, "STARTED"): "PROCESS_STARTED",
    (None, "PENDING"): "PROCESS_UPDATED",
    ("STARTED", "COMPLETED"): "PROCESS_COMPLETED",
    ("PENDING", "CANCELED"): "PROCESS_CANCELED",
    ("STARTED", "CANCELED"): "PROCESS_CANCELED",
    ("COMPLETED", None): "PROCESS_DELETED",
    ("CANCELED", None): "PROCESS_DELETED",
    ("DECLINED", None): "PROCESS_DELETED",
    ("PENDING", None): "PROCESS_DELETED",
}
OF_SIGNERS = {
    ("WAITING_FOR_PROCESS", "STARTED", None): "TASK_STARTED",
    ("STARTED", "SIGNED", "SIGNER"): "SIGNER_SIGNED",
    ("STARTED", "SIGNED", "INITIATOR"): "SIGNER_SIGNED",
    ("STARTED", "DECLINED", "INITIATOR"): "SIGNER_DECLINED",
    ("STARTED", "APPROVED", "APPROVER"): "APPROVER_APPROVED",
    ("STARTED", "VIEWED", "VIEWER"): "PROCESS_OPENED",
    ("STARTED", "DECLINED", "SIGNER"): "SIGNER_DECLINED",
    ("STARTED", "DECLINED", "APPROVER"): "APPROVER_DECLINED",
}
STATUSES = {
    "SIGNER": ["SIGNED", "DECLINED"],
    "INITIATOR": ["SIGNED", "DECLINED"],
    "APPROVER": ["APPROVED", "DECLINED"],
    "VIEWER": ["VIEWED"],
}


def assert_replayable(process: Process) -> None:
    """The process agrees with its trail, and the API shows the same process when it is rebuilt from the trail."""
    stored = Process.objects.get(pk=process.pk)
    events = list(AuditEvent.objects.of_process(process.pk).filter(seq__isnull=False).order_by("seq"))
    assert list(contradictions(stored, stored.steps.all(), stored.signers.all(), events)) == []
    positions = dict(stored.signers.values_list("id", "position"))
    rebuilt, steps, signers = rebuild(stored.pk, replay(events), positions=positions)
    assert api_process(rebuilt, BOSS, children=(steps, signers)) == api_process(stored, BOSS)


def states(process: Process) -> dict[Any, tuple[str, str]]:
    found = {row.pk: (row.status, "") for row in Process.objects.filter(pk=process.pk)}
    return found | {row.pk: (row.status, row.role) for row in process.signers.all()}


def expected(before: dict[Any, tuple[str, str]], after: dict[Any, tuple[str, str]], process: Process) -> Counter[str]:
    events: list[str | None] = []
    for pk in {*before, *after}:
        (was, _), (now, role) = before.get(pk, (None, "")), after.get(pk, (None, ""))
        if was == now:
            continue
        if pk == process.pk:
            events.append(OF_PROCESS.get((was, now)))
        elif now is not None:
            events.append(OF_SIGNERS.get((was or "WAITING_FOR_PROCESS", now, role if now != "STARTED" else None)))
    return Counter(event for event in events if event)


def step(process: Process, chance: random.Random) -> int:
    """Something that may be done, or is refused; how many were reminded by it."""
    rows = list(process.signers.all())
    kind = chance.choice(["start", "act", "act", "act", "act", "cancel", "delete", "remind"])
    if kind == "act" and rows:
        row = chance.choice(rows)
        said = {"status": chance.choice(STATUSES[row.role])}
        actions.act(process, row.pk, said, actor=OWNER, at=NOON)
    elif kind == "start":
        actions.start(process, actor=OWNER, at=NOON)
    elif kind == "cancel" and chance.random() < 0.2:
        actions.cancel(process, actor=OWNER, at=NOON)
    elif kind == "delete" and chance.random() < 0.3:
        actions.delete(process, actor=OWNER, at=NOON)
    elif kind == "remind":
        return len(actions.remind(process, actor=OWNER, at=NOON).reminded)
    return 0


def edited(steps: list[dict[str, Any]], chance: random.Random) -> None:
    """The steps of an answer, changed at random as a client might."""
    mine = chance.choice(steps)
    rows = mine["processStepSigners"]
    kind = chance.choice(["rename", "reorder", "remove", "add", "move", "add a step", "remove a step", "due", "swap"])
    if kind == "rename":
        chance.choice(rows)["signerName"] = chance.choice(["Zoe", "Š", None])
    elif kind == "reorder":
        chance.shuffle(rows)
    elif kind == "remove":
        rows.remove(chance.choice(rows))
    elif kind == "add":
        rows.insert(chance.randint(0, len(rows)), signer(DAN, chance.choice(["SIGNER", "VIEWER"])))
    elif kind == "move":
        row = rows.pop(chance.randrange(len(rows)))
        chance.choice(steps)["processStepSigners"].append(row)
    elif kind == "add a step":
        steps.append({"processStepSigners": [signer(CLEO)]})
    elif kind == "remove a step":
        steps.remove(mine)
    elif kind == "due":
        mine["dueDate"] = f"2027-0{chance.randint(1, 9)}-01T10:00:00Z"
    else:
        mine["processOrder"], steps[0]["processOrder"] = steps[0].get("processOrder"), mine.get("processOrder")


@pytest.mark.parametrize("seed", range(30))
def test_random_edits_can_be_replayed(seed: int, api: Api) -> None:
    chance, refused = random.Random(seed), 0
    make = chance.choice([draft_process, started_process])
    process = make([[ANA, signer(BEN, "APPROVER")], [DAN, signer(CLEO, "VIEWER")]])
    for _ in range(25):
        whole = api.get(f"/api/processes/{process.pk}").json()
        edited(whole["signingProcessSteps"], chance)
        whole["comment"] = chance.choice([None, "x", "š"])
        answer = api.put(f"/api/processes/{process.pk}", whole)
        assert answer.status_code in (200, 400, 409), answer.json()
        refused += answer.status_code != 200
        with suppress(DomainError):
            step(process, chance)
        if not Process.objects.filter(pk=process.pk).exists():
            break
        process.refresh_from_db()
        assert_replayable(process)
    assert refused < 25
    with suppress(DomainError):
        actions.cancel(process, actor=OWNER, at=NOON)
    send_due()
    for name in (ANA, BEN, CLEO, DAN):
        with suppress(NothingFound):
            assert erase(find_person(country="LV", code=CODES[name]), actor=BOSS, at=NOON).kept == []
        said = [
            value for event in AuditEvent.objects.of_process(process.pk) for value in event.personal_values.values()
        ]
        assert not any(CODES[name] in value for value in said)
        for row in Process.objects.all():
            assert_replayable(row)


@pytest.mark.parametrize("seal", ["", "x"])
def test_the_rules_of_the_document_profile_are_in_the_trail(seal: str) -> None:
    profile_of("LEASE", seal=seal, isSealRequired=bool(seal), continueOnDecline=True)
    process = draft_process(documentType="LEASE")
    assert_replayable(process)
    actions.start(process, actor=OWNER, at=NOON)
    assert_replayable(Process.objects.get())


@pytest.mark.parametrize("number", [-0.0, 1e-7, 0.1 + 0.2, 1e15, 100.0, 7, True])
def test_numbers_agree_with_the_trail_in_every_database(number: float) -> None:
    started_process(attributes={"x": number})
    assert_replayable(Process.objects.get())


@pytest.mark.parametrize("seed", range(40))
def test_each_transition_has_exactly_one_event(seed: int) -> None:
    chance = random.Random(seed)
    profile_of("GOES_ON", continueOnDecline=True)
    steps = [
        [ANA, signer(BEN, "APPROVER"), signer(CLEO, "VIEWER")],
        [DAN, signer(CLEO, "INITIATOR")],
        [signer(BEN, "APPROVER"), ANA],
    ]
    make = chance.choice([draft_process, started_process])
    process = make(steps[: chance.randint(1, 3)], documentType=chance.choice(["GOES_ON", "OTHER"]))
    before: dict[Any, tuple[str, str]] = {}
    seen = reminded = 0
    for _ in range(25):
        after = states(process)
        events = list(AuditEvent.objects.of_process(process.pk).in_order())
        due = expected(before, after, process) + Counter(REMINDER=reminded)
        assert Counter(event.event_type for event in events[seen:]) == due
        assert [event.seq for event in events] == list(range(1, len(events) + 1))
        seen, before = len(events), after
        if process.pk not in after:
            break
        process.refresh_from_db()
        assert_replayable(process)
        reminded = 0
        try:
            reminded = step(process, chance)
        except DomainError:
            assert states(process) == before
    assert verdict(at=NOON).whole
