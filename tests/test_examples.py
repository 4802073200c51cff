"""The contacts, templates and profiles in `examples/`, over HTTP. tests/services runs the example processes."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.management import call_command

from contacts.models import Contact
from templates_app.models import DocumentProfile, Template
from tests.builders import NOON
from tests.conftest import Api

EXAMPLES = Path(__file__).parent.parent / "examples"
SETUP = sorted(
    file.relative_to(EXAMPLES).as_posix() for file in EXAMPLES.glob("*/*.json") if file.parent.name != "responses"
)


@pytest.fixture
def clerk(api_of: Callable[..., Api]) -> Api:
    return api_of("clerk", groups=["legal"], rights=["manage_profiles"])


@pytest.mark.parametrize("file", SETUP)
def test_each_example_is_accepted(clerk: Api, file: str) -> None:
    sent = json.loads((EXAMPLES / file).read_text(encoding="utf-8"))
    made = clerk.post(f"/api/{file.split('/')[0]}", sent)
    assert made.status_code == 201
    answer = made.json()
    assert answer.get("warnings", []) == []
    for name, value in sent.items():
        if name == "attributes":
            assert [a["name"] for a in answer[name]] == [a["name"] for a in value]
        else:
            assert answer[name] == (value.upper() if name == "type" else value)


def test_a_lease_is_created_from_the_examples_and_signed(clerk: Api) -> None:
    for file in SETUP:
        clerk.post(f"/api/{file.split('/')[0]}", json.loads((EXAMPLES / file).read_text(encoding="utf-8")))
    template = Template.objects.get()
    wishes = {"documentId": "LEASE-7", "documentName": "Nomas līgums", "startAt": NOON.isoformat()}
    draft = clerk.post(f"/api/templates/{template.pk}/process", wishes).json()
    assert [s["dueDate"][:10] for s in draft["signingProcessSteps"]] == ["2026-05-06", "2026-05-11"]

    profile = DocumentProfile.objects.get()
    url = f"/api/processes/{draft['id']}"
    assert clerk.put(url, {"ownerGroup": profile.owner_group}).status_code == 200
    lacking = clerk.post(f"{url}/start").json()
    assert [e["pointer"] for e in lacking["errors"]] == ["#/attributes/Monthly rent"]
    clerk.put(url, {"attributes": {"Monthly rent": 850, "Furnished": True}})
    started = clerk.post(f"{url}/start").json()
    assert (started["status"], started["isSealRequired"], started["seal"]) == ("STARTED", True, "company")
    for signer, act in zip(started["signers"], ("APPROVED", "SIGNED"), strict=True):
        assert clerk.post(f"/api/signers/{signer['id']}/act", {"signingStatus": act}).status_code == 200
    assert clerk.get(url).json()["status"] == "COMPLETED"


def test_the_example_response_is_the_response_to_the_example_request(api: Api) -> None:
    body = json.loads((EXAMPLES / "two-step-contract.json").read_text(encoding="utf-8"))
    example = json.loads((EXAMPLES / "responses/process.json").read_text(encoding="utf-8"))
    response = api.post("/api/processes", body).json()
    del response["warnings"]
    assert response.keys() == example.keys()
    differing = {name for name in example if response[name] != example[name]}
    assert differing <= {"id", "createdAt", "initiator", "signingProcessSteps", "signers", "currentInProgressStep"}
    for mine, theirs in zip(response["signers"], example["signers"], strict=True):
        assert mine | {"id": ""} == theirs | {"id": ""}


@pytest.mark.django_db
def test_the_demo_creates_the_examples(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("signing.management.commands.demo.LOGIN_FILE", tmp_path / "demo.json")
    for _ in range(2):
        call_command("demo")
    assert (Contact.objects.count(), Template.objects.count(), DocumentProfile.objects.count()) == (2, 1, 1)
    assert "API token" in capsys.readouterr().out
