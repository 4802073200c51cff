"""Logins at the back office, as events: begun when the password was right, completed when one is in."""

from typing import Any

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from config.access.actor import Actor
from config.access.audit_hook import happened
from config.access.models import User
from config.access.resolver import client_address
from config.vocabulary import EventType


def came(kind: EventType, request: HttpRequest, user: User, note: str = "") -> None:
    """Record a step of this user's login."""
    actor = Actor(client=user.username, subject=user.username, address=_address(request))
    happened(kind, actor=actor, at=timezone.now(), method="back office", note=note)


def began(sender: Any, request: HttpRequest, user: User, **signal: Any) -> None:
    from config.access.second_factor import needs_second_factor

    came(EventType.AUDIT_LOGIN_START, request, user)
    if not needs_second_factor():
        came(EventType.AUDIT_LOGIN_COMPLETED, request, user)


def failed(sender: Any, credentials: dict[str, Any], request: HttpRequest | None = None, **signal: Any) -> None:
    """What was typed is recorded only if it is somebody's name: it may have been a password."""
    typed = str(credentials.get("username", ""))[:255]
    known = "\0" not in typed and User.objects.filter(username=typed).exists()
    actor = Actor(client=typed if known else "", subject=typed if known else "", address=_address(request))
    note = "The password was not right." if known else "There is nobody of that name."
    happened(EventType.AUDIT_LOGIN_FAULT, actor=actor, at=timezone.now(), method="back office", note=note)


def listen() -> None:
    user_logged_in.connect(began, dispatch_uid="audit: began")
    user_login_failed.connect(failed, dispatch_uid="audit: failed")


def _address(request: HttpRequest | None) -> str | None:
    return client_address(request) if request is not None and "REMOTE_ADDR" in request.META else None
