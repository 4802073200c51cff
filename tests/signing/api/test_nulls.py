"""What null means in bodies: clients of the reference send every field, null where they have no value."""

from collections.abc import Callable
from typing import Any

import pytest

from signing.models import Process
from signing.serializers import ProcessSerializer, SignerSerializer, StepSerializer
from tests.builders import (
    BOSS,
    client_user,
    contact_of,
    draft_process,
    profile_of,
    row_of,
    started_process,
    template_of,
)
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, ILZE, address, body, signer


def dto(shape: type, **values: Any) -> dict[str, Any]:
    """An object with every field of the serializer, null unless it has a value."""
    return dict.fromkeys(shape().get_fields()) | values


def cleared(response: Any) -> list[str]:
    return [warning["pointer"] for warning in response.json()["warnings"] if warning["code"] == "cleared"]


def test_on_create_every_null_means_not_given(api: Api) -> None:
    person = dto(SignerSerializer, **signer(ANA, signerRole=None))
    step = dto(StepSerializer, processStepSigners=[person])
    created = api.post("/api/processes", dto(ProcessSerializer, signingProcessSteps=[step]))

    assert created.status_code == 201, created.content
    process = created.json()
    assert (process["status"], process["initiator"]) == ("STARTED", ILZE)
    row = process["signingProcessSteps"][0]["processStepSigners"][0]
    assert (row["signerRole"], row["signerNotification"], row["anonymous"]) == ("SIGNER", True, False)
    assert cleared(created) == []


def test_on_create_a_null_list_is_a_missing_list(api: Api) -> None:
    for sent in ({"signingProcessSteps": None}, {"signingProcessSteps": [{"processStepSigners": None}]}):
        refused = api.post("/api/processes", body([[ANA]]) | sent)
        assert refused.status_code == 400
        assert {fault["code"] for fault in refused.json()["errors"]} <= {"no_steps", "no_signers"}


def test_an_entry_that_reports_an_act_is_not_cleared_by_its_nulls(api: Api) -> None:
    process = started_process([[signer(ANA, commentForSigner="Please"), BEN]])
    step = process.steps.get()
    ana = row_of(process, ANA)
    report = {"processStepSigners": [dto(SignerSerializer, id=str(ana.pk), signingStatus="SIGNED")]}

    first = api.put(f"/api/steps/{step.pk}", report)
    again = api.put(f"/api/steps/{step.pk}", report)

    assert (first.status_code, again.status_code) == (200, 200), again.content
    assert first.json() == again.json()
    after = row_of(process, ANA)
    assert (after.status, after.name, after.personal_code, after.email) == ("SIGNED", ANA, CODES[ANA], address(ANA))
    assert after.comment_for_signer == "Please"


def test_a_signer_reports_the_own_act_with_nulls_and_null_lists(api_of: Callable[..., Api]) -> None:
    process = started_process([[ANA, BEN]])
    ana = api_of("ana", code=CODES[ANA])
    row = dto(SignerSerializer, id=str(row_of(process, ANA).pk), signingStatus="SIGNED")
    assert ana.put(f"/api/steps/{process.steps.get().pk}", {"processStepSigners": [row]}).status_code == 200
    assert row_of(process, ANA).status == "SIGNED"
    unchanged = ana.put(f"/api/processes/{process.pk}", {"signingProcessSteps": None, "initiator": None})
    assert unchanged.status_code == 200


@pytest.mark.parametrize("make", [draft_process, started_process])
def test_a_null_list_or_a_null_initiator_changes_nothing(api: Api, make: Callable[[], Process]) -> None:
    process = make()
    url = f"/api/processes/{process.pk}"
    before = api.get(url).json()
    sent = {"signingProcessSteps": None, "initiator": None}
    assert api.put(url, sent).json() == before
    steps = [step | {"processStepSigners": None} for step in before["signingProcessSteps"]]
    assert api.put(url, {"signingProcessSteps": steps}).json() == before
    assert api.put(f"/api/steps/{steps[0]['id']}", {"processStepSigners": None}).status_code == 200
    assert api.get(url).json() == before


