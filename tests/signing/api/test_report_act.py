"""A portal reports what a person did: by step, by process or in one small call."""

from collections.abc import Callable

import pytest

from audit.models import AuditEvent
from notifications.models import Message
from signing.models import Process
from tests.builders import canceled_process, completed_process, draft_process, row_of, sign, started_process
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, CLEO, CODES, address, signer


def act(api: Api, process: Process, name: str, status: str = "SIGNED", **said: object) -> object:
    return api.post(f"/api/signers/{row_of(process, name).pk}/act", {"signingStatus": status, **said})


def step_url(process: Process, order: int = 1) -> str:
    return f"/api/steps/{process.steps.get(process_order=order).pk}"


def test_an_act_answers_the_step(api: Api) -> None:
    process = started_process([[ANA, BEN]])

    response = act(api, process, ANA, signerComment="Gladly.")

    assert response.status_code == 200
    assert response["ETag"] == '"2"'
    signers = response.json()["processStepSigners"]
    assert [(s["signerName"], s["signingStatus"], s["signerComment"]) for s in signers] == [
        (ANA, "SIGNED", "Gladly."),
        (BEN, "STARTED", None),
    ]


def test_the_same_act_reported_twice_is_harmless(api: Api) -> None:
    process = started_process([[ANA]])
    first = act(api, process, ANA)
    after_first = AuditEvent.objects.count(), Message.objects.count()

    second = act(api, process, ANA)

    assert (second.status_code, second.json(), second["ETag"]) == (200, first.json(), first["ETag"])
    assert (AuditEvent.objects.count(), Message.objects.count()) == after_first


def test_another_act_after_the_first_is_409(api: Api) -> None:
    process = started_process([[ANA, BEN]], signed=[ANA])
    assert act(api, process, ANA, "DECLINED").json()["code"] == "already_happened"


@pytest.mark.parametrize("made", [canceled_process, draft_process])
def test_acts_require_a_running_process(api: Api, made: Callable[[], Process]) -> None:
    response = act(api, made(), ANA)
    assert (response.status_code, response.json()["code"]) == (409, "impossible_transition")


def test_a_waiting_signer_cannot_act(api: Api) -> None:
    assert act(api, started_process(), BEN).status_code == 409


@pytest.mark.parametrize("status", ["STARTED", "CANCELED", "WAITING_FOR_PROCESS", "DONE", None])
def test_only_acts_can_be_reported(api: Api, status: str) -> None:
    response = act(api, started_process(), ANA, status)
    assert response.status_code == 400
    assert response.json()["errors"][0]["pointer"] == "#/signingStatus"


def test_two_portals_can_report_from_the_same_step(api: Api) -> None:
    process = started_process([[ANA, BEN], [CLEO]])
    ours, theirs = api.get(step_url(process)).json(), api.get(step_url(process)).json()
    ours["processStepSigners"][0]["signingStatus"] = "SIGNED"
    theirs["processStepSigners"][1]["signingStatus"] = "SIGNED"

    assert api.put(step_url(process), ours).status_code == 200
    answer = api.put(step_url(process), theirs).json()

    assert answer["stepStatus"] == "COMPLETED"
    assert {s["signingStatus"] for s in answer["processStepSigners"]} == {"SIGNED"}


def test_a_step_put_never_removes_a_signer_and_may_add_one(api: Api, outbox: Outbox) -> None:
    process = started_process([[ANA, BEN]])

    answer = api.put(step_url(process), {"processStepSigners": [signer(CLEO)]}).json()

    assert [s["signerName"] for s in answer["processStepSigners"]] == [ANA, BEN, CLEO]
    assert address(CLEO) in outbox.recipients("TASK_STARTED")


