import json
from datetime import UTC, datetime

import pytest

from audit.models import AuditEvent
from notifications.models import Message
from signing.models import Process, Signer, Step
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, CLEO, ILZE, address, body, signer


def test_a_process_is_created_and_started(api: Api, outbox: Outbox) -> None:
    response = api.post("/api/processes", body([[ANA, BEN], [signer(CLEO, "APPROVER")]]))

    assert response.status_code == 201
    answer = response.json()
    assert response["Location"] == f"http://testserver/api/processes/{answer['id']}"
    assert response["ETag"] == '"1"'
    assert (answer["status"], answer["canceled"], answer["completedAt"]) == ("STARTED", False, None)
    assert (answer["initiator"], answer["totalSigners"], answer["totalSigned"]) == (ILZE, 3, 0)
    assert [s["processOrder"] for s in answer["signingProcessSteps"]] == [1, 2]
    assert [s["signerName"] for s in answer["signers"]] == [ANA, BEN, CLEO]
    assert answer["currentInProgressStep"] == answer["signingProcessSteps"][0]
    assert outbox.recipients("TASK_STARTED") == [address(ANA), address(BEN)]


def test_a_draft_sends_no_email_and_may_be_incomplete(api: Api, outbox: Outbox) -> None:
    response = api.post("/api/processes", body([[{"signerName": "Somebody"}]], status="PENDING"))

    assert response.status_code == 201
    assert response.json()["signers"][0]["signingStatus"] == "WAITING_FOR_PROCESS"
    assert response.json()["currentInProgressStep"] is None
    assert not list(outbox)


def test_text_is_stored_byte_for_byte(api: Api) -> None:
    text = "  Zażółć\tgęślą\n jaźń ÷ 署名 🖋 "
    answer = api.post("/api/processes", body([[signer(ANA, signerName=text)]], comment=text, documentName="")).json()

    assert (answer["comment"], answer["documentName"], answer["signers"][0]["signerName"]) == (text, "", text)


def test_what_the_server_owns_is_accepted_and_ignored(api: Api) -> None:
    own = {"id": "x", "createdAt": "2001-01-01T00:00:00Z", "completedAt": "2001-01-01T00:00:00Z", "totalSigners": 9}
    answer = api.post(
        "/api/processes",
        body([[signer(ANA, id="y", signingStatus="STARTED")]], **own, signers=[{"id": "z"}], currentInProgressStep={}),
    ).json()

    assert answer["id"] != "x"
    assert datetime.fromisoformat(answer["createdAt"]).year == datetime.now(UTC).year
    assert (answer["completedAt"], answer["totalSigners"], answer["totalSigned"]) == (None, 1, 0)
    assert answer["signers"][0]["signingStatus"] == "STARTED"


def test_steps_run_by_process_order_not_by_position(api: Api) -> None:
    wire = body([[ANA], [BEN]])
    wire["signingProcessSteps"][0]["processOrder"] = 7
    wire["signingProcessSteps"][1]["processOrder"] = 3

    answer = api.post("/api/processes", wire).json()

    assert [s["processOrder"] for s in answer["signingProcessSteps"]] == [3, 7]
    assert answer["currentInProgressStep"]["processStepSigners"][0]["signerName"] == BEN


def refused(api: Api, wire: object, status: int = 400) -> dict[str, object]:
    response = api.post("/api/processes", wire)
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    assert not Process.objects.exists()
    assert not Step.objects.exists()
    assert not Signer.objects.exists()
    assert not AuditEvent.objects.exists()
    assert not Message.objects.exists()
    problem = response.json()
    assert problem["status"] == status
    return problem


def faults(problem: dict[str, object]) -> dict[str, str]:
    return {fault["pointer"]: fault["code"] for fault in problem["errors"]}  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", ["COMPLETED", "CANCELED", "DECLINED"])
