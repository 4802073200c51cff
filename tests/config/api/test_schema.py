"""The generated schema against the reference, and the answers against the schema."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from django.test import Client

from tests.builders import (
    attribute_of,
    canceled_process,
    completed_process,
    contact_of,
    draft_process,
    profile_of,
    row_of,
    started_process,
    template_of,
)
from tests.conftest import Api
from tests.people import ANA, BEN

CONTRACT = json.loads((Path(__file__).parents[2] / "contract.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return Client().get("/api/schema?format=json").json()


def test_every_operation_of_the_reference_is_offered(schema: dict[str, Any]) -> None:
    offered = {f"{m.upper()} {path}" for path, item in schema["paths"].items() for m in item}
    assert not {f"{o['method']} {o['path']}" for o in CONTRACT["operations"]} - offered


def resolved(schema: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """The part with its reference followed, and single `allOf`s flattened."""
    if "$ref" in part:
        name = part["$ref"].rsplit("/", 1)[1]
        return {**resolved(schema, schema["components"]["schemas"][name]), "name": name}
    if len(part.get("allOf", [])) == 1:
        return {**resolved(schema, part["allOf"][0]), **{k: v for k, v in part.items() if k != "allOf"}}
    if "oneOf" in part:
        named = [
            p
            for p in part["oneOf"]
            if p.get("$ref") not in ("#/components/schemas/NullEnum", "#/components/schemas/BlankEnum")
            and p.get("type") != "array"  # or several of the same
        ]
        assert len(named) == 1
        return {**resolved(schema, named[0]), **{k: v for k, v in part.items() if k != "oneOf"}}
    return part


@pytest.mark.parametrize("operation", CONTRACT["operations"], ids=lambda o: f"{o['method']} {o['path']}")
def test_each_operation_has_the_parameters_and_the_body_of_the_reference(
    schema: dict[str, Any], operation: dict[str, Any]
) -> None:
    ours = schema["paths"][operation["path"]][operation["method"].lower()]
    parameters = {(p["name"], p["in"]): p for p in ours.get("parameters", [])}
    for wanted in operation["params"]:
        parameter = parameters[wanted["name"], wanted["in"]]
        assert parameter["schema"]["type"] == wanted["type"], wanted["name"]
        if "format" in wanted:
            assert parameter["schema"]["format"] == wanted["format"], wanted["name"]
        if "items" in wanted:
            assert parameter["schema"]["items"]["type"] == wanted["items"]
    if operation["body"]:
        body = resolved(schema, ours["requestBody"]["content"]["application/json"]["schema"])
        assert body["name"] == operation["body"]
    success = next(r for status, r in ours["responses"].items() if status.startswith("2"))
    if operation["response"] is None:
        return
    answer = success["content"]["application/json"]["schema"]
    if operation["response"].startswith("Page<"):
        answer = resolved(schema, answer)["properties"]["content"]["items"]
    elif operation["response"].endswith("[]"):
        answer = answer["items"]
    assert resolved(schema, answer)["name"] in operation["response"]


ADDED = {
    "SigningProcess": {"attributes", "seal", "isSealRequired", "warnings"},
    "SigningProcessStep": {"warnings"},
    "ProcessStepSigner": set(),
    "SigningProcessFind": set(),
    "Contact": {"warnings"},
    "Template": set(),
    "DocumentAttribute": set(),
    "DocumentProfile": {"id", "continueOnDecline", "reviewRequired", "retentionDays"},
    "AuditEvent": {
        "number",
        "source",
        "requestId",
        "reportedBy",
        "reportedId",
        "reportedAt",
        "before",
        "after",
        "seq",
        "erased",
    },
}
"""The fields of ours that the reference does not have."""


@pytest.mark.parametrize("name", ADDED)
def test_each_field_has_the_name_type_and_values_of_the_reference(schema: dict[str, Any], name: str) -> None:
    ours = schema["components"]["schemas"][name]["properties"]
    assert ours.keys() == CONTRACT["schemas"][name].keys() | ADDED[name]
    for field, wanted in CONTRACT["schemas"][name].items():
        found = resolved(schema, ours[field])
        assert found["type"] == wanted["type"], field
        if "format" in wanted:
            assert found["format"] == wanted["format"], field
        if "enum" in wanted:
            assert set(found["enum"]) - {None} == set(wanted["enum"]), field
        if "items" in wanted:
            assert resolved(schema, found["items"])["name"] == wanted["items"], field
        if "ref" in wanted:
            assert found["name"] == wanted["ref"], field


def test_each_operation_is_described_with_its_problems(schema: dict[str, Any]) -> None:
    for path, item in schema["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], f"{method} {path}"
            assert {"token": []} in operation["security"], f"{method} {path}"
            assert {} not in operation["security"], f"{method} {path}"
            refusals = [s for s in operation["responses"] if s[0] in "45"]
            (success,) = (answer for status, answer in operation["responses"].items() if status[0] == "2")
            if success.get("content", {}).keys() - {"application/zip"}:
                assert success["content"]["application/json"]["examples"], f"{method} {path}"
            assert "401" in refusals
            for status in refusals:
                content = operation["responses"][status]["content"]
                assert list(content) == ["application/problem+json"]
                assert content["application/problem+json"]["examples"]
            if "requestBody" in operation:
                assert operation["requestBody"]["content"]["application/json"]["examples"], f"{method} {path}"


def as_json_schema(part: Any) -> Any:
    """OpenAPI 3.0 to JSON Schema: `nullable` becomes a type, `readOnly` says nothing."""
    if isinstance(part, list):
        return [as_json_schema(p) for p in part]
    if not isinstance(part, dict):
        return part
    out = {k: as_json_schema(v) for k, v in part.items() if k != "nullable"}
    return {"anyOf": [out, {"type": "null"}]} if part.get("nullable") is True else out


def test_answers_are_what_the_schema_says(schema: dict[str, Any], api: Api, api_of: Callable[..., Api]) -> None:
    def check(response: Any, path: str, method: str) -> None:
        answer = schema["paths"][path][method]["responses"][str(response.status_code)]
        ((_, media),) = answer["content"].items()
        told = as_json_schema({**media["schema"], "components": schema["components"]})
        jsonschema.validate(response.json(), told)

    one, process = "/api/processes/{processId}", started_process([[ANA, BEN]])
    for made in (process, draft_process(), completed_process(), canceled_process()):
        check(api.get(f"/api/processes/{made.pk}"), one, "get")
    check(api.get("/api/processes"), "/api/processes", "get")
    check(api.post("/api/processes/search", {"documentId": "DOC-1"}), "/api/processes/search", "post")
    check(api.post(f"/api/processes/{process.pk}/remind", {}), f"{one}/remind", "post")
    check(api.post(f"/api/processes/{process.pk}/remind", {}), f"{one}/remind", "post")
    check(api.get(f"/api/steps/{process.steps.get().pk}"), "/api/steps/{processStepId}", "get")
    act = {"signingStatus": "SIGNED"}
    check(api.post(f"/api/signers/{row_of(process, ANA).pk}/act", act), "/api/signers/{signerId}/act", "post")
    check(api.post("/api/processes", {"status": 5}), "/api/processes", "post")
    check(api.get("/api/processes?size=0"), "/api/processes", "get")
    made_of = {"contacts": contact_of(), "templates": template_of(), "document-attributes": attribute_of("Amount")}
    made_of["document-profiles"] = profile_of("LEASE", attributes=[{"name": "Note", "type": "Text"}])
    for kind, row in made_of.items():
        check(api.get(f"/api/{kind}"), f"/api/{kind}", "get")
        check(api.get(f"/api/{kind}/{row.pk}"), f"/api/{kind}/{{id}}", "get")
    monitor = api_of("monitor", rights=["audit_read", "audit_write"])
    told = monitor.post("/api/audit-events", {"eventType": "SIGNATURE", "createdAt": "2099-01-01T00:00:00Z"})
    check(told, "/api/audit-events", "post")
    check(monitor.get("/api/audit-events"), "/api/audit-events", "get")
    check(monitor.get("/api/audit-events?after=0"), "/api/audit-events", "get")
    check(monitor.get(f"/api/audit-events/{told.json()['id']}"), "/api/audit-events/{id}", "get")


def test_yaml_and_docs_are_open_unless_a_setting_closes_them(settings: Any) -> None:
    client = Client()
    assert client.get("/api/schema")["Content-Type"].startswith("application/vnd.oai.openapi")
    assert b"swagger" in client.get("/api/docs/").content.lower()
