"""Recording events: what is stored, and what is refused."""

import pytest

from audit.log import Event, erase_values, record
from audit.models import AppendOnly, AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType
from tests.builders import NOON

pytestmark = pytest.mark.django_db

PORTAL = Actor(client="portal", subject="ilze", address="203.0.113.9")


def test_events_are_stored_in_order_with_actor_client_and_address() -> None:
    record([Event(EventType.TASK_STARTED), Event(EventType.SIGNER_SIGNED, note="x")], actor=PORTAL, at=NOON)

    first, second = AuditEvent.objects.in_order()
    assert (first.event_type, second.event_type) == ("TASK_STARTED", "SIGNER_SIGNED")
    assert (first.creator, first.client_app_name, first.ip_address) == ("ilze", "portal", "203.0.113.9")


def test_an_event_is_never_changed_or_deleted() -> None:
    record([Event(EventType.FAILURE)], actor=PORTAL, at=NOON)
    event = AuditEvent.objects.get()
    for change in (
        event.save,
        event.delete,
        AuditEvent.objects.all().delete,
        lambda: AuditEvent.objects.update(note="x"),
    ):
        with pytest.raises(AppendOnly):
            change()


def test_an_erasure_deletes_values_and_is_recorded_in_the_chain() -> None:
    record([Event(EventType.SIGNER_SIGNED, "p", note="secret")], actor=PORTAL, at=NOON)
    signed = AuditEvent.objects.get()

    erase_values({"p": [(signed.number, "note")]}, note="On request.", actor=PORTAL, at=NOON)

    signed, erasure = AuditEvent.objects.of_process("p").in_order()
    assert (signed.note, signed.erased, signed.creator) == ("", ["note"], "ilze")
    assert (erasure.event_type, erasure.note) == ("PROCESS_UPDATED", "On request.")
    assert erasure.erasures == [(signed.number, "note")]


def test_the_record_of_an_erasure_cannot_be_erased() -> None:
    record([Event(EventType.SIGNER_SIGNED, "p", note="secret")], actor=PORTAL, at=NOON)
    erase_values({"p": [(AuditEvent.objects.get().number, "note")]}, note="", actor=PORTAL, at=NOON)
    erasure = AuditEvent.objects.latest("number")

    with pytest.raises(AppendOnly, match="record of an erasure"):
        erase_values({"p": [(erasure.number, "erased")]}, note="", actor=PORTAL, at=NOON)

    assert AuditEvent.objects.latest("number") == erasure
    assert AuditEvent.objects.get(pk=erasure.pk).erasures
