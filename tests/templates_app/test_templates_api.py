"""Templates over HTTP, and the drafts created from them. tests/config/versioned tests their visibility."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from signing.models import Process
from templates_app.models import MAX_TEMPLATE_BYTES, Template
from tests.builders import profile_of, template_of
from tests.conftest import Api, Outbox
from tests.people import ANA, BEN, ILZE, body, signer


def test_a_template_is_created_read_changed_and_deleted(api: Api) -> None:
    template = api.post("/api/templates", {"name": "Lease", "data": "anything"}).json()
    assert (template["name"], template["data"], template["scope"]) == ("Lease", "anything", "PERSONAL")
    assert api.get(f"/api/templates/{template['id']}").json() == template
    changed = api.put(f"/api/templates/{template['id']}", {"data": None}).json()
    assert [warning["pointer"] for warning in changed.pop("warnings")] == ["#/data"]
    assert changed | {"warnings": []} == template | {"data": None}
    assert api.delete(f"/api/templates/{template['id']}").status_code == 204


@pytest.mark.parametrize("data", ["", "  {} \r\n\t", "ā" * (MAX_TEMPLATE_BYTES // 2), "\u2028\ufeff🖋", '{"a":1.0}'])
def test_data_is_returned_unchanged(api: Api, data: str) -> None:
    created = api.post("/api/templates", {"name": "x", "data": data})
    assert created.status_code == 201
    assert api.get(f"/api/templates/{created.json()['id']}").json()["data"] == data


@pytest.mark.parametrize(
    ("invalid", "pointer", "code"),
    [
        ({"data": "ā" * (MAX_TEMPLATE_BYTES // 2) + "a"}, "#/data", "max_length"),
        ({"data": "a\0b"}, "#/data", "null_characters_not_allowed"),
        ({"data": "\ud800"}, "#/data", "surrogate_characters_not_allowed"),
        ({"data": {}}, "#/data", "invalid"),
        ({"name": None}, "#/name", "required"),
        ({"name": ""}, "#/name", "required"),
    ],
)
def test_invalid_values_are_refused(api: Api, invalid: dict[str, Any], pointer: str, code: str) -> None:
    refused = api.post("/api/templates", {"name": "Lease", **invalid})
    assert refused.status_code == 400
    assert [(e["pointer"], e["code"]) for e in refused.json()["errors"]] == [(pointer, code)]
    assert not Template.objects.exists()


class TestProcessFromTemplate:
    PLAN = body([[ANA], [BEN]], documentId="PLANNED", comment="as always")

    def create(self, api: Api, plan: Any, overrides: dict[str, Any] | None = None) -> Any:
        data = plan if isinstance(plan, str) else json.dumps(plan)
        return api.post(f"/api/templates/{template_of(data=data).pk}/process", overrides or {})

    def test_creates_a_draft_from_the_data_and_the_body(self, api: Api, outbox: Outbox) -> None:
        created = self.create(api, self.PLAN, {"documentId": "DOC-7", "documentName": "Lease 7"})

        assert created.status_code == 201
        process = created.json()
        assert (process["status"], process["documentId"], process["documentName"]) == ("PENDING", "DOC-7", "Lease 7")
        assert (process["initiator"], process["comment"]) == (ILZE, "as always")
        assert [s["signerName"] for s in process["signers"]] == [ANA, BEN]
        assert created["Location"].endswith(f"/api/processes/{process['id']}")
        assert list(outbox) == []
        started = api.post(f"/api/processes/{process['id']}/start")
        assert (started.status_code, started.json()["status"]) == (200, "STARTED")

    def test_the_templates_values_apply_where_the_body_has_none(self, api: Api) -> None:
        process = self.create(api, self.PLAN, {"documentName": None}).json()
        assert (process["documentId"], process["documentName"]) == ("PLANNED", "Contract")

    def test_the_response_of_a_process_can_be_the_data(self, api: Api) -> None:
        read = api.post("/api/processes", body([[ANA], [BEN]], status="PENDING")).json()
        created = self.create(api, read).json()
        assert created["id"] != read["id"]
        assert {s["id"] for s in created["signers"]}.isdisjoint(s["id"] for s in read["signers"])

    def test_initiator_and_status_in_the_data_are_ignored(self, api: Api) -> None:
        created = self.create(api, {**self.PLAN, "initiator": "boss", "status": "STARTED", "canceled": True})
        assert (created.json()["initiator"], created.json()["status"]) == (ILZE, "PENDING")

    def test_only_callers_with_the_right_may_set_another_initiator(self, api: Api, api_of: Callable[..., Api]) -> None:
        refused = self.create(api, self.PLAN, {"initiator": "ana"})
        assert (refused.status_code, refused.json()["code"]) == (403, "missing_right")
        portal, template = api_of("portal", rights=["on_behalf"]), template_of(data=json.dumps(self.PLAN))
        created = portal.post(f"/api/templates/{template.pk}/process?user={ILZE}", {"initiator": "ana"})
        assert created.json()["initiator"] == "ana"

    def test_due_dates_are_calendar_days_after_the_start(self, api: Api, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Riga"
        plan = {"signingProcessSteps": [{"dueInDays": n, "processStepSigners": [signer(ANA)]} for n in (0, 7)]}
        steps = self.create(api, plan, {"startAt": "2026-10-20T09:00:00+03:00"}).json()["signingProcessSteps"]
        assert [s["dueDate"] for s in steps] == ["2026-10-20T06:00:00Z", "2026-10-27T07:00:00Z"]

        steps = self.create(api, plan).json()["signingProcessSteps"]
        assert abs((datetime.fromisoformat(steps[0]["dueDate"]) - datetime.now(UTC)).total_seconds()) < 60

    @pytest.mark.parametrize(
        ("plan", "pointers"),
        [
            ("", ["#"]),
            ("not json", ["#"]),
            ("[" * 100_000, ["#"]),
            ("[]", ["#"]),
            ({}, ["#/signingProcessSteps"]),
            ({"signingProcessSteps": [{}]}, ["#/signingProcessSteps/0/processStepSigners"]),
            (
                body([[signer(ANA, signerRole="BOSS")], [signer(BEN, signerEmail="x")]]),
                [
                    f"#/signingProcessSteps/{n}/processStepSigners/0/{f}"
                    for n, f in ((0, "signerRole"), (1, "signerEmail"))
                ],
            ),
            (
                body([[signer(ANA, signingStatus="SIGNED"), signer(BEN, signerPersonalCode="1")]]),
                [
                    f"#/signingProcessSteps/0/processStepSigners/{n}/{f}"
                    for n, f in ((0, "signingStatus"), (1, "signerPersonalCode"))
                ],
            ),
            (
                {"signingProcessSteps": [{"dueInDays": 1, "dueDate": "2026-01-01T00:00:00Z"}, {"dueInDays": 9999}]},
                ["#/signingProcessSteps/0/dueInDays", "#/signingProcessSteps/1/dueInDays"],
            ),
            (body([[ANA]], documentType="LEASE", attributes={"Color": "red"}), ["#/attributes/Color"]),
        ],
        ids=["empty", "no json", "deep", "a list", "no steps", "no signers", "shape", "rows", "due", "attributes"],
    )
    def test_every_error_in_the_data_is_reported_and_nothing_is_created(
        self, api: Api, plan: Any, pointers: list[str]
    ) -> None:
        profile_of("LEASE")
        refused = self.create(api, plan)
        assert (refused.status_code, refused.json()["code"]) == (400, "template_does_not_fit")
        assert [error["pointer"] for error in refused.json()["errors"]] == pointers
        assert not Process.objects.exists()

    def test_a_start_that_is_too_late_for_a_due_date_is_refused(self, api: Api) -> None:
        plan = {"signingProcessSteps": [{"dueInDays": 3650, "processStepSigners": [signer(ANA)]}]}
        refused = self.create(api, plan, {"startAt": "9997-01-01T00:00:00Z"})
        assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (400, "#/startAt")

    def test_if_match_applies_to_the_template(self, api: Api) -> None:
        template = template_of(data=json.dumps(self.PLAN))
        address = f"/api/templates/{template.pk}/process"
        assert api.post(address, {}, If_Match='"7"').status_code == 412
        assert api.post(address, {}, If_Match='"1"').status_code == 201

    def test_an_unknown_template(self, api: Api) -> None:
        assert api.post("/api/templates/9dce9e72-6bf9-4874-8dd1-44342027dd4f/process", {}).status_code == 404
        assert api.post("/api/templates/x/process", {}).status_code == 404

    def test_the_same_idempotency_key_creates_one_process(self, api: Api) -> None:
        template = template_of(data=json.dumps(self.PLAN))
        first, second = (
            api.post(f"/api/templates/{template.pk}/process", {}, Idempotency_Key="k").json() for _ in range(2)
        )
        assert first == second
        assert Process.objects.count() == 1
