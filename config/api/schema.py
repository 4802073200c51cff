"""What the generated schema says for every operation: problem answers, conditional and idempotency headers."""

from http import HTTPStatus
from typing import Any

from drf_spectacular.openapi import AutoSchema
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from config.api.idempotency import is_idempotent
from config.api.lists.pages import SpringPagination

MEDIA_TYPE = "application/problem+json"

REFUSALS = {
    400: ("invalid", "The request is not valid; `errors` say what and where."),
    401: ("not_authenticated", "No credentials, or none that are known and valid."),
    403: ("forbidden", "The caller may know of it, but not do this."),
    404: ("not_found", "There is no such thing, or the caller may not see it."),
    409: ("impossible_transition", "The present state does not allow it; the detail names that state."),
    411: ("length_required", "A body without `Content-Length`."),
    412: ("stale", "`If-Match` names another version than the present one."),
    413: ("too_large", "The body is larger than 8 MB."),
    415: ("unsupported_media_type", "A body that is not `application/json`."),
    422: ("idempotency_key_reused", "The `Idempotency-Key` was used for another request."),
    429: ("too_many_requests", "More requests than a client or an address may make; `Retry-After` says when."),
    503: ("busy", "The database, or the identity provider, cannot be reached; nothing was changed. `Retry-After`."),
}

HEADERS = {
    "Idempotency-Key": (("POST",), "The same key and body again replay the first answer, for 24 hours."),
    "If-Match": (("PUT", "DELETE", "POST"), "The `ETag` that was read; 412 if it is no longer the present one."),
    "If-None-Match": (("GET",), "The `ETag` that was read; 304 if it is still the present one."),
}


IF_MATCH = OpenApiParameter("If-Match", OpenApiTypes.STR, OpenApiParameter.HEADER, description=HEADERS["If-Match"][1])


class FaultSerializer(serializers.Serializer):
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, as a URI fragment.")
    parameter = serializers.CharField(required=False, help_text="Name of a query parameter.")
    code = serializers.CharField()
    detail = serializers.CharField()


WARNINGS = "In answers of one: what is to be checked, and where."


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


def operation(
    name: str, summary: str, description: str, answer: Any, *, tag: str, refusals: tuple[int, ...], **more: Any
) -> dict[str, Any]:
    """What `extend_schema` is told of an operation.

    `answer` is that of its success (200 unless `success` says otherwise); `also` are others that are no refusals;
    `versioned`: the answer has an `ETag`.
    """
    success = more.pop("success", 200)
    also = more.pop("also", {})
    if more.pop("versioned", False):
        more["parameters"] = [*more.get("parameters", []), *versioned(success)]
    return {
        "operation_id": name,
        "summary": summary,
        "description": description,
        "tags": [tag],
        "responses": {success: answer, **also, **problems(*refusals)},
        **more,
    }


def request_example(name: str, body: Any) -> OpenApiExample:
    return OpenApiExample(name, body, request_only=True)


def answer(shape: Any, description: str, example: Any) -> OpenApiResponse:
    return OpenApiResponse(shape, description, examples=[OpenApiExample("An answer", example, response_only=True)])


NOT_MODIFIED = {304: OpenApiResponse(description="The version of `If-None-Match` is still the present one.")}
DELETED = OpenApiResponse(description="Deleted.")


def location(of: str) -> OpenApiParameter:
    text = f"The address of the new {of}."
    return OpenApiParameter("Location", str, OpenApiParameter.HEADER, description=text, response=[201])


def versioned(*statuses: int) -> list[OpenApiParameter]:
    """The `ETag` of the answers with these statuses."""
    text = "The version, for `If-Match` and `If-None-Match`."
    return [
        OpenApiParameter("ETag", OpenApiTypes.STR, OpenApiParameter.HEADER, description=text, response=list(statuses))
    ]


class ApiSchema(AutoSchema):
    """Adds the headers that `config.api` answers to on every endpoint."""

    def _get_paginator(self) -> SpringPagination | None:
        return SpringPagination() if self.method == "GET" else None

    def get_override_parameters(self) -> list[Any]:
        headers = [
            _header(name, description)
            for name, (methods, description) in HEADERS.items()
            if self.method in methods and self._honours(name)
        ]
        return [*super().get_override_parameters(), *headers]

    def _honours(self, header: str) -> bool:
        view: Any = self.view
        if header == "Idempotency-Key":
            return is_idempotent(getattr(view, view.action))
        is_search = self.method == "POST" and not is_idempotent(getattr(view, view.action))
        return "{" in self.path and not is_search


def add_common_refusals(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Post-processing: everything may meet a limit, every POST a key that was used."""
    schema = {"$ref": "#/components/schemas/Problem"}
    for path in result["paths"].values():
        for method, operation in path.items():
            for status in _common(method, operation):
                code, description = REFUSALS[status]
                content = {"schema": schema, "examples": {code: {"value": _example(status, code).value}}}
                answer = {"description": description, "content": {MEDIA_TYPE: content}}
                operation["responses"].setdefault(str(status), answer)
    return result


def let_warnings_be_absent(result: dict[str, Any], generator: object, request: object, public: bool) -> dict[str, Any]:
    """Post-processing: `warnings` are in answers of one, not in lists and not in what is nested."""
    for shape in result["components"]["schemas"].values():
        if "warnings" in shape.get("required", ()):
            shape["required"].remove("warnings")
            if not shape["required"]:
                del shape["required"]
    return result


def _common(method: str, operation: dict[str, Any]) -> list[int]:
    with_body = [411, 413, 415] if "requestBody" in operation else []
    return [*with_body, *([422] if method == "post" else []), 429, 503]


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