def test_other_initial_statuses_are_400(api: Api, status: str) -> None:
    problem = refused(api, body([[ANA]], status=status))
    assert "PENDING" in problem["errors"][0]["detail"]  # type: ignore[index]
    assert faults(problem) == {"#/status": "status_not_allowed"}


@pytest.mark.parametrize(
    ("steps", "pointer", "code"),
    [
        ([], "#/signingProcessSteps", "no_steps"),
        ([[]], "#/signingProcessSteps/0/processStepSigners", "no_signers"),
        ([[ANA], []], "#/signingProcessSteps/1/processStepSigners", "no_signers"),
    ],
)
def test_a_process_needs_steps_and_a_step_needs_signers(
    api: Api, steps: list[list[str]], pointer: str, code: str
) -> None:
    assert faults(refused(api, body(steps))) == {pointer: code}
    assert faults(refused(api, body(steps, status="PENDING"))) == {pointer: code}


def test_two_steps_must_not_have_the_same_order(api: Api) -> None:
    wire = body([[ANA], [BEN]])
    for step in wire["signingProcessSteps"]:
        step["processOrder"] = 4
    assert faults(refused(api, wire)) == {"#/signingProcessSteps/1/processOrder": "order_taken"}


def test_a_process_needs_an_acting_signer(api: Api) -> None:
    assert refused(api, body([[signer(ANA, "VIEWER")], [signer(BEN, "ADMINISTRATOR")]]))["code"] == "nobody_acts"


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"signerEmail": None}, ["signerEmail"]),
        ({"signerPersonalCode": None}, ["signerPersonalCode"]),
        ({"signerCountry": None, "signerRole": "APPROVER"}, ["signerCountry"]),
        ({"signerPersonalCode": " - "}, ["signerPersonalCode"]),
        ({"signerEmail": None, "signerRole": "INITIATOR", "signerPersonalCode": None}, ["signerEmail"]),
        ({"signerEmail": None, "signerRole": "VIEWER", "signerPersonalCode": None}, ["signerEmail"]),
        ({"signerEmail": None, "anonymous": True, "signerPersonalCode": None}, ["signerEmail"]),
    ],
)
def test_acting_signers_need_contact_and_identity_details(
    api: Api, changes: dict[str, object], lacking: list[str]
) -> None:
    problem = refused(api, body([[ANA], [BEN, signer(CLEO, **changes)]]))
    assert problem["code"] == "incomplete_signers"
    assert list(faults(problem)) == [f"#/signingProcessSteps/1/processStepSigners/1/{field}" for field in lacking]
    assert CLEO in problem["errors"][0]["detail"]  # type: ignore[index]


def test_nothing_is_stored_if_the_last_of_200_signers_is_invalid(api: Api) -> None:
    steps = [[ANA] * 20 for _ in range(10)]
    steps[-1][-1] = signer(BEN, signerPersonalCode=None)  # type: ignore[call-overload]
    refused(api, body(steps))


