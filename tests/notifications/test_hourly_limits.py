"""Hourly limits of emails to one address and by one client: how many are sent when, and in which order."""

import random
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from config.access.actor import SERVICE, Actor
from config.vocabulary import EventType, Role
from notifications import failures, outbox
from notifications.delivery import claims
from notifications.delivery.claims import CLAIM_SIZE, GIVE_UP_AFTER, LEASE, claim
from notifications.delivery.connection import Refusal
from notifications.drafts import Draft
from notifications.models import Message
from tests.builders import BOSS, HOUR, NOON, OWNER, client_user, process_of, row_of, staff
from tests.conftest import Api
from tests.people import ANA, BEN, address, body

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
PORTAL = Actor(client="portal", subject="portal")


@pytest.fixture(autouse=True)
def limits(settings: Any) -> Any:
    settings.EMAILS_PER_ADDRESS_PER_HOUR = 2
    settings.EMAILS_PER_CLIENT_PER_HOUR = 4
    return settings


def queue(*keys: str, at: datetime = NOON, actor: Actor = SERVICE, to: str = "ana@example.org") -> None:
    """Queue a message for each key. A key like `ben:1` is sent to `ben@example.org`, any other to `to`."""
    drafts = []
    for key in keys:
        name, _, number = key.partition(":")
        email = f"{name}@example.org" if number else to
        drafts.append(Draft(key, EventType.PROCESS_COMPLETED, Role.SIGNER, email))
    outbox.enqueue(drafts, at=at, actor=actor)


def deliver(at: datetime = NOON) -> list[str]:
    """Send every message that may be sent at this time, and return the keys in order."""
    sent = []
    while claimed := claim(at):
        for message in claimed:
            claims.mark_sent(message, at=at)
            sent.append(message.key)
    return sent


def waits() -> dict[str, str]:
    return {m.key: m.limit_reached for m in Message.objects.order_by("pk") if m.limit_reached}


def test_emails_to_one_address_beyond_the_limit_wait_in_order() -> None:
    queue("1", to="Ana@example.org")
    queue("2", to="ANA@EXAMPLE.ORG")
    queue("3", "4", "5")

    assert deliver() == ["1", "2"]
    assert waits() == dict.fromkeys(["3", "4", "5"], "hourly limit for this address")
    assert deliver(NOON + 5 * MINUTE) == []
    assert deliver(NOON + HOUR - SECOND) == []
    assert deliver(NOON + HOUR) == ["3", "4"]
    assert deliver(NOON + 2 * HOUR) == ["5"]
    assert waits() == {}


def test_all_spellings_of_a_domain_are_one_address() -> None:
    queue("1", to="ana@münchen.example.org")
    queue("2", "3", to="ANA@xn--mnchen-3ya.example.org")
    assert deliver() == ["1", "2"]


def test_emails_by_one_client_beyond_the_limit_wait_in_order() -> None:
    keys = [f"p{n}:1" for n in range(7)]
    queue(*keys, actor=PORTAL)

    assert deliver() == keys[:4]
    assert waits() == dict.fromkeys(keys[4:], "hourly limit for this client")
    assert deliver(NOON + 5 * MINUTE) == []
    assert deliver(NOON + HOUR - SECOND) == []
    assert deliver(NOON + HOUR) == keys[4:]


def test_other_addresses_and_clients_overtake_those_that_wait() -> None:
    queue("ana:1", "ana:2", "ana:3", actor=PORTAL)
    queue("ben:1", "cleo:1", "eve:1", actor=PORTAL)
    assert deliver() == ["ana:1", "ana:2", "ben:1", "cleo:1"]

    queue("ben:2", at=NOON + MINUTE, actor=OWNER)
    queue("fay:1", at=NOON + MINUTE, actor=PORTAL)
    queue("ana:4", at=NOON + MINUTE, actor=OWNER)
    assert deliver(NOON + MINUTE) == ["ben:2"]
    assert sorted(deliver(NOON + HOUR)) == ["ana:3", "ana:4", "eve:1", "fay:1"]


