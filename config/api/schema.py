"""What is common to all operations in the generated schema: problems, headers, and builders for their texts."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers
from rest_framework.fields import empty

from config.api.idempotency import is_idempotent
from config.api.lists.pages import PageRequest
from config.api.problems import CONTENT_TYPE
from config.api_values import JsonObject

# For each status, the code of the example and the description.
REFUSALS = {
    400: ("invalid", "The request is not valid; `errors` lists what is wrong."),
    401: ("not_authenticated", "Credentials are missing or invalid."),
    403: ("forbidden", "The caller does not have permission for this operation."),
    404: ("not_found", "It does not exist, or the caller may not see it."),
    409: ("impossible_transition", "The current state does not allow the operation; `detail` names that state."),
    411: ("length_required", "The request has a body, but no `Content-Length`."),
    412: ("stale", "`If-Match` does not include the current version."),
    413: ("too_large", "The body is larger than 8 MB."),
    415: ("unsupported_media_type", "The body is not `application/json`."),
    422: ("idempotency_key_reused", "The `Idempotency-Key` was used for another request."),
    429: ("too_many_requests", "The client or IP address has reached its limit; see `Retry-After`."),
    503: ("busy", "The database or the identity provider is unavailable; nothing was changed. See `Retry-After`."),
}
WARNINGS = "What to check, and where. Only in responses with a single resource."


def _header(name: str, description: str) -> OpenApiParameter:
    return OpenApiParameter(name, OpenApiTypes.STR, OpenApiParameter.HEADER, description=description)


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key", "A repeated request with the same key and body gets the first response, for 24 hours."
)
IF_MATCH = _header("If-Match", "The `ETag` of the version you read; 412 if it is no longer current.")
IF_NONE_MATCH = _header("If-None-Match", "The `ETag` of the version you have; 304 if it is still current.")


class FaultSerializer(serializers.Serializer):
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, as a URI fragment.")
    parameter = serializers.CharField(required=False, help_text="Name of a query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


class ProblemSerializer(serializers.Serializer):
    """RFC 9457, with a stable `code` and an error for each invalid field."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    instance = serializers.CharField()
    code = serializers.CharField(help_text="Stable and machine-readable.")
    errors = FaultSerializer(many=True, required=False)  # type: ignore[assignment]  # the name in the API


def operation(
    operation_id: str,
    summary: str,
    description: str,
    response: OpenApiResponse,
    *,
    tag: str,
    refusals: Sequence[int],
    success: Any = 200,
    also: dict[int, OpenApiResponse] | None = None,
    versioned: bool = False,
    request: object = empty,
    parameters: Sequence[OpenApiParameter] = (),
    examples: Sequence[OpenApiExample] = (),
) -> JsonObject:
    """The arguments of `extend_schema` for one operation.

    `response` is the response with the status `success` (or status and media type), and `also` are
    other responses that are not errors. `versioned`: the response has an `ETag`.
    """
    etag = OpenApiParameter(
        "ETag",
        OpenApiTypes.STR,
        OpenApiParameter.HEADER,
        description="The version, for `If-Match` and `If-None-Match`.",
        response=[success],
    )
    errors = {(status, CONTENT_TYPE): _problem(status) for status in REFUSALS if status in refusals}
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "responses": {success: response, **(also or {}), **errors},
        "request": request,
        "parameters": [*parameters, etag] if versioned else [*parameters],
        "examples": [*examples],
    }


def request_example(name: str, body: object) -> OpenApiExample:
    return OpenApiExample(name, body, request_only=True)


def answer(shape: object, description: str, example: object) -> OpenApiResponse:
    return OpenApiResponse(shape, description, examples=[OpenApiExample("Response", example, response_only=True)])


NOT_MODIFIED = {304: OpenApiResponse(description="The version in `If-None-Match` is still current.")}
DELETED = OpenApiResponse(description="Deleted.")


def location(resource: str) -> OpenApiParameter:
    text = f"The URL of the new {resource}."
    return OpenApiParameter("Location", str, OpenApiParameter.HEADER, description=text, response=[201])


class ApiSchema(AutoSchema):
    """Adds the pages of lists, and the request headers that all endpoints support."""

    def _get_paginator(self) -> PageRequest | None:
        return PageRequest() if self.method == "GET" else None

    def get_override_parameters(self) -> list[Any]:
        return [*super().get_override_parameters(), *self._request_headers()]

    def _request_headers(self) -> list[OpenApiParameter]:
        view: Any = self.view
        has_id = "{" in self.path
        if self.method == "GET":
            return [IF_NONE_MATCH] if has_id else []
        headers = []
        if self.method == "POST":
            # A POST that is not idempotent only reads, so it has no version to match either.
            if not is_idempotent(getattr(view, view.action)):
                return []
            headers.append(IDEMPOTENCY_KEY)
        if has_id:
            headers.append(IF_MATCH)
        return headers


def add_common_refusals(result: JsonObject, generator: object, request: object, public: bool) -> JsonObject:
    """Post-processing hook: adds the errors that any operation, or any operation with a body, can return."""
    schema = {"$ref": "#/components/schemas/Problem"}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status in _common_refusals(method, operation):
                code, description = REFUSALS[status]
                content = {"schema": schema, "examples": {code: {"value": _problem_example(status)}}}
                response = {"description": description, "content": {CONTENT_TYPE: content}}
                operation["responses"].setdefault(str(status), response)
    return result


def let_warnings_be_absent(result: JsonObject, generator: object, request: object, public: bool) -> JsonObject:
    """Post-processing hook: `warnings` are not required, because lists and nested resources do not have them."""
    for schema in result["components"]["schemas"].values():
        required = schema.get("required", [])
        if "warnings" in required:
            required.remove("warnings")
            if not required:
                del schema["required"]
    return result


def _common_refusals(method: str, operation: JsonObject) -> list[int]:
    statuses = [429, 503]
    if "requestBody" in operation:
        statuses += [411, 413, 415]
    if method == "post":
        statuses.append(422)
    return sorted(statuses)


def _problem(status: int) -> OpenApiResponse:
    code, description = REFUSALS[status]
    example = OpenApiExample(code, _problem_example(status), response_only=True, status_codes=[str(status)])
    return OpenApiResponse(ProblemSerializer, description, examples=[example])


def _problem_example(status: int) -> JsonObject:
    code, description = REFUSALS[status]
    body: JsonObject = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": description.replace("`", ""),
        "instance": "/api/processes",
        "code": code,
    }
    if status == 400:
        pointer = "#/signingProcessSteps/0/dueDate"
        detail = "Not a valid date and time; use RFC 3339, for example 2026-02-17T11:00:00Z."
        body["errors"] = [{"pointer": pointer, "code": "invalid", "detail": detail}]
    return body
