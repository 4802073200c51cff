"""Erasures and other changes at the same moment, on PostgreSQL with real transactions."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from audit.chain.verify import verify
from config.versioned import actions as versioned
from contacts.models import Contact
from signing import actions
from signing.erasure import erase as erase_module
from signing.erasure.erase import ErasureSummary, NothingFound, erase
from signing.erasure.person import Person, find_person
from signing.erasure.scope import ErasureScope, find_scope
from signing.models import Process, Signer
from tests.builders import BOSS, NOON, contact_of
from tests.faults.test_at_once import at_once
from tests.people import BEN, CODES
from tests.signing.erasure.canary import (
    ADDRESS,
    BY_ADDRESS,
    BY_CODE,
    CODE,
    NAME,
    canary,
    canceled,
    contradiction,
    dump,
    events_of,
    finished,
    hits,
    later,
)

pytestmark = [pytest.mark.services, pytest.mark.django_db(transaction=True)]

BY_BEN = {"country": "LV", "code": CODES[BEN]}


def erasing(**identifier: str) -> Callable[[], ErasureSummary | str]:
    """A call that erases, and returns the summary or the code of the refusal."""
    person = find_person(**identifier)

    def call() -> ErasureSummary | str:
        try:
            return erase(person, actor=BOSS, at=NOON)
        except NothingFound as refusal:
            return refusal.code

    return call


@pytest.fixture
def after_first_look(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Do something in another transaction between the first look of an erasure and its locks."""

    def register(change: Callable[[], Any]) -> None:
        def find(person: Person, **kwargs: Any) -> ErasureScope:
            scope = find_scope(person, **kwargs)
            if not kwargs:
                thread = threading.Thread(target=lambda: at_once([change]))
                thread.start()
                thread.join()
            return scope

        monkeypatch.setattr(erase_module, "find_scope", find)

    return register


def test_two_erasures_of_one_person(mailoutbox: Any) -> None:
    for _ in range(5):
        process = finished()
        summaries = at_once([erasing(**BY_CODE), erasing(**BY_ADDRESS)])
        assert sorted(isinstance(summary, ErasureSummary) for summary in summaries) == [False, True]
        assert "nobody_found" in summaries
        assert hits(dump()) == []
        assert contradiction(process) == ""
        erasures = [event for event in events_of(process) if event.erasures]
        assert len(erasures) == 1
    assert verify(at=NOON).whole


def test_two_erasures_of_two_people_of_one_process(mailoutbox: Any) -> None:
    for _ in range(5):
        process = canceled([[canary(), BEN]], comment="x")
        summaries = at_once([erasing(**BY_CODE), erasing(**BY_BEN)])
        assert all(isinstance(summary, ErasureSummary) for summary in summaries)
        assert not Signer.objects.filter(process=process).exclude(name=None).exists()
        assert contradiction(process) == ""
        values = [value for event in events_of(process) for value in event.personal_values.values()]
        assert not [value for value in values if CODE in value or CODES[BEN] in value]
    assert verify(at=NOON).whole


def test_a_hold_between_the_look_and_the_lock(after_first_look: Any, mailoutbox: Any) -> None:
    process = finished()
    after_first_look(lambda: actions.hold(process, actor=BOSS, at=NOON, reason="Lawsuit 7"))
    assert erase(find_person(**BY_CODE), actor=BOSS, at=NOON).kept == [f"process {process.pk} is on hold (Lawsuit 7)"]
    assert Signer.objects.filter(process=process, name=NAME).exists()


def test_a_process_that_ends_between_the_look_and_the_lock(after_first_look: Any, mailoutbox: Any) -> None:
    done = finished()
    late: list[Process] = []
    after_first_look(lambda: late.append(canceled([[canary()]])))
    assert erase(find_person(**BY_CODE), actor=BOSS, at=NOON).kept == [
        f"process {late[0].pk} was changed during the erasure"
    ]
    assert not Signer.objects.filter(process=done, name=NAME).exists()
    assert Signer.objects.filter(process=late[0], name=NAME).exists()


def test_a_contact_that_is_changed_between_the_look_and_the_lock(after_first_look: Any) -> None:
    contact = contact_of(BOSS, name=NAME, email=ADDRESS)
    after_first_look(lambda: versioned.replace_row(contact, {"name": f"{NAME}-Liepa"}, actor=BOSS, at=later(1)))
    erase(find_person(**BY_ADDRESS), actor=BOSS, at=NOON)
    assert not Contact.objects.exists()
    assert hits(dump()) == []
