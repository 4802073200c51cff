"""The lockout of usernames after failed logins, with django-axes."""

from axes.backends import AxesStandaloneBackend
from axes.exceptions import AxesBackendPermissionDenied
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render


class LockoutBackend(AxesStandaloneBackend):
    """Refuses logins during a lockout, and marks their requests, so that they are not recorded as wrong passwords."""

    def authenticate(
        self, request: HttpRequest, username: str | None = None, password: str | None = None, **kwargs: object
    ) -> None:
        try:
            super().authenticate(request, username=username, password=password, **kwargs)
        except AxesBackendPermissionDenied:
            request.is_locked_out = True  # type: ignore[attr-defined]  # our own attribute
            raise


def is_refused_by_lockout(request: HttpRequest) -> bool:
    """Whether the password of this login was not compared, because of a lockout that had already started."""
    return getattr(request, "is_locked_out", False)


def starts_lockout(request: HttpRequest) -> bool:
    """Whether a lockout has started with this failed login."""
    return getattr(request, "axes_locked_out", False) and not is_refused_by_lockout(request)


def locked_out(request: HttpRequest, *args: object) -> HttpResponse:
    """The page of a login that was refused (AXES_LOCKOUT_CALLABLE)."""
    minutes = int(settings.AXES_COOLOFF_TIME.total_seconds() // 60)
    page = render(request, "access/locked_out.html", {"minutes": minutes}, status=429)
    page.headers["Retry-After"] = str(minutes * 60)
    return page
