"""A process and the document profile of its type."""

from collections.abc import Callable
from typing import Any

import pytest

from signing.models import Process
from tests.builders import profile_of
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, CLEO, ILZE, address, body, signer

LEASE: dict[str, Any] = {
    "seal": "company",
    "isSealRequired": True,
    "attributes": [
        {"name": "Contract date", "type": "Datetime", "required": True},
        {"name": "Amount", "type": "Number"},
        {"name": "Secret", "type": "Checkbox"},
        {"name": "Note", "type": "Text"},
    ],
}
SAID = {"Contract date": "2026-11-20T00:00:00Z", "Amount": 12.5, "Secret": False, "Note": ""}


def lease(api: Api, **more: Any) -> Any:
    wanted = {"documentType": "LEASE", "attributes": SAID} | more
    return api.post("/api/processes", body([[ANA], [BEN]], **wanted))


def test_a_process_copies_the_rules_of_its_profile(api: Api) -> None:
    profile = profile_of("LEASE", **LEASE)
    made = lease(api)
    assert made.status_code == 201
    process = made.json()
    assert (process["attributes"], process["seal"], process["isSealRequired"]) == (SAID, "company", True)

    profile.delete()
    read = api.get(f"/api/processes/{process['id']}").json()
    assert (read["seal"], read["isSealRequired"]) == ("company", True)
    refused = api.put(f"/api/processes/{process['id']}", {"attributes": {"Amount": 1}})
    assert refused.json()["errors"][0]["code"] == "missing_attribute"
    changed = api.put(f"/api/processes/{process['id']}", {"attributes": SAID | {"Amount": 13}})
    assert changed.json()["attributes"]["Amount"] == 13


def test_a_draft_has_no_rules_and_may_be_incomplete(api: Api) -> None:
    profile_of("LEASE", **LEASE)
    draft = lease(api, status="PENDING", attributes={"Amount": 5}).json()
    assert (draft["seal"], draft["isSealRequired"], draft["attributes"]) == (None, False, {"Amount": 5})

    refused = api.post(f"/api/processes/{draft['id']}/start")
    assert (refused.status_code, refused.json()["code"]) == (400, "incomplete_document")
    assert [e["pointer"] for e in refused.json()["errors"]] == ["#/attributes/Contract date"]
    assert api.get(f"/api/processes/{draft['id']}").json() == draft

    api.put(f"/api/processes/{draft['id']}", {"attributes": {"Contract date": "2026-11-20T00:00:00Z"}})
    assert api.post(f"/api/processes/{draft['id']}/start").json()["isSealRequired"] is True


@pytest.mark.parametrize(
    ("said", "pointer", "code"),
    [
        ({"Colour": "red"}, "#/attributes/Colour", "unknown_attribute"),
        ({"a/b~c": "red"}, "#/attributes/a~1b~0c", "unknown_attribute"),
        ({"Amount": "12"}, "#/attributes/Amount", "wrong_type"),
        ({"Amount": True}, "#/attributes/Amount", "wrong_type"),
        ({"Secret": 1}, "#/attributes/Secret", "wrong_type"),
        ({"Secret": "true"}, "#/attributes/Secret", "wrong_type"),
        ({"Note": 5}, "#/attributes/Note", "wrong_type"),
        ({"Contract date": "20.11.2026"}, "#/attributes/Contract date", "wrong_type"),
        ({"Contract date": "2026-13-20T00:00:00Z"}, "#/attributes/Contract date", "wrong_type"),
        ({"Contract date": 5}, "#/attributes/Contract date", "wrong_type"),
        ({"Note": ["x"]}, "#/attributes/Note", "invalid"),
        ({"Note": {}}, "#/attributes/Note", "invalid"),
        ({"Note": "a\0b"}, "#/attributes/Note", "invalid"),
        ({"Note": "x" * 4001}, "#/attributes/Note", "invalid"),
        ({"Amount": 1e300}, "#/attributes/Amount", "invalid"),
        ({"x" * 256: "x"}, "#/attributes/" + "x" * 256, "invalid"),
        ({"": "x"}, "#/attributes/", "invalid"),
        ({str(n): "x" for n in range(201)}, "#/attributes", "too_many"),
        ([], "#/attributes", "invalid"),
        ("x", "#/attributes", "invalid"),
    ],
)
def test_attribute_values_are_checked_by_type_in_every_request(api: Api, said: Any, pointer: str, code: str) -> None:
    profile_of("LEASE", **LEASE)
    whole = SAID | said if isinstance(said, dict) else said
    started = lease(api).json()
    for refused in (
        lease(api, attributes=whole),
        lease(api, attributes=said, status="PENDING"),
        api.put(f"/api/processes/{started['id']}", {"attributes": whole}),
    ):
        assert refused.status_code == 400, refused.content
        assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
    assert Process.objects.count() == 1