@pytest.mark.parametrize(
    ("where", "value", "code"),
    [
        ("documentName", 5, "invalid"),
        ("documentName", ["x"], "invalid"),
        ("documentName", "x" * 256, "max_length"),
        ("comment", "x" * 4001, "max_length"),
        ("comment", "a\0b", "null_characters_not_allowed"),
        ("comment", "\ud800", "surrogate_characters_not_allowed"),
        ("status", "OPEN", "invalid_choice"),
        ("status", 1, "invalid_choice"),
        ("canceled", "true", "invalid"),
        ("processInitiatorEmail", "nobody", "invalid"),
        ("processInitiatorEmail", "a@example.org\nBcc: b@example.org", "invalid"),
        ("initiator", "", "blank"),
        ("signingProcessSteps", {}, "not_a_list"),
        ("signingProcessSteps", "x", "not_a_list"),
        ("signingProcessSteps/0", 5, "invalid"),
        ("signingProcessSteps/0/processOrder", "1", "invalid"),
        ("signingProcessSteps/0/processOrder", -1, "min_value"),
        ("signingProcessSteps/0/processOrder", 2**31, "max_value"),
        ("signingProcessSteps/0/processOrder", 1.5, "invalid"),
        ("signingProcessSteps/0/processOrder", True, "invalid"),
        ("signingProcessSteps/0/dueDate", "tomorrow", "invalid"),
        ("signingProcessSteps/0/dueDate", 1767225600, "invalid"),
        ("signingProcessSteps/0/dueDate", "2026-02-30T00:00:00Z", "invalid"),
        ("signingProcessSteps/0/processStepSigners/0/signerRole", "BOSS", "invalid_choice"),
        ("signingProcessSteps/0/processStepSigners/0/signerCountry", "Latvia", "not_a_country"),
        ("signingProcessSteps/0/processStepSigners/0/signerLanguage", "l v", "not_a_language"),
        ("signingProcessSteps/0/processStepSigners/0/signerEmail", "a" * 250 + "@x.lv", "max_length"),
        ("signingProcessSteps/0/processStepSigners/0/signerPersonalCode", "1" * 65, "max_length"),
        ("signingProcessSteps/0/processStepSigners/0/anonymous", 1, "invalid"),
        ("signingProcessSteps/0/processStepSigners/0/signingStatus", "DONE", "invalid_choice"),
        ("signingProcessSteps/0/processStepSigners/0/signingStatus", "SIGNED", "not_called_yet"),
        ("signingProcessSteps/0/dueDate", "2026-12-01", "invalid"),
        ("signingProcessSteps/0/dueDate", "٢٠٢٦-12-01T11:00:00Z", "invalid"),
        ("signingProcessSteps/0/dueDate", "0001-01-01T00:00:00+14:00", "overflow"),
    ],
)
def test_each_field_accepts_only_its_own_type(api: Api, where: str, value: object, code: str) -> None:
    wire = body([[ANA]])
    *path, last = where.split("/")
    at: object = wire
    for key in path:
        at = at[int(key) if key.isdigit() else key]  # type: ignore[index]
    at[int(last) if last.isdigit() else last] = value  # type: ignore[index]

    assert faults(refused(api, wire)) == {f"#/{where}": code}


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "[]",
        "5",
        "null",
        '"x"',
        '{"comment": NaN}',
        b"\xff\xfe",
        "[" * 100_000,
        '{"totalSigners": ' + "9" * 5000 + "}",
    ],
)
def test_a_body_that_is_not_a_json_object_is_400(api: Api, raw: str | bytes) -> None:
    refused(api, raw)


def test_a_body_over_eight_megabytes_is_413(api: Api) -> None:
    assert refused(api, json.dumps(body([[ANA]], comment="x" * 8 * 1024 * 1024)), 413)["code"] == "too_large"


def test_another_content_type_is_415(api: Api) -> None:
    response = api._client.generic("POST", "/api/processes", "a=b", "text/csv", headers=api.headers)
    assert (response.status_code, response["Content-Type"]) == (415, "application/problem+json")


def test_limits_on_steps_and_signers(api: Api) -> None:
    assert faults(refused(api, body([[ANA]] * 101))) == {"#/signingProcessSteps": "max_length"}
    assert faults(refused(api, body([[ANA] * 251, [BEN] * 250]))) == {"#/signingProcessSteps": "too_many"}


def test_naming_another_initiator_requires_on_behalf(api: Api, api_of: object) -> None:
    assert refused(api, body([[ANA]], initiator="boss"), 403)["code"] == "missing_right"
    assert "on_behalf" in str(refused(api, body([[ANA]], ownerGroup="legal"), 403)["detail"])

    portal = api_of("portal", rights=["on_behalf"])  # type: ignore[operator]
    assert portal.post("/api/processes", body([[ANA]], initiator="boss", ownerGroup="legal")).status_code == 201


def test_without_a_token_every_request_is_401(nobody: Api) -> None:
    response = nobody.post("/api/processes", body([[ANA]]))
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")
    assert response["Content-Type"] == "application/problem+json"
