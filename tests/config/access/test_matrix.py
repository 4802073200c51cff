"""The status of every operation of the schema for every kind of caller: one table.

The tests fail if the table lacks an operation or a caller.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from drf_spectacular.generators import SchemaGenerator

from audit.models import AuditEvent
from config.access.actor import Actor
from contacts.models import Contact
from signing.models import Process
from templates_app.models import DocumentAttribute, DocumentProfile, Template
from tests.builders import attribute_of, client_user, contact_of, process_of, profile_of, row_of, template_of
from tests.conftest import Api
from tests.people import ANA, BEN, CODES, DAN, ILZE, body

CALLERS: dict[str, dict[str, Any] | None] = {
    "nobody": None,
    "client": {},
    "owner": {"name": ILZE},
    "group member": {"groups": ["legal"]},
    "signer": {"code": CODES[ANA]},
    "waiting signer": {"code": CODES[BEN]},
    "stranger": {"groups": ["sales"]},
    "portal": {"rights": ["on_behalf"]},
    "auditor": {"rights": ["audit_read", "audit_write", "manage_profiles"]},
    "administrator": {"rights": ["administer"]},
}
MANAGERS = ("owner", "group member", "portal", "administrator")


def row(nobody: int = 401, *, managers: int, signer: int, others: int) -> dict[str, int]:
    """A row of the table: one status for the managers of a process, one for its signer, one for other callers."""
    rest = dict.fromkeys(CALLERS, others)
    return rest | dict.fromkeys(MANAGERS, managers) | {"signer": signer, "nobody": nobody}


def authenticated(status: int, *, managing: int | None = None) -> dict[str, int]:
    """One status for every authenticated caller, or another for those who manage profiles and the audit trail."""
    statuses = dict.fromkeys(CALLERS, status) | {"nobody": 401}
    return statuses | dict.fromkeys(("auditor", "administrator"), status if managing is None else managing)


def personal(status: int) -> dict[str, int]:
    """PERSONAL rows: for the owner and administrators only; a portal sees them when it names the owner."""
    return authenticated(404) | {"owner": status, "administrator": status}


OF_A_PROCESS = {"managers": 200, "others": 404}
TABLE: dict[str, dict[str, int]] = {
    "GET /api/processes": row(managers=200, signer=200, others=200),
    "POST /api/processes": row(managers=201, signer=201, others=201),
    "POST /api/processes/search": row(managers=200, signer=200, others=200),
    "GET /api/processes/{processId}": row(**OF_A_PROCESS, signer=200),
    "PUT /api/processes/{processId}": row(**OF_A_PROCESS, signer=403),
    "DELETE /api/processes/{processId}": row(managers=409, signer=403, others=404),  # it has started
    "POST /api/processes/{processId}/start": row(managers=409, signer=403, others=404),
    "POST /api/processes/{processId}/cancel": row(**OF_A_PROCESS, signer=403),
    "POST /api/processes/{processId}/remind": row(**OF_A_PROCESS, signer=403),
    "GET /api/processes/{processId}/audit": row(**OF_A_PROCESS, signer=403) | {"auditor": 200},
    "GET /api/processes/{processId}/evidence": row(**OF_A_PROCESS, signer=403),
    "GET /api/steps/{processStepId}": row(**OF_A_PROCESS, signer=200),
    "PUT /api/steps/{processStepId}": row(**OF_A_PROCESS, signer=403),
    "POST /api/signers/{signerId}/act": row(**OF_A_PROCESS, signer=200),
    "GET /api/signer-tasks": row(managers=403, signer=200, others=403) | {"portal": 200, "administrator": 200},
    "GET /api/contacts": authenticated(200),
    "POST /api/contacts": authenticated(201),
    "PUT /api/contacts": personal(200),
    "GET /api/contacts/{id}": personal(200),
    "PUT /api/contacts/{id}": personal(200),
    "DELETE /api/contacts/{id}": personal(204),
    "GET /api/templates": authenticated(200),
    "POST /api/templates": authenticated(201),
    "GET /api/templates/{id}": personal(200),
    "PUT /api/templates/{id}": personal(200),
    "DELETE /api/templates/{id}": personal(204),
    "POST /api/templates/{id}/process": personal(201),
    "POST /api/notifications/test-email": authenticated(400) | {"portal": 200, "administrator": 200},
    "GET /api/audit-events": authenticated(403, managing=200),
    "POST /api/audit-events": authenticated(403, managing=201),
    "GET /api/audit-events/{id}": authenticated(403, managing=200),
    "GET /api/document-attributes": authenticated(200),
    "POST /api/document-attributes": authenticated(403, managing=201),
    "GET /api/document-attributes/{id}": authenticated(200),
    "PUT /api/document-attributes/{id}": authenticated(403, managing=200),
    "DELETE /api/document-attributes/{id}": authenticated(403, managing=204),
    "GET /api/document-profiles": authenticated(200),
    "POST /api/document-profiles": authenticated(403, managing=201),
    "GET /api/document-profiles/{id}": authenticated(200),
    "PUT /api/document-profiles/{id}": authenticated(403, managing=200),
    "DELETE /api/document-profiles/{id}": authenticated(403, managing=204),
}
BODIES: dict[str, Any] = {
    "POST /api/processes": body([[ANA]]),
    "POST /api/processes/search": {"documentId": "DOC-1"},
    "PUT /api/processes/{processId}": {"comment": "changed"},
    "PUT /api/steps/{processStepId}": {"dueDate": "2030-01-01T00:00:00Z"},
    "POST /api/signers/{signerId}/act": {"signingStatus": "SIGNED"},
    "POST /api/notifications/test-email": body([[ANA]]),
    "POST /api/contacts": {"name": DAN},
    "PUT /api/contacts/{id}": {"name": DAN},
    "POST /api/templates": {"name": "Lease"},
    "PUT /api/templates/{id}": {"name": "Lease"},
    "POST /api/templates/{id}/process": {"documentId": "DOC-2"},
    "POST /api/audit-events": {"eventType": "SIGNATURE"},
    "POST /api/document-attributes": {"name": "Amount", "type": "NUMBER"},
    "PUT /api/document-attributes/{id}": {"required": True},
    "POST /api/document-profiles": {"documentType": "OFFER"},
    "PUT /api/document-profiles/{id}": {"seal": "company"},
}
MODELS: dict[str, Any] = {
    "/api/audit-events": AuditEvent,
    "/api/contacts": Contact,
    "/api/templates": Template,
    "/api/document-attributes": DocumentAttribute,
    "/api/document-profiles": DocumentProfile,
}
OPERATIONS = {
    f"{method.upper()} {path}"
    for path, item in SchemaGenerator().get_schema(request=None, public=True)["paths"].items()
    for method in item
}


@pytest.fixture
def rows(db: None) -> dict[str, Any]:
    """One row of each kind, by path. The PERSONAL ones are Ilze's."""
    return {
        "/api/contacts": contact_of(),
        "/api/templates": template_of(data=json.dumps(body([[ANA]]))),
        "/api/document-attributes": attribute_of("Note"),
        "/api/document-profiles": profile_of("LEASE"),
    }