def test_true_and_one_are_different_values(api: Api) -> None:
    profile_of("LEASE", **LEASE)
    process = lease(api, attributes=SAID | {"Amount": 1, "Secret": True}).json()
    refused = api.put(f"/api/processes/{process['id']}", {"attributes": SAID | {"Amount": True, "Secret": 1}})
    assert refused.status_code == 400
    unknown = lease(api, documentType="MEMO", attributes={"b": True}).json()
    changed = api.put(f"/api/processes/{unknown['id']}", {"attributes": {"b": 1}})
    assert (changed.json()["attributes"], changed["ETag"]) == ({"b": 1}, '"2"')


def test_a_number_that_json_does_not_have_is_400(api: Api) -> None:
    raw = '{"attributes": {"Amount": 1e400}, "signingProcessSteps": []}'
    refused = api.post("/api/processes", raw)
    assert refused.json()["errors"][0]["pointer"] == "#/attributes/Amount"


@pytest.mark.parametrize("missing", [{}, {"Contract date": None}, {"Contract date": ""}])
def test_required_attributes_must_be_set_at_the_start(api: Api, missing: dict[str, Any]) -> None:
    profile_of("LEASE", attributes=[{"name": "Contract date", "type": "Text", "required": True}])
    refused = lease(api, attributes=missing)
    assert refused.json()["code"] == "incomplete_document"
    assert "Contract date" in refused.json()["errors"][0]["detail"]
    assert not Process.objects.exists()


def test_the_owner_groups_profile_takes_precedence(api_of: Callable[..., Api]) -> None:
    api = api_of(ILZE, groups=["legal", "sales"])
    profile_of("LEASE", seal="everybody's")
    profile_of("LEASE", ownerGroup="legal", seal="legal's")
    seals = [lease(api, ownerGroup=group, attributes=None).json()["seal"] for group in ("legal", "sales", None)]
    assert seals == ["legal's", "everybody's", "everybody's"]


def test_a_document_type_without_a_profile(api: Api, settings: Any) -> None:
    anything = {"Whatever": "text", "n": 1, "b": True}
    made = lease(api, documentType="OFFER", attributes=anything)
    assert (made.status_code, made.json()["attributes"]) == (201, anything)

    settings.DOCUMENT_PROFILES_REQUIRED = True
    for document_type in ("OFFER", None):
        refused = lease(api, documentType=document_type, attributes=None)
        assert [e["pointer"] for e in refused.json()["errors"]] == ["#/documentType"]
    assert lease(api, documentType="OFFER", status="PENDING", attributes=None).status_code == 400
    draft = lease(api, documentType=None, status="PENDING", attributes=None)
    assert draft.status_code == 201
    assert api.post(f"/api/processes/{draft.json()['id']}/start").status_code == 400
    profile_of("OFFER")
    assert lease(api, documentType="OFFER", attributes=None).status_code == 201
    assert api.put(f"/api/processes/{made.json()['id']}", {"documentType": "MEMO"}).status_code == 200


