"""The responses of every operation against the schema, successes and errors."""

import uuid
from collections.abc import Callable
from typing import Any, NamedTuple

import jsonschema
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client

from audit.chain import triggers
from audit.models import AuditEvent
from tests.builders import (
    attribute_of,
    canceled_process,
    completed_process,
    contact_of,
    declined_process,
    draft_process,
    profile_of,
    row_of,
    started_process,
    template_of,
)
from tests.config.api.test_schema import operations
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, ILZE, body

PLAN = '{"signingProcessSteps": [{"dueInDays": 5, "processStepSigners": [{"signerName": "Ana"}]}]}'


def event_id() -> uuid.UUID:
    started_process([[ANA]])
    return AuditEvent.objects.latest("number").id


# What is in the database, by the id in the URL.
ROWS: dict[str, Callable[[], uuid.UUID]] = {
    "draft": lambda: draft_process().pk,
    "started": lambda: started_process([[ANA, BEN]]).pk,
    "completed": lambda: completed_process().pk,
    "canceled": lambda: canceled_process().pk,
    "declined": lambda: declined_process().pk,
    "step": lambda: started_process([[ANA, BEN]]).steps.get().pk,
    "signer": lambda: row_of(started_process([[ANA, BEN]]), ANA).pk,
    "contact": lambda: contact_of(country="LV", personalCode=CODES[ANA]).pk,
    "template": lambda: template_of(data=PLAN).pk,
    "attribute": lambda: attribute_of("Amount").pk,
    "profile": lambda: profile_of("LEASE", attributes=[{"name": "Note", "type": "Text"}]).pk,
    "event": event_id,
}


class Call(NamedTuple):
    """One request: `row` is made before; `{id}` in the body is its id."""

    row: str
    body: Any = None
    query: str = ""

    def send(self, api: Api, operation: str, id: uuid.UUID) -> HttpResponse:
        method, path = operation.split()
        prefix, has_id, rest = path.partition("{")
        url = f"{prefix}{id}{rest.partition('}')[2]}" if has_id else path
        content = self.body
        if isinstance(content, dict):
            content = {key: str(id) if value == "{id}" else value for key, value in content.items()}
        return api.call(method, url + self.query, content)


LV_ANA = f"?country=LV&personalCode={CODES[ANA]}"
CALLS: dict[str, list[Call]] = {
    "GET /api/processes": [Call("started"), Call("draft")],
    "POST /api/processes": [Call("started", body([[ANA]])), Call("started", body([[ANA]], status="PENDING"))],
    "POST /api/processes/search": [Call("started", {"documentId": "DOC-1"}), Call("draft", {"documentId": "none"})],
    "GET /api/processes/{processId}": [Call(r) for r in ("draft", "started", "completed", "canceled", "declined")],
    "PUT /api/processes/{processId}": [Call("started", {"comment": "changed"})],
    "DELETE /api/processes/{processId}": [Call("draft")],
    "POST /api/processes/{processId}/start": [Call("draft")],
    "POST /api/processes/{processId}/cancel": [Call("started", {"reason": "changed our minds"})],
    "POST /api/processes/{processId}/remind": [Call("started", {})],
    "GET /api/processes/{processId}/audit": [Call("started"), Call("completed")],
    "GET /api/processes/{processId}/evidence": [Call("completed")],
    "GET /api/steps/{processStepId}": [Call("step")],
    "PUT /api/steps/{processStepId}": [Call("step", {"dueDate": "2030-01-01T00:00:00Z"})],
    "POST /api/signers/{signerId}/act": [Call("signer", {"signingStatus": "SIGNED"})],
    "GET /api/signer-tasks": [Call("started", query=LV_ANA), Call("completed", query=LV_ANA)],
    "GET /api/contacts": [Call("contact")],
    "POST /api/contacts": [Call("contact", {"name": ANA}), Call("contact", {"name": ANA, "personalCode": "1"})],
    "PUT /api/contacts": [Call("contact", {"id": "{id}", "name": BEN})],
    "GET /api/contacts/{id}": [Call("contact")],
    "PUT /api/contacts/{id}": [Call("contact", {"name": BEN})],
    "DELETE /api/contacts/{id}": [Call("contact")],
    "GET /api/templates": [Call("template")],
    "POST /api/templates": [Call("template", {"name": "Lease"})],
    "GET /api/templates/{id}": [Call("template")],
    "PUT /api/templates/{id}": [Call("template", {"name": "Offer"})],
    "DELETE /api/templates/{id}": [Call("template")],
    "POST /api/templates/{id}/process": [Call("template", {"documentId": "DOC-2"})],
    "GET /api/document-attributes": [Call("attribute")],
    "POST /api/document-attributes": [Call("attribute", {"name": "Date", "type": "DATETIME"})],
    "GET /api/document-attributes/{id}": [Call("attribute")],
    "PUT /api/document-attributes/{id}": [Call("attribute", {"required": True})],
    "DELETE /api/document-attributes/{id}": [Call("attribute")],
    "GET /api/document-profiles": [Call("profile")],
    "POST /api/document-profiles": [Call("profile", {"documentType": "OFFER", "ownerGroup": "legal"})],
    "GET /api/document-profiles/{id}": [Call("profile")],
    "PUT /api/document-profiles/{id}": [Call("profile", {"seal": "company"})],
    "DELETE /api/document-profiles/{id}": [Call("profile")],
    "GET /api/audit-events": [Call("event"), Call("event", query="?after=0"), Call("event", query="?page=9")],
    "POST /api/audit-events": [Call("event", {"eventType": "SIGNATURE", "createdAt": "2099-01-01T00:00:00Z"})],
    "GET /api/audit-events/{id}": [Call("event")],
    "POST /api/notifications/test-email": [
        Call("started", body([[ANA]]), "?eventType=PROCESS_STARTED&role=SIGNER"),
        Call("started", body([[ANA]]), "?eventType=SIGNER_SIGNED&role=VIEWER"),
    ],
}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return Client().get("/api/schema?format=json").json()


