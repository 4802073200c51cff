from collections.abc import Callable

import pytest

from audit.models import AuditEvent
from notifications.models import Message
from signing.models import Process
from tests.builders import (
    canceled_process,
    completed_process,
    declined_process,
    draft_process,
    row_of,
    sign,
    started_process,
)
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, CLEO, DAN, ILZE, address, signer

STATES: list[Callable[[], Process]] = [
    draft_process,
    started_process,
    lambda: started_process([[ANA, BEN], [CLEO]], signed=[ANA]),
    completed_process,
    canceled_process,
    declined_process,
]


def url(process: Process) -> str:
    return f"/api/processes/{process.pk}"


@pytest.mark.parametrize("made", STATES)
def test_sending_back_what_was_read_changes_nothing(api: Api, made: Callable[[], Process]) -> None:
    process = made()
    read = api.get(url(process))
    before = AuditEvent.objects.count(), Message.objects.count()

    answer = api.put(url(process), read.json())

    assert answer.status_code == 200
    assert answer.json() == read.json()
    assert answer["ETag"] == read["ETag"]
    assert (AuditEvent.objects.count(), Message.objects.count()) == before


def test_absent_keys_stay_unchanged_and_null_clears(api: Api) -> None:
    process = started_process(comment="Please hurry.")

    answer = api.put(url(process), {"documentName": "Lease", "comment": None}).json()

    assert (answer["documentName"], answer["comment"], answer["documentId"]) == ("Lease", None, "DOC-1")
    assert len(answer["signers"]) == 2


def test_the_version_rises_with_a_change_and_not_without(api: Api) -> None:
    process = started_process()
    assert api.put(url(process), {"comment": "a"})["ETag"] == '"2"'
    assert api.put(url(process), {"comment": "a"})["ETag"] == '"2"'


def test_a_draft_is_started_by_its_status(api: Api, outbox: Outbox) -> None:
    process = draft_process()

    assert api.put(url(process), {"status": "STARTED"}).json()["status"] == "STARTED"

    assert outbox.recipients("TASK_STARTED") == [address(ANA)]


@pytest.mark.parametrize("body", [{"status": "CANCELED"}, {"canceled": True}, {"canceled": True, "status": "STARTED"}])
def test_cancel_by_put(api: Api, body: dict[str, object]) -> None:
    process = started_process()

    answer = api.put(url(process), body).json()

    assert (answer["status"], answer["canceled"]) == ("CANCELED", True)
    assert {s["signingStatus"] for s in answer["signers"]} == {"CANCELED"}


@pytest.mark.parametrize(
    ("made", "status"),
    [
        (draft_process, "COMPLETED"),
        (draft_process, "DECLINED"),
        (started_process, "COMPLETED"),
        (started_process, "DECLINED"),
        (completed_process, "CANCELED"),
        (canceled_process, "COMPLETED"),
        (declined_process, "CANCELED"),
    ],
)
def test_impossible_transitions_are_409_and_name_the_state(api: Api, made: Callable[[], Process], status: str) -> None:
    process = made()
    before = api.get(url(process)).json()

    answer = api.put(url(process), {"status": status})

    assert answer.status_code == 409
    assert before["status"] in answer.json()["detail"]
    assert api.get(url(process)).json() == before


@pytest.mark.parametrize("made", [completed_process, canceled_process, declined_process])
@pytest.mark.parametrize("body", [{"comment": "x"}, {"documentName": "x"}])
def test_a_finished_process_is_not_changed(api: Api, made: Callable[[], Process], body: dict[str, str]) -> None:
    assert api.put(url(made()), body).json()["code"] == "already_happened"


def test_steps_and_signers_are_added_changed_and_removed(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA], [BEN], [CLEO]])
    read = api.get(url(process)).json()
    steps = read["signingProcessSteps"]
    steps[1]["processStepSigners"][0]["signerName"] = "Benjamin"
    steps[2] = {"processOrder": 9, "processStepSigners": [signer(DAN, "APPROVER")]}

    answer = api.put(url(process), read).json()

    assert [s["signerName"] for s in answer["signers"]] == [ANA, "Benjamin", DAN]
    assert [s["processOrder"] for s in answer["signingProcessSteps"]] == [1, 2, 9]
    assert outbox.recipients("TASK_STARTED") == [address(ANA)]


