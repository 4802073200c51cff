"""Errors as problem bodies (RFC 9457, `application/problem+json`).

Owns the translation of `DomainError` and of Django's and REST framework's exceptions; any other
exception is a defect and becomes a 500.
"""

import logging
from collections.abc import Iterator
from http import HTTPStatus

import structlog
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

from config import api_values
from config.api_values import JsonObject
from config.errors import DomainError, Fault, Invalid, NotFound

CONTENT_TYPE = "application/problem+json"
logger = logging.getLogger(__name__)


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    detail = "The body must not be larger than 8 MB."


class Busy(DomainError):
    """The database is unavailable or locked; nothing was changed."""

    code = "busy"
    status = 503
    detail = "The database is unavailable; nothing was changed. Please try again."


def problem_body(error: DomainError, instance: str) -> JsonObject:
    """The problem body; `instance` is the path of the request."""
    body: JsonObject = {
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


def problem_response(error: DomainError, request: HttpRequest) -> HttpResponse:
    return JsonResponse(problem_body(error, request.path), status=error.status, content_type=CONTENT_TYPE)


def handle(exception: Exception, context: JsonObject) -> Response | None:
    """REST framework's exception handler. None for a defect, which Django then turns into a 500."""
    error = _as_domain_error(exception)
    if error is None:
        return None
    structlog.contextvars.bind_contextvars(problem=error.code)
    body = problem_body(error, context["request"].path)
    return Response(body, status=error.status, headers=_headers(exception, error), content_type=CONTENT_TYPE)


def flatten_errors(detail: object, pointer: str = "#") -> Iterator[Fault]:
    """Flatten the errors of a serializer: one fault per message, with a JSON pointer to its field."""
    if isinstance(detail, dict):
        for key, value in detail.items():
            if key == "non_field_errors":
                yield from flatten_errors(value, pointer)
            else:
                yield from flatten_errors(value, f"{pointer}/{_escape(str(key))}")
    elif isinstance(detail, list):
        for index, item in enumerate(detail):
            # A list contains either the messages of one field, or the errors of a list's items.
            if isinstance(item, exceptions.ErrorDetail):
                yield Fault(str(item), code=item.code or "invalid", pointer=pointer)
            else:
                yield from flatten_errors(item, f"{pointer}/{index}")
    else:
        yield Fault(str(detail), pointer=pointer)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        error = NotFound(f"There is no endpoint {request.path}; see /api/docs/ for all endpoints.")
        return problem_response(error, request)
    return defaults.page_not_found(request, exception)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if request.path.startswith("/api/"):
        return problem_response(_as_domain_error(exception) or DomainError(), request)
    return defaults.bad_request(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if request.path.startswith("/api/"):
        error = DomainError("An internal error occurred; it has been logged.", code="internal_error", status=500)
        return problem_response(error, request)
    return defaults.server_error(request)


def _headers(exception: Exception, error: DomainError) -> dict[str, str]:
    headers = {}
    # REST framework sets `auth_header` on the exception; exceptions about limits have `wait`.
    authenticate = getattr(exception, "auth_header", None)
    if authenticate:
        headers["WWW-Authenticate"] = authenticate
    wait = 5 if error.status == HTTPStatus.SERVICE_UNAVAILABLE else getattr(exception, "wait", None)
    if wait:
        headers["Retry-After"] = str(wait)
    return headers


def _as_domain_error(exception: Exception) -> DomainError | None:
    if isinstance(exception, DomainError):
        return exception
    # Django's exceptions
    if isinstance(exception, Http404):
        return NotFound()
    if isinstance(exception, RequestDataTooBig):
        return TooLarge()
    if isinstance(exception, SuspiciousOperation):
        return DomainError("The request has too many parameters, or its host is not allowed.")
    if isinstance(exception, OperationalError):
        logger.error("database unavailable", exc_info=exception)
        return Busy()
    # REST framework's exceptions, the most specific first
    if isinstance(exception, exceptions.ValidationError):
        return Invalid(faults=tuple(flatten_errors(exception.detail)))
    if isinstance(exception, exceptions.UnsupportedMediaType):
        detail = "The body must be JSON (Content-Type: application/json)."
        return DomainError(detail, code="unsupported_media_type", status=415)
    if isinstance(exception, exceptions.APIException):
        return DomainError(str(exception.detail), code=str(exception.get_codes()), status=exception.status_code)
    return None


def _escape(key: str) -> str:
    return key.replace("~", "~0").replace("/", "~1")
