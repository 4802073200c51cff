"""What stands around every request: its line in the log, by path alone (query strings hold personal codes), and
the browser's policy."""

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_structlog.middlewares import RequestMiddleware

from config.access.resolver import client_address


class RequestLog(RequestMiddleware):
    def prepare(self, request: HttpRequest) -> None:
        """The address in the log is the one that limits and the audit go by."""
        super().prepare(request)
        structlog.contextvars.bind_contextvars(ip=client_address(request))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class Policies(CSPMiddleware):
    """The content security policy by the address's prefix; the strict one elsewhere."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, policy in settings.CONTENT_SECURITY_POLICIES.items():
            if request.path_info.startswith(prefix) and not report_only:
                parts.replace = policy
                break
        return parts