def test_an_anonymous_act_names_the_person(api: Api) -> None:
    process = started_process([[{"signerEmail": "desk@example.org", "signerRole": "SIGNER", "anonymous": True}]])
    signer_id = process.signers.get().pk
    person = {"signerName": "Visitor", "signerCountry": "EE", "signerPersonalCode": "48001013718"}

    answer = api.post(f"/api/signers/{signer_id}/act", {"signingStatus": "SIGNED", **person}).json()

    assert person.items() <= answer["processStepSigners"][0].items()
    assert answer["processStepSigners"][0]["anonymous"] is True
    assert process.signers.get().person_key == "ee:48001013718"
    event = AuditEvent.objects.of_process(process.pk).get(event_type="SIGNER_SIGNED")
    assert event.after == {"signingStatus": "SIGNED", **person}


def test_an_act_cannot_replace_a_signer_who_is_not_anonymous(api: Api) -> None:
    response = act(api, started_process(), ANA, signerPersonalCode="1")
    assert response.json()["errors"][0]["code"] == "not_anonymous"


def test_a_viewer_may_view_after_completion(api: Api) -> None:
    process = started_process([[ANA, signer(BEN, "VIEWER")]], signed=[ANA])
    assert act(api, process, BEN, "VIEWED").status_code == 200
    assert AuditEvent.objects.of_process(process.pk).in_order().last().event_type == "PROCESS_OPENED"  # type: ignore[union-attr]


