"""Middleware for every request: its log line and the browser's content security policy."""

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django_structlog.middlewares import RequestMiddleware

from config.access.resolver import client_address


class RequestLog(RequestMiddleware):
    """Log each request by its path only, because query strings contain personal codes."""

    def prepare(self, request: HttpRequest) -> None:
        """Log the IP address that limits and audit events use too."""
        super().prepare(request)
        structlog.contextvars.bind_contextvars(ip=client_address(request))

    @staticmethod
    def format_request(request: HttpRequest) -> str:
        return f"{request.method} {request.path}"


class ContentSecurityPolicy(CSPMiddleware):
    """Send the policy of the URL's prefix from CONTENT_SECURITY_POLICIES, otherwise the strict one."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, policy in settings.CONTENT_SECURITY_POLICIES.items():
            if request.path_info.startswith(prefix) and not report_only:
                parts.replace = policy
                break
        return parts