@pytest.mark.parametrize("make", [draft_process, started_process])
def test_each_field_that_null_clears_is_named(api: Api, make: Callable[..., Process]) -> None:
    process = make([[signer(ANA, signerComment="x", signerRole="VIEWER"), BEN]], comment="x", documentType="LEASE")
    url = f"/api/processes/{process.pk}"
    read = api.get(url).json()
    step = read["signingProcessSteps"][0]
    step["processStepSigners"][0] |= {"signerComment": None, "signerName": None, "signerLanguage": None}
    read |= {"comment": None, "documentType": None, "attributes": None}

    changed = api.put(url, read)

    assert changed.status_code == 200, changed.content
    entry = "#/signingProcessSteps/0/processStepSigners/0"
    expected = {"#/comment", "#/documentType", f"{entry}/signerComment", f"{entry}/signerName"}
    assert set(cleared(changed)) == expected
    assert cleared(api.put(url, changed.json())) == []


def test_a_null_that_resets_a_default_is_named_too(api: Api) -> None:
    process = draft_process([[signer(ANA, signerRole="APPROVER")]])
    step = process.steps.get()
    entry = {"id": str(row_of(process, ANA).pk), "signerRole": None}
    changed = api.put(f"/api/steps/{step.pk}", {"processStepSigners": [entry]})
    assert cleared(changed) == ["#/processStepSigners/0/signerRole"]
    assert row_of(process, ANA).role == "SIGNER"


def test_other_resources_name_what_null_clears(api_of: Callable[..., Api]) -> None:
    boss = api_of("boss", rights=["administer"])
    contact = contact_of(owner=ILZE, email="ana@example.org", role="SIGNER")
    template = template_of(data="{}")
    profile = profile_of("LEASE", seal="company", retentionDays=9, attributes=[{"name": "A", "type": "Text"}])
    for path, sent, expected in (
        (f"contacts/{contact.pk}", {"email": "", "role": None, "owner": None, "phone": None}, {"#/email", "#/role"}),
        (f"templates/{template.pk}", {"data": None, "owner": None, "group": None}, {"#/data"}),
        (f"document-profiles/{profile.pk}", {"seal": None, "attributes": None}, {"#/seal"}),
    ):
        changed = boss.put(f"/api/{path}", sent)
        assert changed.status_code == 200, changed.content
        assert set(cleared(changed)) == expected
        assert boss.get(f"/api/{path}").json()["warnings"] == []
    assert len(boss.get(f"/api/document-profiles/{profile.pk}").json()["attributes"]) == 1
    assert boss.get(f"/api/contacts/{contact.pk}").json()["owner"] == ILZE


def test_a_template_with_null_lists_is_refused_and_not_a_crash(api: Api) -> None:
    template = template_of(data='{"signingProcessSteps": null, "initiator": null}')
    refused = api.post(f"/api/templates/{template.pk}/process", dict.fromkeys(("documentId", "initiator", "startAt")))
    assert (refused.status_code, refused.json()["code"]) == (400, "template_does_not_fit")


def test_a_test_email_of_nulls_is_rendered(api_of: Callable[..., Api]) -> None:
    portal = api_of("portal", rights=["on_behalf"])
    steps = [
        dto(StepSerializer, processStepSigners=[dto(SignerSerializer, signerEmail=address(ANA))]),
        dto(StepSerializer),
    ]
    sent = dto(ProcessSerializer, processInitiatorEmail=address(ILZE), signingProcessSteps=steps)
    for content in (sent, sent | {"signingProcessSteps": None}):
        response = portal.post("/api/notifications/test-email?eventType=PROCESS_STARTED&role=INITIATOR", content)
        assert response.status_code == 200, response.content


class TestHandover:
    def test_leaving_the_group_and_taking_over_are_named(self, api_of: Callable[..., Api]) -> None:
        client_user(ILZE, groups=["legal"])
        process = started_process(ownerGroup="legal", actor=BOSS)
        Process.objects.filter(pk=process.pk).update(initiator=ILZE)
        ben = api_of("ben", groups=["legal"])
        changed = ben.put(f"/api/processes/{process.pk}", {"initiator": "ben", "ownerGroup": None})
        assert changed.status_code == 200
        handed_over = [w for w in changed.json()["warnings"] if w["code"] == "handed_over"]
        assert [w["pointer"] for w in handed_over] == ["#/initiator", "#/ownerGroup"]
        assert "ilze" in handed_over[0]["detail"]
        assert "legal" in handed_over[1]["detail"]

    def test_keeping_both_is_not(self, api: Api) -> None:
        process = started_process()
        changed = api.put(f"/api/processes/{process.pk}", {"initiator": ILZE, "comment": "x"})
        assert "handed_over" not in {warning["code"] for warning in changed.json()["warnings"]}