class TestBySigner:
    """A signer who calls with their own token sees the process and reports their own act, nothing else."""

    @pytest.fixture
    def ana(self, api_of: Callable[..., Api]) -> Api:
        return api_of(ANA, code=CODES[ANA].replace("-", ""), country="lv")

    def test_sees_other_people_without_codes_and_addresses(self, ana: Api) -> None:
        process = started_process([[ANA, BEN]])

        answer = ana.get(f"/api/processes/{process.pk}").json()

        mine, other = answer["signers"]
        assert (mine["signerPersonalCode"], mine["signerEmail"]) == (CODES[ANA], address(ANA))
        assert (other["signerName"], other["signerPersonalCode"], other["signerEmail"]) == (BEN, None, None)
        assert answer["processInitiatorEmail"] is None

    def test_does_not_see_the_private_notes_of_others(self, ana: Api) -> None:
        steps = [[signer(ANA, commentForSigner="For Ana"), signer(BEN, commentForSigner="For Ben")]]
        process = started_process(steps)
        query = f"personalCode={CODES[ANA]}&country=LV"
        read = ana.get(step_url(process)).json()
        answers = [
            read["processStepSigners"],
            ana.get(f"/api/processes/{process.pk}").json()["signers"],
            ana.get("/api/processes").json()["content"][0]["currentInProgressStep"]["processStepSigners"],
            ana.get(f"/api/signer-tasks?{query}").json()["content"][0]["process"]["signers"],
            ana.put(step_url(process), read).json()["processStepSigners"],
            act(ana, process, ANA).json()["processStepSigners"],
        ]
        for answer in answers:
            assert [row["commentForSigner"] for row in answer] == ["For Ana", None]
        assert row_of(process, BEN).comment_for_signer == "For Ben"

    @pytest.mark.parametrize("other_status", ["STARTED", "SIGNED"])
    @pytest.mark.parametrize(
        ("field", "hidden"),
        [
            ("signerPersonalCode", CODES[BEN]),
            ("signerEmail", address(BEN)),
            ("commentForSigner", "For Ben"),
            ("processInitiatorEmail", address("ilze")),
        ],
    )
    def test_a_response_does_not_tell_whether_a_guess_is_right(
        self, ana: Api, field: str, hidden: str, other_status: str
    ) -> None:
        process = started_process([[ANA, signer(BEN, commentForSigner="For Ben")]])
        process_url = f"/api/processes/{process.pk}"
        step_of_process = ana.get(process_url).json()["signingProcessSteps"][0]

        def answers(guess: str) -> list[tuple[int, str]]:
            """The responses to the guess in every body that can contain it."""
            entry = {"id": str(row_of(process, BEN).pk), "signingStatus": other_status, field: guess}
            complete = {**step_of_process, "processStepSigners": [step_of_process["processStepSigners"][0], entry]}
            requests = [
                (step_url(process), {"processStepSigners": [entry]}),
                (process_url, {"signingProcessSteps": [complete]}),
            ]
            if field == "processInitiatorEmail":
                requests = [(process_url, {field: guess}), (process_url, ana.get(process_url).json() | {field: guess})]
            responses = [ana.put(url, body) for url, body in requests]
            return [(response.status_code, response.json()["code"]) for response in responses]

        wrong = {"signerEmail": "x@example.org", "processInitiatorEmail": "x@example.org"}.get(field, "150375-10101")
        assert answers(hidden) == answers(wrong) == [(403, "not_your_act")] * 2

    def test_sees_nothing_before_their_turn(self, ana: Api) -> None:
        process = started_process([[BEN], [ANA]])
        assert ana.get(f"/api/processes/{process.pk}").status_code == 404
        sign(process, BEN)
        assert ana.get(f"/api/processes/{process.pk}").status_code == 200

    def test_reports_their_own_act(self, ana: Api) -> None:
        process = started_process([[ANA, BEN]])
        assert act(ana, process, ANA).status_code == 200
        assert act(ana, process, BEN).json()["code"] == "not_your_act"

    def test_reports_their_own_act_with_a_put_of_the_step(self, ana: Api) -> None:
        process = started_process([[ANA, BEN]])
        read = ana.get(step_url(process)).json()
        assert ana.put(step_url(process), read).json() == read
        read["processStepSigners"][0] |= {"signingStatus": "SIGNED", "signerComment": "Yes"}

        answer = ana.put(step_url(process), read)

        assert answer.status_code == 200
        assert row_of(process, ANA).status == "SIGNED"
        assert row_of(process, BEN).email == address(BEN)

    @pytest.mark.parametrize(
        "change",
        [
            lambda step: step.update(dueDate="2030-01-01T00:00:00Z"),
            lambda step: step["processStepSigners"][1].update(signingStatus="SIGNED"),
            lambda step: step["processStepSigners"][1].update(signerEmail="x@example.org"),
            lambda step: step["processStepSigners"][0].update(signerName="Somebody"),
            lambda step: step["processStepSigners"].append({"signerName": "New"}),
        ],
    )
    def test_changes_nothing_else(self, ana: Api, change: Callable[[dict[str, object]], None]) -> None:
        process = started_process([[ANA, BEN]])
        read = ana.get(step_url(process)).json()
        change(read)
        assert ana.put(step_url(process), read).json()["code"] == "not_your_act"

    def test_moves_nothing(self, ana: Api) -> None:
        process = started_process([[ANA, BEN]])
        base = f"/api/processes/{process.pk}"
        assert ana.put(base, {"comment": "x"}).status_code == 403
        assert ana.post(f"{base}/cancel", {}).status_code == 403
        assert ana.post(f"{base}/remind", {}).status_code == 403
        assert ana.delete(base).status_code == 403

    def test_does_not_learn_codes_by_searching(self, ana: Api) -> None:
        started_process([[ANA, BEN]])
        assert ana.get(f"/api/processes?personalCode={CODES[ANA]}").json()["totalElements"] == 1
        assert ana.get(f"/api/processes?personalCode={CODES[BEN]}").json()["totalElements"] == 0
        assert ana.get("/api/processes?emailSearch=ben").json()["totalElements"] == 0
        assert ana.get("/api/processes?emailSearch=ilze").json()["totalElements"] == 0
        assert ana.post("/api/processes/search", {"personalCode": CODES[BEN]}).json() == []


def test_a_completed_process_is_not_reminded_and_can_be_deleted(api: Api) -> None:
    process = completed_process()
    assert api.post(f"/api/processes/{process.pk}/remind", {}).status_code == 409
    assert api.delete(f"/api/processes/{process.pk}").status_code == 204
    assert AuditEvent.objects.of_process(process.pk).in_order().last().event_type == "PROCESS_DELETED"  # type: ignore[union-attr]
    assert api.get(f"/api/processes/{process.pk}").status_code == 404
