"""The page shown when a user name is locked out after failed logins (AXES_LOCKOUT_CALLABLE)."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


def locked_out(request: HttpRequest, *args: object) -> HttpResponse:
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    page = render(request, "access/locked_out.html", {"minutes": minutes}, status=429)
    page.headers["Retry-After"] = str(minutes * 60)
    return page
