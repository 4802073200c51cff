"""What is common to all operations in the generated schema: problems, headers, and builders for their texts."""

from collections.abc import Callable, Sequence
from inspect import getdoc
from typing import Any, TypeVar

from django.http import HttpResponse
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers

from config.api.idempotency import is_idempotent
from config.api.lists.pages import PageRequest
from config.api.problems import CONTENT_TYPE, problem_body
from config.api_values import JsonObject
from config.errors import DomainError, Fault

_Method = TypeVar("_Method", bound=Callable[..., HttpResponse])

# For each status, the code of the example and the description.
REFUSALS = {
    400: ("invalid", "The request is invalid; `errors` lists what is wrong."),
    401: ("not_authenticated", "Credentials are missing or invalid."),
    403: ("forbidden", "The caller does not have permission for this operation."),
    404: ("not_found", "The resource does not exist, or the caller may not see it."),
    409: ("impossible_transition", "The current state does not allow the operation; `detail` names that state."),
    412: ("stale", "`If-Match` does not include the current version."),
    413: ("too_large", "The body is larger than 8 MB."),
    415: ("unsupported_media_type", "The body is not `application/json`."),
    422: ("idempotency_key_reused", "The `Idempotency-Key` was used for another request."),
    429: ("too_many_requests", "The client or IP address has reached its limit; see `Retry-After`."),
    503: ("busy", "The database or the identity provider is unavailable; nothing was changed. See `Retry-After`."),
}
WARNINGS = "What to check, and where. Only in responses with a single resource."


def _header(name: str, description: str, *, response: object = None) -> OpenApiParameter:
    """A request header, or a header of the response with this status."""
    statuses = [response] if response else False
    return OpenApiParameter(name, str, OpenApiParameter.HEADER, description=description, response=statuses)  # type: ignore[arg-type]  # or a list


IDEMPOTENCY_KEY = _header(
    "Idempotency-Key", "For 24 hours, a repeated request with the same key gets the response to the first one."
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
    success: int | tuple[int, str] = 200,
    also: dict[int, OpenApiResponse] | None = None,
    versioned: bool = False,
    parameters: Sequence[OpenApiParameter] = (),
    **more: object,
) -> JsonObject:
    """The arguments of `extend_schema` for one operation; `more` is passed on.

    `response` is the response with the status `success` (or status and media type), and `also` are
    other responses that are not errors. `versioned`: the response has an `ETag`.
    """
    # Headers of the response are parameters in drf-spectacular.
    headers = []
    if versioned:
        headers.append(_header("ETag", "The version, for `If-Match` and `If-None-Match`.", response=success))
    errors = {(status, CONTENT_TYPE): _problem(status) for status in REFUSALS if status in refusals}
    return {
        "operation_id": operation_id,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "responses": {success: response, **(also or {}), **errors},
        "parameters": [*parameters, *headers],
        **more,
    }


def documented(operation_id: str, response: OpenApiResponse, **texts: Any) -> Callable[[_Method], _Method]:
    """Describe a view method in the schema; `texts` are arguments of `operation`.

    The docstring of the method is the summary and, after an empty line, the description.
    """

    def describe(method: _Method) -> _Method:
        summary, _, description = getdoc(method).partition("\n\n")  # type: ignore[union-attr]  # never None
        text = " ".join(description.split())
        return extend_schema(**operation(operation_id, summary.rstrip("."), text, response, **texts))(method)

    return describe


def request_example(name: str, body: object) -> OpenApiExample:
    return OpenApiExample(name, body, request_only=True)


def answer(shape: object, description: str, example: object) -> OpenApiResponse:
    return OpenApiResponse(shape, description, examples=[OpenApiExample("Response", example, response_only=True)])


NOT_MODIFIED = {304: OpenApiResponse(description="The version in `If-None-Match` is still current.")}
DELETED = OpenApiResponse(description="Deleted.")


def location(resource: str) -> OpenApiParameter:
    return _header("Location", f"The URL of the new {resource}.", response=201)


class ApiSchema(AutoSchema):
    """Adds the pages of lists, and the request headers and errors that all endpoints have."""

    def _get_paginator(self) -> PageRequest | None:
        return PageRequest() if self.method == "GET" else None

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        is_write = self.method != "GET"
        if self.method == "POST":
            # A POST that is not idempotent only reads.
            is_write = is_idempotent(getattr(self.view, self.view.action))  # type: ignore[attr-defined]  # set by DRF
            if is_write:
                parameters.append(IDEMPOTENCY_KEY)
        if "{" in self.path and self.method == "GET":
            parameters.append(IF_NONE_MATCH)
        if "{" in self.path and is_write:
            parameters.append(IF_MATCH)
        return parameters

    def get_operation(self, *args: Any) -> JsonObject | None:
        result = super().get_operation(*args)
        if result is None:
            return None
        # Every operation refuses parameters that are given twice, and URLs that are not text.
        statuses = [400, 429, 503]
        if "requestBody" in result:
            statuses += [413, 415]
        if self.method == "POST":
            statuses.append(422)
        for status in map(str, sorted(statuses)):
            response = self._get_response_for_code(_problem(int(status)), status, [CONTENT_TYPE])
            result["responses"].setdefault(status, response)
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


def _problem(status: int) -> OpenApiResponse:
    """The response with this error, and an example."""
    code, description = REFUSALS[status]
    faults = []
    if status == 400:
        detail = "Must be a date and time (RFC 3339), for example 2026-02-17T11:00:00Z."
        faults.append(Fault(detail, pointer="#/signingProcessSteps/0/dueDate"))
    error = DomainError(description.replace("`", ""), faults, code=code, status=status)
    body = problem_body(error, "/api/processes")
    example = OpenApiExample(code, body, response_only=True, status_codes=[str(status)])
    return OpenApiResponse(ProblemSerializer, description, examples=[example])
