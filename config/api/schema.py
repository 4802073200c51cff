"""What the generated schema says for every operation: problem answers, conditional and idempotency headers."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from config.api.pages import SpringPagination

MEDIA_TYPE = "application/problem+json"

REFUSALS = {
    400: ("invalid", "The request is not valid; `errors` say what and where."),
    401: ("not_authenticated", "No credentials, or none that are known and valid."),
    403: ("forbidden", "The caller may know of it, but not do this."),
    404: ("not_found", "There is no such thing, or the caller may not see it."),
    409: ("impossible_transition", "The present state does not allow it; the detail names that state."),
    412: ("stale", "`If-Match` names another version than the present one."),
    413: ("too_large", "The body is larger than 8 MB."),
    411: ("length_required", "A body without `Content-Length`."),
    422: ("idempotency_key_reused", "The `Idempotency-Key` was used for another request."),
    429: ("too_many_requests", "More requests than a client or an address may make; `Retry-After` says when."),
}


class FaultSerializer(serializers.Serializer):
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, as a URI fragment.")
    parameter = serializers.CharField(required=False, help_text="Name of a query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """RFC 9457 with a stable `code`, and `errors` that name each field."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField(help_text="Stable, for machines.")
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]  # the wire's name


def problems(*statuses: int) -> dict[tuple[int, str], OpenApiResponse]:
    """The refusals an operation may answer with, each with an example."""
    return {
        (status, MEDIA_TYPE): OpenApiResponse(ProblemSerializer, description, examples=[_example(status, code)])
        for status, (code, description) in REFUSALS.items()
        if status in statuses
    }


class ApiSchema(AutoSchema):
    """Adds the headers that `config.api` answers to on every endpoint."""

    def _get_paginator(self) -> SpringPagination | None:
        return SpringPagination() if self.method == "GET" else None

    def get_override_parameters(self) -> list[Any]:
        headers = []
        if self.method == "POST":
            headers.append(
                _header("Idempotency-Key", "The same key and body again replay the first answer, for 24 hours.")
            )
        if self.method in ("PUT", "DELETE"):
            headers.append(_header("If-Match", "The `ETag` that was read; 412 if it is no longer the present one."))
        if self.method == "GET" and "{" in self.path:
            headers.append(_header("If-None-Match", "The `ETag` that was read; 304 if it is still the present one."))
        return [*super().get_override_parameters(), *headers]


def add_common_refusals(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Post-processing: everything may meet a limit, every POST a key that was used."""
    schema = {"$ref": "#/components/schemas/Problem"}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status in (422, 429) if method == "post" else (429,):
                code, description = REFUSALS[status]
                content = {"schema": schema, "examples": {code: {"value": _example(status, code).value}}}
                answer = {"description": description, "content": {MEDIA_TYPE: content}}
                operation["responses"].setdefault(str(status), answer)
    return result


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=description)


def _example(status: int, code: str) -> OpenApiExample:
    title = HTTPStatus(status).phrase
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": REFUSALS[status][1].replace("`", ""),
        "instance": "/api/processes",
        "code": code,
    }
    if status == 400:
        pointer = "#/signingProcessSteps/0/dueDate"
        detail = "This is no date and time; write it like 2026-02-17T11:00:00Z."
        body["errors"] = [{"pointer": pointer, "code": "invalid", "detail": detail}]
    return OpenApiExample(code, body, response_only=True, status_codes=[str(status)])
