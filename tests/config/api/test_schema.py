"""The generated schema against the reference."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

CONTRACT = json.loads((Path(__file__).parents[2] / "contract.json").read_text(encoding="utf-8"))

# The operations of ours that the reference does not have, each with its response.
ADDED_OPERATIONS = {
    "GET /api/processes/{processId}": "SigningProcess",
    "DELETE /api/processes/{processId}": None,
    "POST /api/processes/{processId}/start": "SigningProcess",
    "POST /api/processes/{processId}/cancel": "SigningProcess",
    "POST /api/processes/{processId}/remind": "Reminded",
    "GET /api/processes/{processId}/audit": "ProcessAudit",
    "GET /api/processes/{processId}/evidence": "application/zip",
    "GET /api/steps/{processStepId}": "SigningProcessStep",
    "POST /api/signers/{signerId}/act": "SigningProcessStep",
    "GET /api/contacts/{id}": "Contact",
    "PUT /api/contacts/{id}": "Contact",
    "DELETE /api/contacts/{id}": None,
    "GET /api/templates/{id}": "Template",
    "PUT /api/templates/{id}": "Template",
    "DELETE /api/templates/{id}": None,
    "POST /api/templates/{id}/process": "SigningProcess",
    "GET /api/document-attributes": "Page<DocumentAttribute>",
    "GET /api/document-attributes/{id}": "DocumentAttribute",
    "DELETE /api/document-attributes/{id}": None,
    "GET /api/document-profiles": "Page<DocumentProfile>",
    "GET /api/document-profiles/{id}": "DocumentProfile",
    "DELETE /api/document-profiles/{id}": None,
    "GET /api/audit-events": "EventPage",
    "GET /api/audit-events/{id}": "AuditEvent",
}
# The reference does not describe the response of this operation.
ADDED_RESPONSES = {"POST /api/notifications/test-email": "TestEmail"}


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    return Client().get("/api/schema?format=json").json()


def operations(schema: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {f"{method.upper()} {path}": o for path, item in schema["paths"].items() for method, o in item.items()}


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


def response_name(schema: dict[str, Any], operation: dict[str, Any]) -> str | None:
    """The successful response as the reference names it: `Contact`, `Contact[]`, `Page<Contact>`; None if empty."""
    (success,) = (response for status, response in operation["responses"].items() if status[0] == "2")
    if "content" not in success:
        return None
    ((media_type, content),) = success["content"].items()
    if media_type != "application/json":
        return media_type
    shape = resolved(schema, content["schema"])
    if shape["type"] == "array":
        return f"{resolved(schema, shape['items'])['name']}[]"
    if shape["name"].startswith("Paginated"):
        return f"Page<{resolved(schema, shape['properties']['content']['items'])['name']}>"
    return shape["name"]


def test_the_operations_are_those_of_the_reference_and_ours(schema: dict[str, Any]) -> None:
    reference = {f"{o['method']} {o['path']}" for o in CONTRACT["operations"]}
    assert not reference & ADDED_OPERATIONS.keys()
    assert operations(schema).keys() == reference | ADDED_OPERATIONS.keys()


def test_each_operation_has_the_response_of_the_reference(schema: dict[str, Any]) -> None:
    expected = {f"{o['method']} {o['path']}": o["response"] for o in CONTRACT["operations"]}
    names = {name: response_name(schema, operation) for name, operation in operations(schema).items()}
    assert names == expected | ADDED_RESPONSES | ADDED_OPERATIONS


@pytest.mark.parametrize("operation", CONTRACT["operations"], ids=lambda o: f"{o['method']} {o['path']}")
def test_each_operation_has_the_parameters_and_the_body_of_the_reference(
    schema: dict[str, Any], operation: dict[str, Any]
) -> None:
    ours = schema["paths"][operation["path"]][operation["method"].lower()]
    parameters = {(p["name"], p["in"]): p for p in ours.get("parameters", [])}
    for expected in operation["params"]:
        parameter = parameters[expected["name"], expected["in"]]
        assert parameter["schema"]["type"] == expected["type"], expected["name"]
        if "format" in expected:
            assert parameter["schema"]["format"] == expected["format"], expected["name"]
        if "items" in expected:
            assert parameter["schema"]["items"]["type"] == expected["items"]
    if operation["body"]:
        body = resolved(schema, ours["requestBody"]["content"]["application/json"]["schema"])
        assert body["name"] == operation["body"]


# The fields of ours that the reference does not have.
ADDED_FIELDS = {
    "SigningProcess": {"attributes", "seal", "isSealRequired", "warnings"},
    "SigningProcessStep": {"warnings"},
    "ProcessStepSigner": set(),
    "SigningProcessFind": set(),
    "Contact": {"warnings"},
    "Template": {"warnings"},
    "DocumentAttribute": {"warnings"},
    "DocumentProfile": {"id", "continueOnDecline", "reviewRequired", "retentionDays", "warnings"},
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


@pytest.mark.parametrize("name", ADDED_FIELDS)
def test_each_field_has_the_name_type_and_values_of_the_reference(schema: dict[str, Any], name: str) -> None:
    ours = schema["components"]["schemas"][name]["properties"]
    assert ours.keys() == CONTRACT["schemas"][name].keys() | ADDED_FIELDS[name]
    for field, expected in CONTRACT["schemas"][name].items():
        actual = resolved(schema, ours[field])
        assert actual["type"] == expected["type"], field
        if "format" in expected:
            assert actual["format"] == expected["format"], field
        if "enum" in expected:
            assert set(actual["enum"]) - {None} == set(expected["enum"]), field
        if "items" in expected:
            assert resolved(schema, actual["items"])["name"] == expected["items"], field
        if "ref" in expected:
            assert actual["name"] == expected["ref"], field


def test_each_operation_is_described_with_its_problems(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema).items():
        assert operation["summary"], name
        assert {"token": []} in operation["security"], name
        assert {} not in operation["security"], name
        refusals = [status for status in operation["responses"] if status[0] in "45"]
        (success,) = (response for status, response in operation["responses"].items() if status[0] == "2")
        if success.get("content", {}).keys() - {"application/zip"}:
            assert success["content"]["application/json"]["examples"], name
        assert "401" in refusals
        for status in refusals:
            content = operation["responses"][status]["content"]
            assert list(content) == ["application/problem+json"]
            (example,) = content["application/problem+json"]["examples"].values()
            assert example["value"]["status"] == int(status)
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["examples"], name


def headers_of(operation: dict[str, Any]) -> set[str]:
    return {parameter["name"] for parameter in operation.get("parameters", []) if parameter["in"] == "header"}


def test_every_post_except_the_search_takes_an_idempotency_key(schema: dict[str, Any]) -> None:
    names = {name for name, operation in operations(schema).items() if "Idempotency-Key" in headers_of(operation)}
    posts = {name for name in operations(schema) if name.startswith("POST ")}
    assert names == posts - {"POST /api/processes/search"}


def test_conditional_headers_belong_to_operations_on_one_resource(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema).items():
        of_one = "{" in name or name == "PUT /api/contacts"  # names the contact in its body
        is_read = name.startswith("GET ")
        assert ("If-None-Match" in headers_of(operation)) == (of_one and is_read), name
        assert ("If-Match" in headers_of(operation)) == (of_one and not is_read), name


def test_yaml_and_docs_are_open_unless_a_setting_closes_them() -> None:
    client = Client()
    assert client.get("/api/schema")["Content-Type"].startswith("application/vnd.oai.openapi")
    assert b"swagger" in client.get("/api/docs/").content.lower()