def test_jobs_and_the_service_itself_have_no_client_limit() -> None:
    keys = [f"p{n}:1" for n in range(3 * CLAIM_SIZE)]
    queue(*keys)
    assert deliver() == keys


@pytest.mark.parametrize("count", [1, 25])
def test_zero_is_no_limit(limits: Any, count: int) -> None:
    limits.EMAILS_PER_ADDRESS_PER_HOUR = limits.EMAILS_PER_CLIENT_PER_HOUR = 0
    queue(*map(str, range(count)), actor=PORTAL)
    assert len(deliver()) == count


def test_a_new_email_does_not_overtake_those_that_wait_for_the_same_address() -> None:
    queue("1", "2", "3")
    assert deliver() == ["1", "2"]
    Message.objects.filter(key="1").delete()
    queue("4", at=NOON + MINUTE)

    assert deliver(NOON + MINUTE) == []
    assert deliver(NOON + HOUR) == ["3", "4"]


def test_a_new_email_joins_the_line_that_is_due_at_the_same_time() -> None:
    queue("1", "2", "3", "4")
    deliver()
    queue("5", at=NOON + MINUTE)
    queue("6", at=NOON + HOUR)
    assert deliver(NOON + HOUR) == ["3", "4"]
    assert deliver(NOON + 2 * HOUR) == ["5", "6"]


def test_withdrawn_emails_neither_block_nor_count() -> None:
    queue("1", "2", "3", "4")
    deliver()
    Message.objects.filter(key="3").update(status="WITHDRAWN")
    queue("5", at=NOON + MINUTE)
    assert deliver(NOON + HOUR) == ["4", "5"]


def test_administrators_are_notified_of_failures_without_waiting(limits: Any) -> None:
    boss = client_user("boss", rights=["administer"])
    boss.is_staff, boss.email = True, "ana@example.org"
    boss.save()
    queue("1", "2", "3", actor=PORTAL)
    failures.notify_administrators("audit", {"audit": "broken"}, at=NOON)
    sent = deliver()
    assert sent[:2] == ["1", "2"]
    assert sent[2].startswith("failure:audit:")
    assert list(waits()) == ["3"]


def test_an_email_that_is_sent_again_counts_twice(limits: Any) -> None:
    limits.EMAILS_PER_ADDRESS_PER_HOUR = 3
    queue("1")
    for minute in range(3):
        assert deliver(NOON + minute * MINUTE) == ["1"]
        outbox.send_again(Message.objects.get(), actor=OWNER, at=NOON + minute * MINUTE)

    assert deliver(NOON + 3 * MINUTE) == []
    assert waits() == {"1": "hourly limit for this address"}
    assert deliver(NOON + 2 * MINUTE + HOUR) == ["1"]
    assert Message.objects.get().earlier_sends == 3


def test_emails_in_hand_count_and_failed_attempts_do_not() -> None:
    queue("1", "2", "3")
    held = claim(NOON)
    assert [message.key for message in held] == ["1", "2"]
    assert claim(NOON) == []

    for message in held:
        claims.mark_refused(message, Refusal("450 busy", permanent=False), at=NOON)
    assert deliver(NOON + 10 * MINUTE) == ["1", "2"]


def test_emails_that_were_claimed_but_not_tried_keep_their_place() -> None:
    queue("1", "2", "3", "4")
    deliver()
    queue("5", at=NOON + MINUTE)
    held = claim(NOON + HOUR)
    assert [message.key for message in held] == ["3", "4"]

    claims.release(held)
    assert list(waits()) == ["3", "4", "5"]
    assert deliver(NOON + HOUR + MINUTE) == ["3", "4"]


def test_new_emails_do_not_overtake_those_that_no_sender_looked_at_for_hours() -> None:
    queue("1", "2", "3")
    assert deliver() == ["1", "2"]
    queue("4", "5", at=NOON + MINUTE)
    assert deliver(NOON + 3 * HOUR) == ["3", "4"]
    assert deliver(NOON + 4 * HOUR) == ["5"]


