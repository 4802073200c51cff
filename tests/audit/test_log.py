import pytest

from audit.log import Event, record
from audit.models import AppendOnly, AuditEvent
from config.access.actor import Actor
from config.vocabulary import EventType
from tests.builders import NOON

pytestmark = pytest.mark.django_db

PORTAL = Actor(client="portal", subject="ilze", address="203.0.113.9")


def test_events_keep_their_order_and_say_who_for_whom_from_where() -> None:
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