@pytest.fixture
def process(rows: dict[str, Any]) -> Process:
    owner = Actor(client=ILZE, subject=ILZE, groups=frozenset({"legal"}))
    return process_of(body([[ANA], [BEN]], ownerGroup="legal"), actor=owner)


def test_the_table_has_every_operation_and_every_caller() -> None:
    assert TABLE.keys() == OPERATIONS
    assert all(statuses.keys() == CALLERS.keys() for statuses in TABLE.values())


def nested_sentinels(operation: str, process: Process) -> dict[str, Any]:
    """The rows of a step or process, each with a sentinel in the fields that only the server writes."""
    step = process.steps.get(process_order=1)
    row = {
        "id": str(row_of(process, ANA).pk),
        "calledAt": "1999-09-09T09:09:09Z",
        "actedAt": SENTINEL,
        "step": SENTINEL,
    }
    if operation.startswith("PUT /api/steps"):
        return {"processStepSigners": [row]}
    if operation.startswith("PUT /api/processes"):
        one = {"id": str(step.pk), "stepStatus": "CANCELED", "process": SENTINEL, "processStepSigners": [row]}
        return {"signingProcessSteps": [one, {"id": str(process.steps.get(process_order=2).pk)}]}
    return {}


def call(api: Api, operation: str, process: Process, *, extra: dict[str, Any] | None = None) -> Any:
    method, path = operation.split()
    request_body = BODIES.get(operation, {} if method == "POST" else None)
    for prefix, model in MODELS.items():
        if path.startswith(prefix):
            path = path.replace("{id}", str(model.objects.latest("pk").id))
            if operation == "PUT /api/contacts":
                request_body = {"id": str(model.objects.get().pk), "name": DAN}
    path = path.replace("{processId}", str(process.pk)).replace("{signerId}", str(row_of(process, ANA).pk))
    path = path.replace("{processStepId}", str(process.steps.get(process_order=1).pk))
    if path == "/api/notifications/test-email":
        path += "?eventType=TASK_STARTED&role=SIGNER"
    if path == "/api/signer-tasks":
        path += f"?country=LV&personalCode={CODES[ANA]}"
    if extra:
        request_body = {**extra, **(request_body or {})}
    return api.call(method, path, request_body)