class TestReview:
    APPROVER, VIEWER, INITIATOR = "APPROVER", "VIEWER", "INITIATOR"

    @pytest.mark.parametrize(
        ("steps", "status"),
        [
            ([[signer(CLEO, "APPROVER")], [ANA]], 201),
            ([[signer(BEN, "VIEWER")], [signer(CLEO, "APPROVER")], [ANA]], 201),
            ([[signer(BEN, "INITIATOR")], [signer(CLEO, "APPROVER")], [ANA]], 201),
            ([[signer(CLEO, "APPROVER")]], 201),
            ([[ANA], [signer(CLEO, "APPROVER")]], 400),
            ([[ANA, signer(CLEO, "APPROVER")]], 400),
            ([[ANA]], 400),
            ([[signer(BEN, "VIEWER")], [ANA], [signer(CLEO, "APPROVER")], [BEN]], 400),
        ],
    )
    def test_a_review_must_come_before_the_first_signature(self, api: Api, steps: list[Any], status: int) -> None:
        profile_of("LEASE", reviewRequired=True)
        answer = api.post("/api/processes", body(steps, documentType="LEASE"))
        assert answer.status_code == status
        if status == 400:
            assert answer.json()["code"] == "review_required"
            assert not Process.objects.exists()

    def test_a_draft_may_lack_the_review_but_a_running_process_may_not(self, api: Api) -> None:
        profile_of("LEASE", reviewRequired=True)
        assert api.post("/api/processes", body([[ANA]], documentType="LEASE", status="PENDING")).status_code == 201
        process = api.post("/api/processes", body([[signer(CLEO, "APPROVER")], [ANA]], documentType="LEASE")).json()
        process["signingProcessSteps"][0]["processStepSigners"][0]["signerRole"] = "SIGNER"
        refused = api.put(f"/api/processes/{process['id']}", process)
        assert refused.json()["code"] == "review_required"


def test_a_decline_follows_the_rules_copied_at_the_start(api: Api, outbox: Outbox) -> None:
    profile = profile_of("SURVEY", continueOnDecline=True)
    processes = [api.post("/api/processes", body([[ANA], [BEN]], documentType="SURVEY")).json()]
    profile.continue_on_decline = False
    profile.save(update_fields=["continue_on_decline"])
    processes.append(api.post("/api/processes", body([[ANA], [BEN]], documentType="SURVEY")).json())

    for process in processes:
        api.post(f"/api/signers/{process['signers'][0]['id']}/act", {"signingStatus": "DECLINED"})

    statuses = [api.get(f"/api/processes/{process['id']}").json()["status"] for process in processes]
    assert statuses == ["STARTED", "DECLINED"]
    assert outbox.recipients("TASK_STARTED") == [address(BEN)]


class TestPersonalCodes:
    def test_a_code_with_a_wrong_check_digit_is_a_warning(self, api: Api) -> None:
        made = api.post("/api/processes", body([[signer(ANA, signerPersonalCode="161175-19997"), BEN]]))
        process = made.json()
        pointer = "#/signingProcessSteps/0/processStepSigners/1/signerPersonalCode"
        assert [(w["pointer"], w["code"]) for w in process["warnings"]] == [(pointer, "doubtful_personal_code")]
        step = process["signingProcessSteps"][0]
        assert "warnings" not in step
        for answer in (
            api.get(f"/api/steps/{step['id']}"),
            api.post(f"/api/signers/{process['signers'][0]['id']}/act", {"signingStatus": "SIGNED"}),
        ):
            pointers = [w["pointer"] for w in answer.json()["warnings"]]
            assert pointers == ["#/processStepSigners/1/signerPersonalCode"]

    def test_a_malformed_code_is_400_with_every_pointer(self, api: Api) -> None:
        wrong = [[signer(ANA, signerPersonalCode="1"), signer(BEN, signerPersonalCode="2", signerRole="VIEWER")]]
        refused = api.post("/api/processes", body(wrong, status="PENDING"))
        pointers = [f"#/signingProcessSteps/0/processStepSigners/{n}/signerPersonalCode" for n in (0, 1)]
        assert [e["pointer"] for e in refused.json()["errors"]] == pointers
        process = api.post("/api/processes", body([[ANA]])).json()
        step = process["signingProcessSteps"][0]
        step["processStepSigners"][0]["signerPersonalCode"] = "1"
        assert api.put(f"/api/steps/{step['id']}", step).status_code == 400

    def test_what_has_happened_is_taken_as_it_is_told(self, api: Api) -> None:
        process = api.post("/api/processes", body([[{"anonymous": True, "signerEmail": address(ANA)}]])).json()
        person = {"signerName": "Visitor", "signerCountry": "LV", "signerPersonalCode": "passport 5"}
        act = {"signingStatus": "SIGNED", **person}
        told = api.post(f"/api/signers/{process['signers'][0]['id']}/act", act)
        assert told.status_code == 200
        assert told.json()["warnings"][0]["code"] == "doubtful_personal_code"
