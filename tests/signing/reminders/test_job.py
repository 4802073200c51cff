"""The reminder job: who is reminded, when, and only once."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import patch

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditEvent
from notifications import outbox
from notifications.delivery.claims import claim
from notifications.delivery.send import Batch
from notifications.models import Message, MessageTemplate, ReminderSettings
from signing import actions
from signing.models import Process, Signer, Step
from signing.reminders.job import remind_due
from tests.builders import OWNER, draft_process, process_of, row_of, sign
from tests.people import ANA, BEN, CLEO, ILZE, address, body, signer

pytestmark = pytest.mark.django_db

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CREATED = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
DUE = datetime(2026, 3, 10, 15, 0, tzinfo=UTC)


def at(day: int, hour: int = 11, minute: int = 0) -> datetime:
    return datetime(2026, 3, day, hour, minute, tzinfo=UTC)


def due(
    steps: list[list[Any]] | None = None, moment: datetime | None = DUE, created: datetime = CREATED, **more: Any
) -> Any:
    wire = body(steps or [[ANA], [BEN]], processInitiatorEmail=None, **more)
    for step in wire["signingProcessSteps"]:
        step["dueDate"] = moment.isoformat() if moment else None
    process = process_of(wire, at=created)
    Message.objects.all().delete()
    return process


def reminded() -> list[tuple[str, str]]:
    rows = Message.objects.filter(event="REMINDER", status="QUEUED").order_by("id")
    return [(row.address.split("@")[0], row.key.rpartition(":")[2]) for row in rows]


def run(*moments: datetime) -> list[int]:
    return [remind_due(at=moment) for moment in moments]


def test_reminders_are_sent_once_each_5_3_and_1_days_before_at_11() -> None:
    process = due()
    moments = [at(2, 10) + n * 5 * timedelta(minutes=1) for n in range(12 * 24 * 9)]
    assert sum(run(*moments)) == 3
    assert reminded() == [("ana", "5"), ("ana", "3"), ("ana", "1")]
    assert [m.created_at for m in Message.objects.order_by("id")] == [at(5), at(7), at(9)]
    events = AuditEvent.objects.of_process(process.pk).filter(event_type="REMINDER")
    assert events.with_value("creator", value="paraph").count() == 3


def test_only_acting_signers_whose_turn_it_is_are_reminded() -> None:
    process = due([[ANA, signer(BEN, "APPROVER"), signer(CLEO, "VIEWER")], [CLEO]])
    sign(process, ANA)
    Message.objects.all().delete()
    run(at(5))
    assert reminded() == [("ben", "5")]
    draft_process()
    canceled = due()
    actions.cancel(canceled, actor=OWNER, at=at(6))
    Message.objects.all().delete()
    run(at(7))
    assert reminded() == [("ben", "3")]


def test_after_an_outage_only_the_latest_missed_reminder_is_sent() -> None:
    due()
    run(at(4, 12))
    assert run(at(7, 14)) == [1]
    assert reminded() == [("ana", "3")]
    assert run(at(7, 14), at(8), at(8, 23)) == [0, 0, 0]


def test_no_reminder_is_sent_after_the_due_date() -> None:
    due()
    run(at(4, 12))
    run(at(10, 16))
    assert reminded() == []


def test_a_slot_before_the_step_started_does_not_count_as_missed() -> None:
    due(created=at(7, 12))
    run(at(4), at(7, 12), at(8))
    assert reminded() == []
    run(at(9))
    assert reminded() == [("ana", "1")]


def test_changing_the_due_date_restarts_the_reminders() -> None:
    process = due()
    run(at(5))
    Step.objects.filter(process=process).update(due_at=at(12, 15))
    run(at(7), at(9), at(11))
    assert reminded() == [("ana", "5"), ("ana", "5"), ("ana", "3"), ("ana", "1")]
    assert len(set(Message.objects.values_list("key", flat=True))) == 4


def test_a_clock_that_is_set_back_sends_no_reminder_twice() -> None:
    due()
    assert run(at(5, 12), at(5, 10), at(5, 11), at(4, 12), at(5, 13)) == [1, 0, 0, 0, 0]


def test_a_run_that_died_halfway_is_completed_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    for number in range(3):
        due([[signer(ANA, signerEmail=f"p{number}@example.com")]])
    monkeypatch.setattr("signing.reminders.sources.PAGE_SIZE", 1)
    run(at(4))
    monkeypatch.setattr("signing.reminders.job._Run.finish", lambda run: None)
    run(at(5))
    Message.objects.filter(address="p1@example.com").delete()
    monkeypatch.undo()
    assert run(at(5, 11, 5)) == [1]
    assert sorted(Message.objects.values_list("address", flat=True)) == [f"p{n}@example.com" for n in range(3)]


@pytest.mark.parametrize(
    ("other", "emails"), [("ANNA@STRAßE.de", 1), ("anna@xn--strae-oqa.de", 1), ("anna@strasse.de", 2)]
)
def test_reminders_to_one_delivered_address_are_one_email(other: str, emails: int) -> None:
    for email in ("anna@straße.de", other):
        due([[signer(ANA, signerEmail=email)]])
    run(at(5))
    assert Message.objects.filter(status="QUEUED", event="REMINDER").count() == emails


def test_several_tasks_of_one_recipient_are_one_email(settings: Any) -> None:
    for name in ("Lease", "Offer"):
        due([[ANA]], documentName=name)
    due([[signer(ANA, "APPROVER")]], documentName="Budget")
    due([[signer(ANA, signerLanguage="lv")]], documentName="Līgums")
    run(at(5))

    assert reminded()[0][0] == "ana"
    (digest, single) = Message.objects.filter(status="QUEUED").order_by("id")
    merged = Message.objects.filter(leader=digest, status="MERGED")
    assert (merged.count(), digest.language, single.language) == (3, "en", "lv")
    assert AuditEvent.objects.filter(event_type="REMINDER").count() == 4

    done = Signer.objects.get(process__document_name="Offer")
    actions.act(done.process, done.id, {"status": "SIGNED"}, actor=OWNER, at=at(5, 12))
    sent = sent_mails()
    assert sent[0].subject == "Reminder: 2 documents are waiting for you"
    assert "Lease" in str(sent[0].body)
    assert "Budget" in str(sent[0].body)
    assert "Offer" not in str(sent[0].body)
    states = dict(Message.objects.filter(event="REMINDER", leader=digest).values_list("process_id", "status"))
    assert sorted(states.values()) == ["SENT", "SENT", "WITHDRAWN"]


def sent_mails(when: datetime = CREATED + 4 * DAY, between: Callable[[], Any] | None = None) -> list[Any]:
    """Return the emails that a sender sends now. `between` is called after its claim and before it sends."""
    taken: list[Any] = []

    class Taking:
        def send(self, outgoing: Any, *, message_id: int) -> None:
            taken.append(outgoing)

    with patch("django.utils.timezone.now", lambda: when):
        batch = Batch([m for m in claim(when) if m.event == "REMINDER"])
        if between:
            between()
        batch.send(Taking())  # type: ignore[arg-type]
    return taken


def states() -> list[str]:
    return sorted(Message.objects.filter(event="REMINDER").values_list("status", flat=True))


def test_a_task_canceled_while_its_digest_is_sent_is_left_out() -> None:
    processes = [due([[ANA]], documentName=name) for name in ("Lease", "Offer", "Budget")]
    run(at(5))
    (mail,) = sent_mails(between=lambda: actions.cancel(processes[1], actor=OWNER, at=at(5, 12)))
    assert ("Lease" in mail.body, "Offer" in mail.body, "Budget" in mail.body) == (True, False, True)
    assert states() == ["SENT", "SENT", "SENT", "WITHDRAWN"]


def test_a_task_left_out_of_a_sent_digest_is_withdrawn() -> None:
    processes = [due([[ANA]]), due([[ANA]]), due([[ANA]])]
    run(at(5))
    Step.objects.filter(process=processes[0]).update(due_at=at(20))
    assert len(sent_mails()) == 1
    assert states() == ["SENT", "SENT", "SENT", "WITHDRAWN"]


@pytest.mark.parametrize("end", ["off", "defect"])
def test_the_tasks_of_a_digest_share_its_outcome(monkeypatch: pytest.MonkeyPatch, end: str) -> None:
    due([[ANA]]), due([[ANA]])
    run(at(5))
    if end == "off":
        MessageTemplate(event="REMINDER", role="SIGNER", language="en", active=False, created_at=CREATED).save()
        expected = "SUPPRESSED"
    else:
        Message.objects.update(queued_at=at(1), attempts=8)
        monkeypatch.setattr("notifications.delivery.send.build_email", lambda *_: 1 / 0)
        expected = "FAILED"
    assert sent_mails() == []
    assert states() == [expected] * 3
    assert Message.objects.stuck(at(6)).filter(event="REMINDER").count() == (expected == "FAILED")


@pytest.mark.parametrize("ended", ["SENT", "FAILED"])
def test_a_digest_is_sent_again_with_the_tasks_that_are_still_due(ended: str) -> None:
    done, _ = due([[ANA]], documentName="Lease"), due([[ANA]], documentName="Offer")
    run(at(5))
    Message.objects.update(status=ended)
    actions.cancel(done, actor=OWNER, at=at(5, 12))
    leader = Message.objects.get(key__startswith="reminders:")
    with patch("django.utils.timezone.now", lambda: at(6)):
        outbox.send_again(leader, actor=OWNER, at=at(6))
        for row in leader.merged.all():
            with pytest.raises(outbox.NotResendable):
                outbox.send_again(row, actor=OWNER, at=at(6))
    (mail,) = sent_mails(at(6, 12))
    assert ("Lease" in mail.body, "Offer" in mail.body) == (False, True)
    actions.cancel(Signer.objects.get(process__document_name="Offer").process, actor=OWNER, at=at(6, 2))
    with pytest.raises(outbox.NotResendable):
        outbox.send_again(leader, actor=OWNER, at=at(6, 3))


def test_tasks_of_different_roles_and_language_tags_are_one_email() -> None:
    ReminderSettings.objects.create(pk=1, without_due_date_every=3, done_until=at(4, 12))
    due([[ANA]]), due([[ANA]], moment=None)
    due([[signer(ANA, signerLanguage="en")]]), due([[signer(ANA, signerLanguage="en-GB")]])
    assert run(at(5)) == [4]
    (mail,) = sent_mails()
    assert mail.subject == "Reminder: 4 documents are waiting for you"


def test_owner_groups_with_their_own_texts_get_separate_emails() -> None:
    for group in ("legal", "hr"):
        text = {"subject": f"From {group}", "html": "<p>x</p>", "text": "x"}
        MessageTemplate(
            event="REMINDER", role="SIGNER", language="en", owner_group=group, created_at=CREATED, **text
        ).save()
    MessageTemplate(event="REMINDER", role="SIGNER", language="en", active=False, created_at=CREATED).save()
    for group in ("legal", "hr", "legal", None):
        Process.objects.filter(pk=due([[ANA]]).pk).update(owner_group=group)
    run(at(5))
    assert sorted(mail.subject for mail in sent_mails()) == ["From hr", "From legal"]
    assert states() == ["SENT", "SENT", "SENT", "SENT", "SUPPRESSED"]


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_the_tasks_of_one_recipient_are_never_split_between_pages(monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    monkeypatch.setattr("signing.reminders.sources.PAGE_SIZE", batch)
    for name in (BEN, ANA, BEN, CLEO, ANA, ANA):
        due([[name]])
    assert run(at(5)) == [6]
    assert len(sent_mails()) == 3


def test_a_delayed_reminder_is_not_sent_after_the_due_date() -> None:
    process = due()
    run(at(9))
    assert sent_mails(at(10, 16)) == []
    assert states() == ["WITHDRAWN"]
    actions.remind(process, actor=OWNER, at=at(10, 17))
    assert len(sent_mails(at(10, 18))) == 1


@pytest.mark.parametrize("fate", ["open", "signed", "canceled", "moved"])
def test_a_delayed_overdue_notice_is_sent_only_while_the_step_is_overdue(fate: str) -> None:
    wire = body([[ANA], [BEN]])
    wire["signingProcessSteps"][0]["dueDate"] = DUE.isoformat()
    process = process_of(wire, at=CREATED)
    run(at(10, 16), at(11))
    if fate == "signed":
        sign(process, ANA)
    if fate == "canceled":
        actions.cancel(process, actor=OWNER, at=at(11, 12))
    if fate == "moved":
        Step.objects.filter(process=process, process_order=1).update(due_at=at(25))
    assert len(sent_mails(at(11, 13))) == (fate == "open")


def test_a_clock_that_was_ahead_does_not_stop_reminders() -> None:
    run(at(4), datetime(2027, 1, 1, 12, tzinfo=UTC))
    due(created=at(4))
    assert run(at(5), at(7), at(9)) == [1, 1, 1]


def test_a_digest_whose_tasks_are_all_done_is_withdrawn() -> None:
    processes = [due([[ANA]]), due([[ANA]])]
    run(at(5))
    for process in processes:
        actions.cancel(process, actor=OWNER, at=at(5, 12))
    assert sent_mails(at(5, 13)) == []
    rows = Message.objects.filter(event="REMINDER")
    assert set(rows.values_list("status", flat=True)) == {"WITHDRAWN"}
    assert sorted({row.withdrawn_at for row in rows}) == [at(5, 12), at(5, 13)]  # the tasks, then their mail


def test_a_reminder_whose_due_date_was_moved_before_it_was_sent_is_withdrawn() -> None:
    process = due()
    run(at(5))
    Step.objects.filter(process=process).update(due_at=at(20))
    assert sent_mails(at(5, 14)) == []
    message = Message.objects.get()
    assert (message.status, message.withdrawn_at, message.reason) == ("WITHDRAWN", at(5, 14), outbox.NO_LONGER_DUE)


def test_signers_without_notifications_and_disabled_texts_are_recorded() -> None:
    due([[signer(ANA, signerNotification=False), BEN]])
    template = MessageTemplate(event="REMINDER", role="SIGNER", language="en", active=False, created_at=CREATED)
    template.save()
    assert run(at(5)) == [2]
    rows = Message.objects.filter(event="REMINDER").order_by("address")
    assert [(row.address, row.status) for row in rows] == [(address(ANA), "SUPPRESSED"), (address(BEN), "SUPPRESSED")]
    assert "signerNotification" in rows[0].reason
    assert "disabled" in rows[1].reason
    assert not AuditEvent.objects.filter(event_type="REMINDER").exists()


class TestSettings:
    def set(self, **values: Any) -> None:
        ReminderSettings.objects.update_or_create(pk=1, defaults=values)

    def test_hour_days_and_zone_are_settings(self) -> None:
        self.set(hour=8, days="2", zone="America/New_York")
        due()
        assert run(at(8, 11), at(8, 11, 59), at(8, 12)) == [0, 0, 1]
        assert Message.objects.get().key.endswith(":2")

    def test_the_zone_is_the_services_unless_the_settings_name_one(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Riga"
        due()
        assert run(at(5, 8, 59), at(5, 9)) == [0, 1]

    def test_disabled_reminders_are_not_caught_up_later(self) -> None:
        self.set(active=False)
        due()
        assert run(at(5), at(6)) == [0, 0]
        self.set(active=True)
        assert run(at(6, 12), at(7)) == [0, 1]

    def test_business_days(self) -> None:
        self.set(business_days_only=True, quiet_countries="LT")
        due(moment=datetime(2026, 3, 12, 15, tzinfo=UTC))  # 11 March is a holiday in Lithuania
        assert [remind_due(at=at(day)) for day in (6, 7, 8, 9, 10, 11)] == [1, 0, 0, 1, 1, 0]

    @pytest.mark.parametrize(
        ("wrong", "field"),
        [
            ({"days": "5, x"}, "days"),
            ({"days": ""}, "days"),
            ({"days": "0"}, "days"),
            ({"days": "5, ²"}, "days"),
            ({"days": "366"}, "days"),
            ({"zone": "Riga"}, "zone"),
            ({"quiet_countries": "LV, XX"}, "quiet_countries"),
            ({"hour": 24}, "hour"),
        ],
    )
    def test_invalid_settings_are_refused(self, wrong: dict[str, Any], field: str) -> None:
        with pytest.raises(Exception, match=field):
            ReminderSettings(**wrong).full_clean()

    def test_tasks_without_a_due_date_are_reminded_periodically(self) -> None:
        due(moment=None)
        assert run(at(5), at(9)) == [0, 0]
        self.set(without_due_date_every=3)
        assert [remind_due(at=at(day)) for day in range(10, 16)] == [0, 1, 0, 0, 1, 0]
        assert len({row.key for row in Message.objects.all()}) == 2


class TestOverdue:
    def test_the_initiator_is_notified_on_the_day_after(self) -> None:
        wire = body([[ANA, BEN], [CLEO]])
        wire["signingProcessSteps"][0]["dueDate"] = DUE.isoformat()
        process = process_of(wire, at=CREATED)
        sign(process, ANA)
        Message.objects.all().delete()
        run(at(10, 16), at(11, 10, 59))
        assert not Message.objects.filter(role="INITIATOR").exists()
        run(at(11), at(11, 12), at(12))
        (notice,) = Message.objects.filter(role="INITIATOR")
        assert (notice.address, notice.context["waiting"]) == (address(ILZE), BEN)
        mails = sent_mails(at(12))
        assert [m.subject for m in mails if "Overdue" in m.subject] == ["Overdue: Contract"]
        assert any("Still waiting for: Ben" in str(m.body) for m in mails)

    def test_overdue_notices_after_an_outage_and_when_disabled(self) -> None:
        wire = body([[ANA]])
        wire["signingProcessSteps"][0]["dueDate"] = DUE.isoformat()
        process_of(wire, at=CREATED)
        done = process_of(wire, at=CREATED)
        sign(done, ANA)
        Message.objects.all().delete()
        run(at(10, 12))
        run(at(14))
        assert Message.objects.filter(role="INITIATOR").count() == 1

        ReminderSettings.objects.update(overdue_notice=False)
        process_of(
            {**wire, "signingProcessSteps": [{**wire["signingProcessSteps"][0], "dueDate": at(15, 8).isoformat()}]},
            at=at(14, 12),
        )
        Message.objects.all().delete()
        run(at(16))
        assert not Message.objects.exists()


class TestCommand:
    def test_runs_the_job_as_of_a_time(self, capsys: pytest.CaptureFixture[str]) -> None:
        ReminderSettings.objects.create(pk=1, done_until=at(4))
        due()
        for _ in range(2):
            call_command("send_reminders", at="2026-03-05T12:00:00+00:00")
        told = capsys.readouterr().out.splitlines()
        assert told == [
            "Queued 1 reminder as of 2026-03-05 12:00 UTC.",
            "Queued 0 reminders as of 2026-03-05 12:00 UTC.",
        ]

    @pytest.mark.parametrize("wrong", ["tomorrow", "2999-01-01T00:00:00"])
    def test_an_invalid_or_future_time_is_refused(self, wrong: str) -> None:
        with pytest.raises(CommandError):
            call_command("send_reminders", at=wrong)


def test_queries_grow_by_batches(queries: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("signing.reminders.sources.PAGE_SIZE", 10)
    costs = []
    for number, people in enumerate((10, 30)):
        Message.objects.all().delete()
        ReminderSettings.objects.update_or_create(pk=1, defaults={"done_until": at(4)})
        for person in range(people):
            due([[signer(ANA, signerEmail=f"p{number}x{person}@example.com")]])
        Message.objects.all().delete()
        with queries() as made:
            remind_due(at=at(5))
        costs.append(made())
    assert (costs[1] - costs[0]) / 3 <= 10, costs


def test_a_simulated_year_against_a_loop() -> None:
    chance = random.Random(5)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    dues = {}
    ReminderSettings.objects.create(pk=1, done_until=start, overdue_notice=False)
    for number in range(25):
        moment = start + timedelta(hours=chance.randrange(24 * 10, 24 * 360))
        process = due([[signer(ANA, signerEmail=f"p{number}@example.com")]], moment=moment, created=start)
        dues[row_of(process, ANA).id] = moment
    expected, since = set(), start
    while since < start + 365 * DAY:
        now = since + chance.choice([5 * HOUR, DAY, DAY, 72 * HOUR])
        remind_due(at=now)
        for who, moment in dues.items():
            slots = [
                (datetime(d.year, d.month, d.day, 11, tzinfo=UTC), n) for n in (5, 3, 1) for d in [moment - n * DAY]
            ]
            missed = [(slot, n) for slot, n in slots if since < slot <= now < moment]
            if missed:
                expected.add(f"reminder:{who}:{moment:%Y%m%dT%H%M%S}:{max(missed)[1]}")
        since = now
    assert set(Message.objects.filter(event="REMINDER").values_list("key", flat=True)) == expected
    assert len(expected) > 50