def test_the_past_cannot_be_rewritten(api: Api) -> None:
    process = started_process([[ANA, BEN], [CLEO]], signed=[ANA])
    read = api.get(url(process)).json()

    def put(change: Callable[[list[dict[str, object]]], object]) -> int:
        wire = api.get(url(process)).json()
        change(wire["signingProcessSteps"])
        return api.put(url(process), wire).status_code

    acted = lambda steps: steps[0]["processStepSigners"]  # noqa: E731
    assert put(lambda steps: acted(steps)[0].update(signerName="Somebody else")) == 409
    assert put(lambda steps: acted(steps)[0].update(signingStatus="DECLINED")) == 409
    assert put(lambda steps: acted(steps).pop(0)) == 409
    assert put(lambda steps: steps.pop(0)) == 409
    assert put(lambda steps: steps.clear()) in (400, 409)
    sign(process, BEN)
    assert put(lambda steps: steps[0].update(processOrder=5)) == 409
    assert put(lambda steps: steps[0].update(dueDate="2030-01-01T00:00:00Z")) == 409
    assert put(lambda steps: steps[0]["processStepSigners"].append(signer(DAN))) == 409
    assert api.get(url(process)).json()["signers"][0] == read["signers"][0]


def test_a_stale_entry_of_a_signer_who_has_acted_is_ignored(api: Api) -> None:
    process = started_process([[ANA, BEN]])
    stale = api.get(url(process)).json()
    sign(process, ANA, comment="Done")
    stale["signingProcessSteps"][0]["processStepSigners"][0]["signerName"] = "Old name"

    answer = api.put(url(process), stale)

    assert answer.status_code == 200
    assert answer.json()["signers"][0]["signerComment"] == "Done"
    assert answer.json()["signers"][0]["signerName"] == ANA


def test_a_waiting_step_cannot_move_before_the_running_one(api: Api) -> None:
    process = started_process([[ANA], [BEN]])
    read = api.get(url(process)).json()
    read["signingProcessSteps"].append({"processOrder": 0, "processStepSigners": [signer(CLEO)]})
    assert api.put(url(process), read).json()["code"] == "step_out_of_order"


@pytest.mark.parametrize("at", ["step", "signer"])
def test_unknown_and_repeated_ids_are_400(api: Api, at: str) -> None:
    process = started_process([[ANA], [BEN]])
    read = api.get(url(process)).json()
    rows = read["signingProcessSteps"] if at == "step" else read["signingProcessSteps"][0]["processStepSigners"]
    rows.append({**rows[0], "id": "9dce9e72-6bf9-4874-8dd1-44342027dd4f"})
    assert api.put(url(process), read).json()["errors"][0]["code"] == "unknown_id"
    rows[-1]["id"] = rows[0]["id"]
    assert api.put(url(process), read).json()["errors"][0]["code"] == "repeated"


def test_an_edit_of_a_running_process_must_leave_it_complete(api: Api) -> None:
    process = started_process([[ANA], [BEN]])
    read = api.get(url(process)).json()
    read["signingProcessSteps"][1]["processStepSigners"][0]["signerEmail"] = None
    assert api.put(url(process), read).json()["code"] == "incomplete_signers"


def test_changing_the_owner_requires_on_behalf(api: Api) -> None:
    process = started_process()
    assert api.put(url(process), {"initiator": "boss"}).status_code == 403
    assert api.put(url(process), {"ownerGroup": "legal"}).status_code == 403
    assert api.put(url(process), {"initiator": ILZE}).status_code == 200


def test_if_match_out_of_date_changes_nothing(api: Api) -> None:
    process = started_process()
    tag = api.get(url(process))["ETag"]
    assert api.put(url(process), {"comment": "first"}, If_Match=tag).status_code == 200

    refused = api.put(url(process), {"comment": "second"}, If_Match=tag)

    assert (refused.status_code, refused.json()["code"]) == (412, "stale")
    assert api.get(url(process)).json()["comment"] == "first"
    assert api.put(url(process), {"comment": "third"}, If_Match="*").status_code == 200


def test_if_none_match_of_the_current_version_is_304(api: Api) -> None:
    process = started_process()
    tag = api.get(url(process))["ETag"]
    again = api.get(url(process), If_None_Match=tag)
    assert (again.status_code, again.content, again["ETag"]) == (304, b"", tag)
    step = f"/api/steps/{process.steps.first().pk}"  # type: ignore[union-attr]
    assert api.get(step, If_None_Match=f"W/{tag}").status_code == 304


@pytest.mark.parametrize("bad", ["x", "9dce9e72-6bf9-4874-8dd1-44342027dd4f", "1" * 300])
def test_unknown_ids_are_404(api: Api, bad: str) -> None:
    for response in (
        api.get(f"/api/processes/{bad}"),
        api.put(f"/api/steps/{bad}", {}),
        api.post(f"/api/signers/{bad}/act", {}),
    ):
        assert (response.status_code, response["Content-Type"]) == (404, "application/problem+json")


def test_a_changed_personal_code_is_found_by_the_new_one(api: Api) -> None:
    process = started_process([[ANA]])
    read = api.get(url(process)).json()
    read["signingProcessSteps"][0]["processStepSigners"][0]["signerPersonalCode"] = "020202-99999"
    api.put(url(process), read)
    assert row_of(process, ANA).person_key == "lv:02020299999"