def test_an_email_of_a_dead_sender_is_sent_although_it_counts(limits: Any) -> None:
    limits.EMAILS_PER_ADDRESS_PER_HOUR = 1
    queue("1", "2")
    claim(NOON)
    assert deliver(NOON + LEASE + SECOND) == ["1"]
    assert deliver(NOON + LEASE + SECOND + HOUR) == ["2"]


def test_a_digest_counts_once() -> None:
    queue("digest")
    queue("part 1", "part 2", "part 3", to="ana@example.org")
    Message.objects.filter(key__startswith="part").update(status="MERGED", leader=Message.objects.get(key="digest"))
    (digest,) = claim(NOON)
    claims.mark_sent(digest, at=NOON, merged=list(Message.objects.filter(leader=digest)))
    queue("2", "3")
    assert deliver() == ["2"]


def test_waiting_for_a_limit_is_no_failure(limits: Any) -> None:
    queue("1", "2", "3")
    deliver()
    assert not Message.objects.stuck(NOON + HOUR / 2).exists()

    # The first attempt after days is not the last one.
    late = NOON + GIVE_UP_AFTER + HOUR
    (message,) = claim(late)
    claims.mark_refused(message, Refusal("450 busy", permanent=False), at=late)
    assert Message.objects.get(key="3").status == "QUEUED"


def test_a_message_that_waits_for_the_rate_per_minute_is_not_put_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(claims.rate, "take", lambda count: 1)
    queue("1", "2", "3")
    assert [message.key for message in claim(NOON)] == ["1"]
    assert [message.key for message in claim(NOON)] == ["2"]
    assert list(waits()) == ["3"]


@pytest.mark.parametrize("seed", range(4))
def test_no_hour_exceeds_a_limit_and_nothing_is_lost(limits: Any, seed: int) -> None:
    limits.EMAILS_PER_ADDRESS_PER_HOUR = 3
    limits.EMAILS_PER_CLIENT_PER_HOUR = 7
    chance = random.Random(seed)
    queued = []
    sent: dict[str, datetime] = {}
    clients = {"": SERVICE, "portal": PORTAL, OWNER.client: OWNER}
    for minute in range(0, 20 * 60, 3):
        now = NOON + minute * MINUTE
        if minute < 200:
            for _ in range(chance.randrange(3)):
                client = chance.choice(list(clients))
                key = f"{chance.choice('abc')}:{client}:{len(queued)}"
                queue(key, at=now, actor=clients[client])
                queued.append(key)
        sent |= dict.fromkeys(deliver(now), now)

    assert sorted(sent) == sorted(queued)
    for place, limit in ((0, 3), (1, 7)):
        times = defaultdict(list)
        for key, at in sent.items():
            times[key.split(":")[place]].append(at)
        if place:
            del times[""]
        for moments in times.values():
            assert all(later - first >= HOUR for first, later in zip(moments, moments[limit:], strict=False))
    # In the order in which they were queued, for each address and client.
    for group in {key.rpartition(":")[0] for key in queued}:
        numbers = [int(key.rpartition(":")[2]) for key in sent if key.rpartition(":")[0] == group]
        assert numbers == sorted(numbers)


def test_four_thousand_emails_by_one_client_are_put_off_in_a_few_queries(
    limits: Any, queries: Callable[[], Any]
) -> None:
    limits.EMAILS_PER_CLIENT_PER_HOUR = 20
    queue(*(f"p{n}:1" for n in range(4000)), actor=PORTAL)
    assert len(deliver()) == 20
    assert len(waits()) == 3980

    # A sweep does not meet them again.
    with queries() as swept:
        assert deliver(NOON + MINUTE) == []
    assert swept() <= 2
    queue("late:1", at=NOON + MINUTE, actor=PORTAL)
    queue("ben:1", at=NOON + MINUTE, actor=OWNER)
    with queries() as counted:
        assert [message.key for message in claim(NOON + MINUTE)] == ["ben:1"]
    assert counted() <= 8

    with queries() as counted:
        assert len(claim(NOON + HOUR)) == CLAIM_SIZE
    assert counted() <= 7


def test_every_message_of_a_request_counts_for_its_client(api: Api) -> None:
    assert api.post("/api/processes", body([[ANA, BEN]])).status_code == 201
    assert set(Message.objects.values_list("client", flat=True)) == {OWNER.client}


