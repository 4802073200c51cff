"""Middleware for every request: its scheme, its log line and the browser's content security policy."""

import structlog
from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django_structlog.middlewares import RequestMiddleware

from config.access.forwarded import reported_hop
from config.access.resolver import client_address

# The exceptions by URL prefix; the first match wins. Only the back office's theme and Swagger UI load anything.
_PAGE_POLICY = {
    "default-src": ["'self'"],
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "base-uri": ["'none'"],
    "frame-ancestors": ["'none'"],
}
_POLICIES = {
    "/admin/": {**_PAGE_POLICY, "script-src": ["'self'", "'unsafe-eval'"], "form-action": ["'self'"]},
    "/api/docs/": _PAGE_POLICY,
}

# The names of HTTP headers begin with HTTP_ here, so no client can send this one.
REPORTED_SCHEME = "paraph.scheme"


class ReportedScheme(MiddlewareMixin):
    """Note the scheme that the trusted proxy reports, for SECURE_PROXY_SSL_HEADER."""

    def process_request(self, request: HttpRequest) -> None:
        hop = reported_hop(request)
        request.META[REPORTED_SCHEME] = (hop.scheme if hop else None) or "http"


class AnyHostForHealth(MiddlewareMixin):
    """Accept health checks with any Host header, because probes send the address of the machine."""

    def process_request(self, request: HttpRequest) -> None:
        if request.path_info == "/health/":
            request.META["HTTP_HOST"] = settings.ALLOWED_HOSTS[0].lstrip(".")


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
    """Send the policy of the URL's prefix from _POLICIES, otherwise the strict one."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        for prefix, policy in _POLICIES.items():
            if request.path_info.startswith(prefix) and not report_only:
                parts.replace = policy
                break
        return parts
