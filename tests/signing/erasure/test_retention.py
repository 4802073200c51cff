"""Finished processes are deleted when their retention has ended; their events stay, without personal data."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command

from audit.chain import checkpoints
from audit.chain.verify import verify as verify_trail
from audit.models import AuditEvent
from notifications.models import Message
from signing import actions
from signing.erasure import retention
from signing.models import Process
from tests.builders import BOSS, NOON, OWNER, profile_of, started_process
from tests.conftest import Api
from tests.people import BEN
from tests.signing.erasure.canary import dump, finished, hits

pytestmark = pytest.mark.django_db


class TestRetention:
    def at(self, days: int) -> Any:
        return NOON + timedelta(days=days)

    def test_the_profile_of_the_group_comes_first(self, api: Api) -> None:
        general, own = profile_of("LEASE", retentionDays=10), profile_of("LEASE", ownerGroup="legal", retentionDays=30)
        first = finished(documentType="LEASE")
        actor = OWNER.__class__(client="x", subject="x", groups=frozenset({"legal"}))
        second = started_process([[BEN]], actor=actor, documentType="LEASE", ownerGroup="legal")
        actions.cancel(second, actor=actor, at=NOON)
        started_process([[BEN]], documentType="LEASE")
        finished(documentType="OTHER")
        assert {d.profile.pk: d.processes for d in retention.summarize(at=self.at(9))} == {general.pk: 0, own.pk: 0}
        assert {d.profile.pk: d.processes for d in retention.summarize(at=self.at(11))} == {general.pk: 1, own.pk: 0}
        assert [retention.apply(at=self.at(days)) for days in (9, 11, 11, 31)] == [0, 1, 0, 1]
        assert not Process.objects.filter(pk__in=[first.pk, second.pk]).exists()
        assert Process.objects.count() == 2

    def test_events_stay_without_personal_data(self, api: Api, api_of: Callable[..., Api]) -> None:
        profile_of("LEASE", retentionDays=10)
        process = finished(documentType="LEASE")
        checkpoints.make(at=NOON)
        events = AuditEvent.objects.of_process(process.pk).count()
        assert hits(dump())

        retention.apply(at=self.at(11))

        assert hits(dump()) == []
        left = AuditEvent.objects.of_process(process.pk).in_order()
        assert left.count() == events + 1
        assert left.last().event_type == "PROCESS_DELETED"
        assert left.last().before == {"status": "COMPLETED"}
        assert verify_trail(at=NOON).whole
        assert not Message.objects.filter(process_id=process.pk).exists()
        auditor = api_of("auditor", rights=["audit_read"])
        assert auditor.get(f"/api/processes/{process.pk}/audit").json()["verdict"]["whole"] is True

    def test_a_process_on_hold_stays(self, api: Api) -> None:
        profile_of("LEASE", retentionDays=10)
        process = finished(documentType="LEASE")
        actions.hold(process, actor=BOSS, at=NOON, reason="x")
        (due,) = retention.summarize(at=self.at(11))
        assert (due.processes, due.held) == (0, 1)
        assert retention.apply(at=self.at(11)) == 0

    def test_the_command(self, api: Api) -> None:
        out = io.StringIO()
        call_command("apply_retention", stdout=out)
        assert "All processes are kept" in out.getvalue()
        profile_of("LEASE", retentionDays=10)
        finished(documentType="LEASE")
        call_command("apply_retention", stdout=out)
        assert "LEASE (LEASE, 10 days): 1 due" in out.getvalue()
        assert Process.objects.count() == 1
        call_command("apply_retention", "--yes", stdout=out)
        assert "Processes deleted: 1." in out.getvalue()
        assert Process.objects.count() == 0