@pytest.mark.parametrize("change", ["notification", "address"])
def test_calling_a_signer_again_and_again_ends_at_the_limit(api: Api, change: str) -> None:
    began = timezone.now() - 2 * HOUR
    process = process_of(body([[ANA, BEN]], processInitiatorEmail=None), at=began)
    deliver(began)
    row = row_of(process, ANA)
    calls = Message.objects.filter(signer_id=row.pk, address=address(ANA))
    values = {
        "notification": [{"signerNotification": False}, {"signerNotification": True}],
        "address": [{"signerEmail": "other@example.org"}, {"signerEmail": address(ANA)}],
    }[change]
    for _ in range(5):
        for value in values:
            answer = api.put(f"/api/steps/{row.step_id}", {"processStepSigners": [{"id": str(row.pk), **value}]})
            assert answer.status_code == 200
        deliver(timezone.now())
    # The first one two hours ago, then two within an hour, and one that waits.
    assert (calls.filter(status="SENT").count(), calls.queued().count()) == (3, 1)


class TestBackOffice:
    def test_the_list_and_the_page_show_what_a_message_waits_for(self) -> None:
        browser = staff("boss", "administer", superuser=True)
        queue("1", "2", "3", actor=PORTAL)
        deliver()
        assert "hourly limit for this address" in browser.get("/admin/notifications/message/?status__exact=QUEUED").text
        waiting = Message.objects.get(key="3")
        page = browser.get(f"/admin/notifications/message/{waiting.pk}/change/").text
        assert "waits: hourly limit for this address" in page
        assert "portal" in page

    def test_failed_messages_are_sent_again_together(self) -> None:
        browser = staff("boss", "administer", superuser=True)
        queue("1", "2", "3", "4")
        deliver()
        Message.objects.filter(key__in=["3", "4"]).update(status="FAILED")
        page = self._act(browser, "send_failed_again")
        assert "Failed messages that will be sent again: 2. No longer due: 0." in page
        assert sorted(Message.objects.queued().values_list("key", flat=True)) == ["3", "4"]

    def test_too_many_failed_messages_are_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("notifications.admin.messages.MAX_SENT_AGAIN", 1)
        browser = staff("boss", "administer", superuser=True)
        queue("1", "2")
        Message.objects.update(status="FAILED")
        assert "At most 1 messages can be sent again at once." in self._act(browser, "send_failed_again")
        assert not Message.objects.queued().exists()

    def test_waiting_messages_are_tried_now_but_within_the_limits(self) -> None:
        browser = staff("boss", "administer", superuser=True)
        queue("ana:1", "ana:2", "ana:3", "ben:1")
        held = claim(NOON)
        claims.mark_refused(held[2], Refusal("450 busy", permanent=False), at=NOON)
        later = NOON + timedelta(days=3650)
        Message.objects.queued().update(next_attempt_at=later)
        page = self._act(browser, "try_now")
        assert "Messages that will be tried now: 1. Still waiting for an hourly limit: 1." in page
        assert Message.objects.get(key="ben:1").next_attempt_at is None
        assert Message.objects.get(key="ana:3").next_attempt_at == later

    def test_staff_without_the_right_change_nothing(self) -> None:
        browser = staff("clerk", "view_message")
        queue("1")
        Message.objects.update(status="FAILED")
        self._act(browser, "send_failed_again")
        assert Message.objects.get().status == "FAILED"

    def _act(self, browser: Any, action: str) -> str:
        ids = list(Message.objects.values_list("pk", flat=True))
        url = "/admin/notifications/message/"
        return browser.post(
            url,
            {"action": action, "_selected_action": ids},
            headers={"referer": f"http://testserver{url}"},
            follow=True,
        ).text


def test_the_service_is_no_client() -> None:
    failures.notify_administrators("audit", {"audit": "broken"}, at=NOON)
    queue("1", actor=BOSS)
    queue("2")
    assert dict(Message.objects.values_list("key", "client")) == {"1": "boss", "2": ""}
