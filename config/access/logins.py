"""Audit events of back office logins: started when the password is accepted, completed when no code is missing."""

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest
from django.utils import timezone

from config.access.actor import Actor
from config.access.audit_hook import record_events
from config.access.models import User
from config.access.resolver import client_address
from config.api_values import JsonObject
from config.text import is_storable
from config.vocabulary import EventType


def connect_signals() -> None:
    user_logged_in.connect(_on_password_accepted, dispatch_uid="audit: login")
    user_login_failed.connect(_on_login_failed, dispatch_uid="audit: failed login")


def record_login(event_type: EventType, request: HttpRequest | None, username: str, note: str = "") -> None:
    """Record one stage of a login, or its failure, as the user's own act."""
    address = None if request is None else client_address(request)
    actor = Actor(client=username, subject=username, address=address)
    record_events(event_type, {"method": "back office", "note": note}, actor=actor, at=timezone.now())


def _on_password_accepted(sender: object, request: HttpRequest, user: User, **kwargs: object) -> None:
    record_login(EventType.AUDIT_LOGIN_START, request, user.username)
    if not settings.STAFF_SECOND_FACTOR:
        record_login(EventType.AUDIT_LOGIN_COMPLETED, request, user.username)


def _on_login_failed(sender: object, credentials: JsonObject, request: HttpRequest | None, **kwargs: object) -> None:
    # Only the name of an existing user is recorded: the input may be a password in the wrong field.
    username = str(credentials.get("username", ""))[:255]
    if is_storable(username) and User.objects.filter(username=username).exists():
        record_login(EventType.AUDIT_LOGIN_FAULT, request, username, "Wrong password.")
    else:
        record_login(EventType.AUDIT_LOGIN_FAULT, request, "", "Unknown username.")
