"""Every refusal as a problem body (RFC 9457, `application/problem+json`)."""

import logging
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from config import api_values
from config.errors import DomainError, Fault, NotFound

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    detail = "The body is larger than this service takes (8 MB)."


class Busy(DomainError):
    """The database could not be reached or is locked; nothing was changed."""

    code = "busy"
    status = 503
    detail = "The service cannot reach its database right now; nothing was changed. Please try again."


def problem(error: DomainError, instance: str) -> dict[str, Any]:
    """The problem body: type, title, status, detail, instance (a path), code, and errors if there are any."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(error.status).phrase,
        "status": error.status,
        "detail": error.detail,
        "instance": instance,
        "code": error.code,
    }
    if error.faults:
        body["errors"] = api_values.faults(error.faults)
    return body


def handle(exc: Exception, context: dict[str, Any]) -> Response | None:
    """DRF's exception handler; what is no refusal (a defect) goes on to Django's 500."""
    error = _as_domain_error(exc)
    if error is None:
        return None
    headers = {
        name: value
        for name, attribute in (("WWW-Authenticate", "auth_header"), ("Retry-After", "wait"))
        if (value := getattr(exc, attribute, None))
    }
    if error.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers["Retry-After"] = "5"
    path = context["request"].path
    response = Response(problem(error, path), status=error.status, content_type=CONTENT_TYPE)
    for name, value in headers.items():
        response.headers[name] = str(value)
    return response


def faults_of(detail: Any, pointer: str = "#") -> Iterator[Fault]:
    """The leaves of a serializer's errors, each with a JSON pointer to its field."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            inner = pointer if key == "non_field_errors" else f"{pointer}/{_escaped(str(key))}"
            yield from faults_of(value, inner)
    elif isinstance(detail, list):
        for index, value in enumerate(detail):
            plain = isinstance(value, exceptions.ErrorDetail)
            yield from faults_of(value, pointer if plain else f"{pointer}/{index}")
    else:
        yield Fault(str(detail), code=getattr(detail, "code", "invalid"), pointer=pointer)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _json(NotFound(f"There is nothing at {request.path}; /api/docs/ shows what there is."), request)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return _json(_as_domain_error(exception) or DomainError(), request)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        error = DomainError("Something went wrong on our side; it has been logged.")
        error.status, error.code = 500, "internal_error"
        return _json(error, request)
    return defaults.server_error(request)


def _json(error: DomainError, request: HttpRequest) -> HttpResponse:
    return JsonResponse(problem(error, request.path), status=error.status, content_type=CONTENT_TYPE)


def _as_domain_error(exc: Exception) -> DomainError | None:
    if isinstance(exc, DomainError):
        return exc
    if isinstance(exc, Http404):
        return NotFound()
    if isinstance(exc, RequestDataTooBig):
        return TooLarge()
    if isinstance(exc, SuspiciousOperation):
        return DomainError("The request cannot be read: too many parameters, or a host that is not served here.")
    if isinstance(exc, OperationalError):
        logger.error("database unavailable", exc_info=exc)
        return Busy()
    if isinstance(exc, exceptions.ValidationError):
        error = DomainError("The request is not valid; see errors.", faults=tuple(faults_of(exc.detail)))
        error.code = "invalid"
        return error
    if isinstance(exc, exceptions.APIException):
        error = DomainError(
            "The body is JSON: send Content-Type: application/json." if _not_json(exc) else str(exc.detail)
        )
        error.status, error.code = exc.status_code, str(exc.get_codes())
        return error
    return None


def _not_json(exc: Exception) -> bool:
    return isinstance(exc, exceptions.UnsupportedMediaType)


def _escaped(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