@pytest.fixture
def boss(api_of: Callable[..., Api]) -> Api:
    return api_of(ILZE, rights=["administer"])


def as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 as JSON Schema: `nullable` becomes a type, and objects have no other properties."""
    if isinstance(part, list):
        return [as_json_schema(p) for p in part]
    if not isinstance(part, dict):
        return part
    out = {key: as_json_schema(value) for key, value in part.items() if key != "nullable"}
    if isinstance(part.get("properties"), dict) and part.get("type") == "object":
        out.setdefault("additionalProperties", False)
    return {"anyOf": [out, {"type": "null"}]} if part.get("nullable") is True else out


def check(schema: dict[str, Any], operation: str, response: HttpResponse) -> None:
    """The response has one of the statuses of the operation, and its body the shape and type of that status."""
    expected = operations(schema)[operation]["responses"][str(response.status_code)]
    if "content" not in expected:
        assert not response.content
        return
    ((media_type, content),) = expected["content"].items()
    assert response["Content-Type"] == media_type
    if media_type != "application/zip":
        shape = as_json_schema({**content["schema"], "components": schema["components"]})
        jsonschema.validate(response.json(), shape)


def test_the_table_has_every_operation(schema: dict[str, Any]) -> None:
    assert operations(schema).keys() == CALLS.keys()


@pytest.mark.parametrize(("operation", "call"), [(o, call) for o, calls in CALLS.items() for call in calls])
def test_each_response_has_the_shape_in_the_schema(
    schema: dict[str, Any], boss: Api, operation: str, call: Call
) -> None:
    response = call.send(boss, operation, ROWS[call.row]())
    assert response.status_code // 100 == 2, response.content
    check(schema, operation, response)


@pytest.mark.parametrize("operation", CALLS)
def test_each_refusal_has_the_shape_in_the_schema(
    schema: dict[str, Any], boss: Api, nobody: Api, operation: str
) -> None:
    call = CALLS[operation][0]
    id = ROWS[call.row]()
    unauthenticated = call.send(nobody, operation, id)
    assert unauthenticated.status_code == 401
    check(schema, operation, unauthenticated)
    if "{" in operation:
        unknown = call.send(boss, operation, uuid.uuid4())
        assert unknown.status_code == 404
        check(schema, operation, unknown)
    if call.body is not None:
        malformed = call._replace(body="[").send(boss, operation, id)
        assert malformed.status_code == 400, malformed.content
        check(schema, operation, malformed)


def test_refused_evidence_has_the_shape_in_the_schema(
    schema: dict[str, Any], boss: Api, api_of: Callable[..., Api]
) -> None:
    operation = "GET /api/processes/{processId}/evidence"
    process = completed_process()
    signer = api_of("ana", code=CODES[ANA])
    forbidden = signer.get(f"/api/processes/{process.pk}/evidence")
    assert forbidden.status_code == 403
    check(schema, operation, forbidden)

    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET created_at = '2020-01-01'")
    in_doubt = boss.get(f"/api/processes/{process.pk}/evidence")
    assert in_doubt.status_code == 409
    check(schema, operation, in_doubt)


def test_a_verdict_on_a_changed_trail_has_the_shape_in_the_schema(schema: dict[str, Any], boss: Api) -> None:
    process = completed_process()
    assert boss.get(f"/api/processes/{process.pk}/audit").json()["verdict"]["firstBad"] is None
    triggers.remove()
    with connection.cursor() as cursor:
        cursor.execute("UPDATE audit_event SET created_at = '2020-01-01'")
    response = boss.get(f"/api/processes/{process.pk}/audit")
    assert response.json()["verdict"]["firstBad"]
    check(schema, "GET /api/processes/{processId}/audit", response)


def test_a_conflict_or_a_stale_version_has_the_shape_in_the_schema(schema: dict[str, Any], boss: Api) -> None:
    draft = draft_process()
    url = f"/api/processes/{draft.pk}"
    stale = boss.put(url, {"comment": "x"}, If_Match='"7"')
    assert stale.status_code == 412
    check(schema, "PUT /api/processes/{processId}", stale)
    assert boss.post(f"{url}/start").status_code == 200
    conflict = boss.post(f"{url}/start")
    assert conflict.status_code == 409
    check(schema, "POST /api/processes/{processId}/start", conflict)
    profile_of("LEASE")
    duplicate = boss.post("/api/document-profiles", {"documentType": "LEASE"})
    assert duplicate.status_code == 409
    check(schema, "POST /api/document-profiles", duplicate)


def test_one_response_for_several_audit_events(boss: Api) -> None:
    """The schema has the single event; a list gets a list."""
    response = boss.post("/api/audit-events", [{"eventType": "SIGNATURE"}, {"eventType": "AUTH_COMPLETED"}])
    assert response.status_code == 201
    assert [event["eventType"] for event in response.json()] == ["SIGNATURE", "AUTH_COMPLETED"]
