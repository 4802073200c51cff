"""Exceptions as problem bodies. Responses of whole endpoints are in test_responses."""

import json

import pytest
from django.core.exceptions import RequestDataTooBig, TooManyFieldsSent
from django.db import OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions

from config.api import problems
from config.api.limits import TooManyRequests
from config.errors import DomainError, Fault, Invalid

REQUEST = RequestFactory().get("/api/processes")


@pytest.mark.parametrize(
    ("exception", "status", "code"),
    [
        (DomainError("No."), 400, "refused"),
        (DomainError("No.", code="not_now", status=409), 409, "not_now"),
        (Invalid(faults=[Fault("No.")]), 400, "invalid"),
        (Http404(), 404, "not_found"),
        (RequestDataTooBig(), 413, "too_large"),
        (TooManyFieldsSent(), 400, "refused"),
        (OperationalError("connection refused"), 503, "busy"),
        (exceptions.ValidationError({"name": ["No."]}), 400, "invalid"),
        (exceptions.UnsupportedMediaType("text/plain"), 415, "unsupported_media_type"),
        (exceptions.MethodNotAllowed("PATCH"), 405, "method_not_allowed"),
        (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    ],
)
def test_each_exception_becomes_a_problem(exception: Exception, status: int, code: str) -> None:
    response = problems.handle(exception, {"request": REQUEST})
    assert response is not None
    assert (response.status_code, response.data["status"], response.data["code"]) == (status, status, code)
    assert response.data["detail"]


def test_a_defect_is_not_a_problem() -> None:
    assert problems.handle(RuntimeError(), {"request": REQUEST}) is None
    response = problems.server_error(REQUEST)
    body = json.loads(response.content)
    assert (response.status_code, body["status"], body["code"]) == (500, 500, "internal_error")


def test_arguments_of_one_error_do_not_change_its_class() -> None:
    DomainError("No.", code="not_now", status=409)
    assert (DomainError.code, DomainError.status, DomainError().code) == ("refused", 400, "refused")


@pytest.mark.parametrize(
    ("exception", "headers"),
    [
        (TooManyRequests("3 requests per minute", 17), {"Retry-After": "17"}),
        (OperationalError(), {"Retry-After": "5"}),
        (Http404(), {}),
    ],
)
def test_limits_and_outages_say_when_to_retry(exception: Exception, headers: dict[str, str]) -> None:
    response = problems.handle(exception, {"request": REQUEST})
    assert response is not None
    assert {name: value for name, value in response.items() if name == "Retry-After"} == headers


def test_nested_errors_have_pointers_to_their_fields() -> None:
    detail = exceptions.ValidationError(
        {"steps": [{}, {"signers": [{"a/b~c": ["One.", "Two."]}]}], "non_field_errors": ["Three."]}
    ).detail
    assert [(fault.pointer, fault.detail) for fault in problems.flatten_errors(detail)] == [
        ("#/steps/1/signers/0/a~1b~0c", "One."),
        ("#/steps/1/signers/0/a~1b~0c", "Two."),
        ("#", "Three."),
    ]