@pytest.mark.parametrize("caller", CALLERS)
@pytest.mark.parametrize("operation", sorted(TABLE))
def test_each_status(process: Process, operation: str, caller: str) -> None:
    granted = CALLERS[caller]
    api = Api(None if granted is None else client_user(**{"name": caller, **granted}))

    response = call(api, operation, process)

    assert response.status_code == TABLE[operation][caller], response.content
    if response.status_code == 401:
        assert response["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize(
    "operation", sorted(name for name, statuses in TABLE.items() if "{" in name and statuses["stranger"] == 404)
)
def test_hidden_rows_look_like_missing_rows(process: Process, operation: str, api_of: Callable[..., Api]) -> None:
    stranger = api_of("stranger")
    hidden = call(stranger, operation, process)
    method, path = operation.split()
    for name in ("processId", "processStepId", "signerId", "id"):
        path = path.replace(f"{{{name}}}", "9dce9e72-6bf9-4874-8dd1-44342027dd4f")
    missing = stranger.call(method, path, BODIES.get(operation))

    def without_path(response: Any) -> dict[str, Any]:
        return {name: value for name, value in response.json().items() if name != "instance"}

    assert (hidden.status_code, without_path(hidden)) == (missing.status_code, without_path(missing))
    assert hidden.headers.keys() == missing.headers.keys()


SENTINEL = "5e47134e-1111-4222-8333-444455556666"
READ_ONLY = {
    "id": SENTINEL,
    "createdAt": "1999-09-09T09:09:09Z",
    "completedAt": "1999-09-09T09:09:09Z",
    "totalSigners": 424242,
    "totalSigned": 424242,
    "signers": [{"signerName": SENTINEL}],
    "currentInProgressStep": {"id": SENTINEL},
}


@pytest.mark.parametrize("operation", sorted(name for name in TABLE if name.split()[0] in ("POST", "PUT")))
def test_a_sentinel_in_every_read_only_field_is_not_stored(
    process: Process, operation: str, api: Api, api_of: Callable[..., Api]
) -> None:
    if operation.startswith("PUT /api/steps"):
        extra: dict[str, Any] = {"id": SENTINEL, "stepStatus": "CANCELED", "version": 424242, "process": SENTINEL}
    else:
        extra = {**READ_ONLY, "version": 424242, "continueOnDecline": True, "cancelReason": SENTINEL}
    if operation.endswith("/remind"):
        del extra["signers"]  # in this body, `signers` lists the signers to remind
    if operation.startswith("PUT") and "{id}" in operation:
        del extra["id"]  # an id that differs from the path's is refused
    if "test-email" in operation:
        api = api_of("portal", rights=["on_behalf"])
    if "audit-events" in operation:
        api = api_of("monitor", rights=["audit_write"])
        del extra["id"], extra["createdAt"]  # stored next to the service's own values, as reported by the client
    if "document-" in operation:
        api = api_of("clerk", rights=["manage_profiles"])
    response = call(api, operation, process, extra=extra | nested_sentinels(operation, process))

    assert response.status_code in (200, 201, 409), response.content
    if operation.startswith("PUT"):
        assert process.steps.get(process_order=1).status == "STARTED"
    stored = [
        str(values)
        for model in (Process, process.steps.model, process.signers.model, *MODELS.values())
        for values in model.objects.values()
    ]
    assert not [row for row in stored if SENTINEL in row or "datetime(1999" in row or "424242" in row]
