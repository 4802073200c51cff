"""Rare combinations over HTTP, each of which failed once."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from notifications.delivery import claims
from notifications.delivery.claims import claim
from notifications.delivery.connection import Refusal
from notifications.models import Message
from notifications.outbox import send_again
from signing import actions
from signing.models import Process
from tests.builders import NOON, OWNER, draft_process, row_of, sign, started_process
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, CLEO, CODES, DAN, ILZE, address, body, signer


def url(process: Process) -> str:
    return f"/api/processes/{process.pk}"


def steps_of(api: Api, process: Process) -> list[dict[str, Any]]:
    return api.get(url(process)).json()["signingProcessSteps"]


def report(row: dict[str, Any], status: str = "SIGNED", **more: Any) -> None:
    row |= {"signingStatus": status, **more}


def test_signers_who_acted_in_the_same_put_get_no_task_email(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA], [BEN]])
    steps = steps_of(api, process)
    for step in steps:
        report(step["processStepSigners"][0])

    assert api.put(url(process), {"signingProcessSteps": steps[::-1]}).json()["status"] == "COMPLETED"

    assert outbox.recipients("TASK_STARTED") == []


def test_one_put_can_start_and_sign_a_draft(api: Api, outbox: Outbox) -> None:
    process = draft_process([[ANA], [BEN]])
    steps = steps_of(api, process)
    report(steps[0]["processStepSigners"][0])

    answer = api.put(url(process), {"status": "STARTED", "signingProcessSteps": steps}).json()

    assert answer["currentInProgressStep"]["processOrder"] == 2
    assert outbox.recipients("TASK_STARTED") == [address(BEN)]


@pytest.mark.parametrize(("refusal", "state"), [(Refusal("451", permanent=False), "WITHDRAWN"), (None, "SENT")])
def test_a_message_withdrawn_while_it_is_sent_is_not_retried(db: None, refusal: Refusal | None, state: str) -> None:
    process = started_process([[ANA]], processInitiatorEmail=None)
    (held,) = claim(timezone.now())
    actions.cancel(process, actor=OWNER, at=NOON)

    if refusal is None:
        claims.mark_sent(held, at=timezone.now())
    else:
        claims.mark_refused(held, refusal, at=timezone.now())

    assert Message.objects.get(pk=held.pk).status == state
    assert not claim(timezone.now() + timedelta(days=1))[1:]


def test_a_cancellation_notifies_signers_whose_email_may_have_arrived(db: None, outbox: Outbox) -> None:
    process = started_process([[ANA]], processInitiatorEmail=None)
    claim(timezone.now())
    actions.cancel(process, actor=OWNER, at=NOON)
    assert outbox.recipients("PROCESS_CANCELED") == [address(ANA)]


def test_deleting_a_process_withdraws_its_task_emails(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA, signer(CLEO, "VIEWER")]], signed=[ANA])
    assert outbox.recipients("TASK_STARTED") == [address(CLEO)]
    api.delete(url(process))
    assert outbox.recipients("TASK_STARTED") == []


def test_an_edit_must_leave_an_acting_signer(api: Api) -> None:
    process = started_process([[ANA]])
    steps = steps_of(api, process)
    steps[0]["processStepSigners"][0]["signerRole"] = "VIEWER"
    assert api.put(url(process), {"signingProcessSteps": steps}).json()["code"] == "nobody_acts"
    assert api.put(f"/api/steps/{steps[0]['id']}", steps[0]).json()["code"] == "nobody_acts"


def test_another_spelling_of_the_code_is_the_same_act(api: Api) -> None:
    process = started_process([[ANA, BEN]])
    path = f"/api/signers/{row_of(process, ANA).pk}/act"
    spelled = {"signingStatus": "SIGNED", "signerCountry": "lv", "signerPersonalCode": CODES[ANA].replace("-", " ")}

    assert api.post(path, spelled | {"signerComment": "Yes"}).status_code == 200
    again = api.post(path, spelled | {"signerComment": None, "signerName": None})

    assert again.status_code == 200
    assert again.json()["processStepSigners"][0]["signerPersonalCode"] == CODES[ANA]


def test_an_act_cannot_name_another_person(api: Api) -> None:
    process = started_process([[ANA, BEN]])
    (step,) = steps_of(api, process)
    report(step["processStepSigners"][0], signerName="Somebody", signerPersonalCode="999")

    answer = api.put(f"/api/steps/{step['id']}", step)

    assert {fault["code"] for fault in answer.json()["errors"]} == {"not_anonymous"}
    assert row_of(process, ANA).status == "STARTED"


def test_a_step_added_at_the_end_runs_at_the_end(api: Api) -> None:
    process = started_process([[ANA], [BEN]])
    steps = steps_of(api, process)
    steps[0]["processOrder"], steps[1]["processOrder"] = 10, 20
    steps.append({"processStepSigners": [signer(CLEO)]})

    answer = api.put(url(process), {"signingProcessSteps": steps}).json()

    assert [s["processOrder"] for s in answer["signingProcessSteps"]] == [10, 20, 21]
    assert [s["signerName"] for s in answer["signers"]] == [ANA, BEN, CLEO]


class TestMoving:
    def test_a_waiting_signer_can_move_to_the_running_step(self, api: Api, outbox: Outbox) -> None:
        process = started_process([[ANA], [BEN, CLEO]])
        steps = steps_of(api, process)
        steps[0]["processStepSigners"].insert(0, steps[1]["processStepSigners"].pop())

        answer = api.put(url(process), {"signingProcessSteps": steps})

        assert answer.status_code == 200
        assert [s["signerName"] for s in answer.json()["signers"]] == [CLEO, ANA, BEN]
        assert outbox.recipients("TASK_STARTED") == [address(ANA), address(CLEO)]

    def test_a_notified_signer_can_move_to_a_waiting_step(self, api: Api, outbox: Outbox) -> None:
        process = started_process([[ANA, BEN], [CLEO]])
        steps = steps_of(api, process)
        steps[1]["processStepSigners"].append(steps[0]["processStepSigners"].pop())

        answer = api.put(url(process), {"signingProcessSteps": steps}).json()

        assert answer["signers"][2]["signingStatus"] == "WAITING_FOR_PROCESS"
        assert outbox.recipients("TASK_STARTED") == [address(ANA)]
        assert outbox.recipients("TASK_STARTED", status="WITHDRAWN") == [address(BEN)]

    def test_a_signer_can_move_out_of_a_removed_step(self, api: Api) -> None:
        process = started_process([[ANA], [BEN], [CLEO]])
        steps = steps_of(api, process)
        steps[1]["processStepSigners"] += steps.pop()["processStepSigners"]
        answer = api.put(url(process), {"signingProcessSteps": steps}).json()
        assert [s["signerName"] for s in answer["signers"]] == [ANA, BEN, CLEO]

    def test_a_signer_who_has_acted_cannot_move(self, api: Api) -> None:
        process = started_process([[ANA, BEN], [CLEO]], signed=[ANA])
        steps = steps_of(api, process)
        steps[1]["processStepSigners"].append(steps[0]["processStepSigners"].pop(0))
        assert api.put(url(process), {"signingProcessSteps": steps}).status_code == 409

    def test_the_put_of_a_step_moves_no_signer(self, api: Api) -> None:
        process = started_process([[ANA], [BEN]])
        one, two = steps_of(api, process)
        one["processStepSigners"] += two["processStepSigners"]
        answer = api.put(f"/api/steps/{one['id']}", one)
        assert answer.json()["errors"][0]["code"] == "in_another_step"


class TestOnBehalf:
    @pytest.fixture
    def portal(self, api_of: Callable[..., Api]) -> Api:
        return api_of("portal", rights=["on_behalf"])

    def test_naming_a_group_lists_the_groups_processes_only(self, portal: Api) -> None:
        for group in ("legal", "sales", None):
            portal.post("/api/processes", body([[ANA]], ownerGroup=group))
        rows = portal.get("/api/processes?group=legal").json()["content"]
        assert [row["ownerGroup"] for row in rows] == ["legal"]

    def test_a_portal_creates_for_the_named_user(self, portal: Api) -> None:
        answer = portal.post("/api/processes?user=ilze", body([[ANA]], ownerGroup="legal"))
        assert (answer.status_code, answer.json()["initiator"]) == (201, ILZE)

    @pytest.mark.parametrize("name", ["a%00b", "x" * 256])
    @pytest.mark.parametrize("parameter", ["owner", "user", "group"])
    def test_an_invalid_name_is_400(self, portal: Api, parameter: str, name: str) -> None:
        answer = portal.get(f"/api/processes?{parameter}={name}")
        assert answer.json()["errors"][0]["code"] == "not_a_name"


def test_one_person_in_two_rows_is_reminded_once(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA, ANA, BEN]])

    answer = api.post(f"{url(process)}/remind", {}).json()

    assert (len(answer["reminded"]), len(answer["skipped"])) == (2, 1)
    assert outbox.recipients("REMINDER") == [address(ANA), address(BEN)]


def test_only_the_given_signers_are_reminded(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA, BEN], [CLEO]])
    ids = [str(row_of(process, name).pk) for name in (ANA, CLEO)]
    answer = api.post(f"{url(process)}/remind", {"signers": ids}).json()
    assert answer["reminded"] == ids[:1]
    assert answer["skipped"][0]["reason"] == "this signer is WAITING_FOR_PROCESS"
    assert api.post(f"{url(process)}/remind", {"signers": ids}).status_code == 409
    unknown = api.post(f"{url(process)}/remind", {"signers": ["9dce9e72-6bf9-4874-8dd1-44342027dd4f"]})
    assert unknown.json()["errors"][0] | {"detail": ""} == {
        "pointer": "#/signers/0",
        "code": "unknown_id",
        "detail": "",
    }
    later = actions.remind(process, actor=OWNER, at=timezone.now() + timedelta(minutes=61))
    assert len(later.reminded) == 2


class TestBySigner:
    @pytest.fixture
    def ana(self, api_of: Callable[..., Api]) -> Api:
        return api_of(ANA, code=CODES[ANA])

    def test_sends_back_the_process_it_read(self, ana: Api) -> None:
        process = started_process([[ANA, BEN], [CLEO]])
        read = ana.get(url(process))
        sent = ana.put(url(process), read.json())
        assert (sent.status_code, sent.json(), sent["ETag"]) == (200, read.json(), read["ETag"])

    def test_may_write_ids_in_capital_letters(self, ana: Api) -> None:
        process = started_process([[ANA, BEN], [CLEO]])
        read = ana.get(url(process)).json()
        for step in read["signingProcessSteps"]:
            step["id"] = step["id"].upper()
            for row in step["processStepSigners"]:
                row["id"] = row["id"].upper()
        first = read["signingProcessSteps"][0]
        report(first["processStepSigners"][0])
        assert ana.put(url(process), read).status_code == 200
        assert row_of(process, ANA).status == "SIGNED"
        assert ana.put(f"/api/steps/{first['id']}", first).status_code == 200

    def test_reports_their_act_with_a_put_of_the_process(self, ana: Api) -> None:
        process = started_process([[ANA], [BEN]])
        read = ana.get(url(process)).json()
        report(read["signingProcessSteps"][0]["processStepSigners"][0], signerComment="Yes")
        assert ana.put(url(process), read).status_code == 200
        assert row_of(process, ANA).status == "SIGNED"

    @pytest.mark.parametrize(
        "change",
        [
            lambda p: p.update(comment="x"),
            lambda p: p.update(status="CANCELED"),
            lambda p: p.update(canceled=True),
            lambda p: p["signingProcessSteps"].pop(),
            lambda p: p["signingProcessSteps"].append({"processStepSigners": [signer(DAN)]}),
            lambda p: p["signingProcessSteps"][0]["processStepSigners"].pop(),
            lambda p: p["signingProcessSteps"][0]["processStepSigners"][0].update(signerComment="not an act"),
        ],
    )
    def test_changes_nothing_else(self, ana: Api, change: Callable[[dict[str, Any]], Any]) -> None:
        process = started_process([[ANA, BEN], [CLEO]])
        read = ana.get(url(process)).json()
        change(read)
        assert ana.put(url(process), read).json()["code"] == "not_your_act"


class TestTransport:
    @pytest.mark.parametrize("method", ["POST", "PATCH"])
    def test_an_unsupported_method_is_405(self, api: Api, method: str) -> None:
        answer = api.call(method, url(started_process()), {})
        assert (answer.status_code, answer["Content-Type"]) == (405, "application/problem+json")

    def test_too_many_parameters_are_400(self, api: Api) -> None:
        answer = api.get("/api/processes?" + "&".join(f"p{n}=1" for n in range(1001)))
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")

    def test_an_unknown_host_is_400(self, api: Api) -> None:
        answer = api.get("/api/processes", Host="evil.example.org")
        assert (answer.status_code, answer["Content-Type"]) == (400, "application/problem+json")

    def test_the_response_is_json_whatever_the_accept_header_is(self, api: Api) -> None:
        answer = api.get("/api/processes?format=xml", Accept="text/html")
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")


def test_a_code_that_grows_when_normalized_is_stored(api: Api) -> None:
    answer = api.post("/api/processes", body([[signer(ANA, signerCountry="IS", signerPersonalCode="ß" * 64)]]))
    assert answer.status_code == 201


def test_a_new_signer_cannot_have_acted(api: Api) -> None:
    process = started_process()
    answer = api.put(
        f"/api/steps/{process.steps.get(process_order=1).pk}",
        {"processStepSigners": [signer(DAN, signingStatus="SIGNED")]},
    )
    assert answer.json()["errors"][0]["pointer"] == "#/processStepSigners/0/signingStatus"


def test_a_viewer_does_not_block_the_step_and_may_view_later(api: Api) -> None:
    process = started_process([[signer(ANA, "VIEWER"), BEN]], signed=[BEN])
    sign(process, ANA, "VIEWED")
    assert api.get(url(process)).json()["signers"][0]["signingStatus"] == "VIEWED"


def test_a_viewer_who_becomes_a_signer_is_notified(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA, signer(BEN, "VIEWER"), signer(CLEO, "ADMINISTRATOR")]])
    (step,) = steps_of(api, process)
    for row in step["processStepSigners"]:
        row["signerRole"] = "SIGNER"
    assert api.put(f"/api/steps/{step['id']}", step).status_code == 200
    called = [(m.address, m.role) for m in outbox.of("TASK_STARTED", status="QUEUED")]
    assert sorted(called) == [(address(ANA), "SIGNER"), (address(BEN), "SIGNER"), (address(CLEO), "SIGNER")]


def test_no_process_order_is_left_after_the_largest(api: Api) -> None:
    wire = body([[ANA], [BEN]])
    wire["signingProcessSteps"][0]["processOrder"] = 2**31 - 1
    answer = api.post("/api/processes", wire)
    assert answer.json()["errors"][0]["pointer"] == "#/signingProcessSteps/1/processOrder"


@pytest.mark.parametrize("due", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"])
def test_a_due_date_can_be_shown_in_every_zone(api: Api, due: str) -> None:
    wire = body([[ANA]])
    wire["signingProcessSteps"][0]["dueDate"] = due
    assert api.post("/api/processes", wire).json()["errors"][0]["code"] == "overflow"


def test_a_signer_who_was_notified_again_is_notified_of_the_cancellation(db: None, outbox: Outbox) -> None:
    process = started_process([[ANA]], processInitiatorEmail=None)
    Message.objects.update(status="SENT", attempts=1, sent_at=NOON)
    send_again(Message.objects.get(), actor=OWNER, at=NOON)
    actions.cancel(process, actor=OWNER, at=NOON)
    assert outbox.recipients("PROCESS_CANCELED") == [address(ANA)]
