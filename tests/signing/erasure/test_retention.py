"""Finished processes are deleted when their retention has ended; their events stay, without personal data."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit.chain import checkpoints
from audit.chain.verify import verify as verify_trail
from audit.models import AuditEvent
from config.access.models import User
from config.versioned import actions as versioned
from notifications.models import Message
from signing import actions
from signing.erasure import retention
from signing.models import Process
from templates_app.actions import replace_profile
from tests.builders import BOSS, NOON, OWNER, client_user, profile_of, staff, started_process
from tests.conftest import Api, Outbox
from tests.people import BEN
from tests.signing.erasure.canary import dump, finished, hits

pytestmark = pytest.mark.django_db


class TestRetention:
    @pytest.fixture(autouse=True)
    def no_warning_period(self, settings: Any) -> None:
        settings.RETENTION_WARNING_DAYS = 0

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
        checkpoints.make(at=self.at(11))

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
        assert "LEASE (LEASE, 10-day retention): 1 due" in out.getvalue()
        assert Process.objects.count() == 1
        call_command("apply_retention", "--yes", stdout=out)
        assert "Processes deleted: 1." in out.getvalue()
        assert Process.objects.count() == 0


def administrator() -> None:
    boss = client_user("boss", rights=["administer"])
    User.objects.filter(pk=boss.pk).update(is_staff=True, email="boss@example.org")


class TestWarningPeriod:
    def test_a_new_retention_deletes_nothing_before_the_warning_period_has_ended(self, api: Api, settings: Any) -> None:
        settings.RETENTION_WARNING_DAYS = 14
        finished(documentType="LEASE")
        profile_of("LEASE", retentionDays=1)
        (row,) = retention.summarize(at=NOON)
        assert (row.processes, row.then, row.starts_at) == (0, 1, NOON + timedelta(days=14))
        assert retention.apply(at=NOON) == 0
        (row,) = retention.summarize(at=NOON + timedelta(days=2))
        assert (row.processes, row.then, row.starts_at) == (1, 1, NOON + timedelta(days=14))
        assert retention.apply(at=NOON + timedelta(days=13)) == 0
        assert retention.apply(at=NOON + timedelta(days=14)) == 1

    def test_a_late_announcement_leaves_the_whole_warning_period(self, api: Api, settings: Any) -> None:
        settings.RETENTION_WARNING_DAYS = 14
        finished(documentType="LEASE")
        profile_of("LEASE", retentionDays=1)
        late = NOON + timedelta(days=100)
        assert retention.apply(at=late) == 0
        assert retention.apply(at=late + timedelta(days=13)) == 0
        assert retention.apply(at=late + timedelta(days=14)) == 1

    @pytest.mark.parametrize("change", [None, {"owner_group": "hr"}, {"document_type": "RENT"}])
    def test_the_general_retention_starts_a_new_warning_period_when_it_applies_to_a_group(
        self, api: Api, settings: Any, outbox: Outbox, change: Any
    ) -> None:
        settings.RETENTION_WARNING_DAYS = 14
        administrator()
        profile_of("LEASE", retentionDays=1)
        own = profile_of("LEASE", ownerGroup="legal")
        actor = OWNER.__class__(client="x", subject="x", groups=frozenset({"legal"}))
        actions.cancel(
            started_process([[BEN]], actor=actor, documentType="LEASE", ownerGroup="legal"), actor=actor, at=NOON
        )
        assert retention.apply(at=NOON) == 0
        changed_at = NOON + timedelta(days=40)
        assert retention.apply(at=changed_at) == 0

        if change is None:
            versioned.delete_row(own, actor=BOSS, at=changed_at)
        else:
            replace_profile(own, change, actor=BOSS, at=changed_at)

        assert retention.apply(at=changed_at) == 0
        assert outbox.of("FAILURE")[-1].context["failure"]["retention"].startswith("LEASE (LEASE), kept for 1 day: 1 ")
        assert retention.apply(at=changed_at + timedelta(days=13)) == 0
        assert retention.apply(at=changed_at + timedelta(days=14)) == 1

    def test_another_change_of_a_group_profile_starts_no_warning_period(self, api: Api) -> None:
        general = profile_of("LEASE", retentionDays=1)
        own = profile_of("LEASE", ownerGroup="legal")
        retention.announce(at=NOON)
        replace_profile(own, {"name": "x", "retention_days": 5}, actor=BOSS, at=NOON)
        general.refresh_from_db()
        assert general.retention_starts_at is not None

    @pytest.mark.parametrize("change", [{"retention_days": 2}, {"document_type": "RENT"}])
    def test_a_change_starts_a_new_warning_period(self, api: Api, settings: Any, change: Any) -> None:
        settings.RETENTION_WARNING_DAYS = 14
        profile = profile_of("LEASE", retentionDays=30)
        for document_type in ("LEASE", "RENT"):
            finished(documentType=document_type)
        retention.announce(at=NOON)
        changed_at = NOON + timedelta(days=40)
        replace_profile(profile, change, actor=BOSS, at=changed_at)
        assert retention.apply(at=changed_at) == 0
        assert retention.apply(at=changed_at + timedelta(days=13)) == 0
        assert retention.apply(at=changed_at + timedelta(days=14)) == 1

    def test_administrators_are_notified_once_of_what_will_be_deleted(
        self, api: Api, outbox: Outbox, settings: Any
    ) -> None:
        settings.RETENTION_WARNING_DAYS = 14
        administrator()
        finished(documentType="LEASE")
        profile = profile_of("LEASE", retentionDays=1)
        assert [retention.announce(at=NOON + timedelta(hours=hours)) for hours in (1, 2, 30)] == [1, 0, 0]
        (message,) = outbox.of("FAILURE")
        assert message.address == "boss@example.org"
        expected = "LEASE (LEASE), kept for 1 day: 1 process, starting 2026-05-18 13:00 UTC"
        assert message.context["failure"]["retention"] == expected

        # A second change in the same hour is announced as well.
        replace_profile(profile, {"retention_days": 2}, actor=BOSS, at=NOON)
        assert retention.announce(at=NOON + timedelta(hours=1, minutes=5)) == 1
        texts = [message.context["failure"]["retention"] for message in outbox.of("FAILURE")]
        assert len(texts) == 2
        assert "kept for 2 days" in texts[-1]

    def test_the_page_shows_which_processes_will_be_deleted_and_when(self, api: Api) -> None:
        processes = [finished(documentType="LEASE", documentName=f"Lease {n}") for n in range(23)]
        Process.objects.update(finished_at=timezone.now())
        held = processes.pop()
        actions.hold(held, actor=BOSS, at=NOON, reason="x")
        profile_of("LEASE", retentionDays=1)
        page = staff("boss", superuser=True).get("/admin/signing/process/erasure/").content.decode()
        assert "Deletion starts" in page
        assert "(22 will be due by then)" in page
        assert "22 processes will be deleted" in page
        assert "and 2 more" in page
        shown = [process for process in processes if f"/admin/signing/process/{process.pk}/change/" in page]
        assert len(shown) == 20
        assert str(held.pk) not in page


def test_a_profile_deletes_only_processes_of_its_group(api: Api, settings: Any) -> None:
    settings.RETENTION_WARNING_DAYS = 0
    finished(documentType="LEASE")
    profile_of("LEASE", ownerGroup="legal", retentionDays=1)
    assert retention.apply(at=NOON + timedelta(days=100)) == 0
