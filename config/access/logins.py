"""Back office logins: their form, their audit events, and what the lockout after failed logins stores.

An event is recorded when the password is accepted, and another one when no code is missing.
"""

from typing import Any

from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.core.validators import MaxLengthValidator
from django.db.models.signals import pre_save
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import salted_hmac
from unfold.forms import AuthenticationForm

from config.access.actor import Actor
from config.access.audit_hook import record_events
from config.access.lockout import is_refused_by_lockout, starts_lockout
from config.access.models import User
from config.access.prefixes import address_prefix
from config.access.resolver import client_address
from config.api_values import JsonObject
from config.text import is_storable
from config.vocabulary import EventType

LONGEST_USERNAME = 150
LONGEST_PASSWORD = 1024


def connect_signals() -> None:
    user_logged_in.connect(_on_password_accepted, dispatch_uid="audit: login")
    user_login_failed.connect(_on_login_failed, dispatch_uid="audit: failed login")
    pre_save.connect(_delete_typed_values, sender=AccessAttempt, dispatch_uid="lockout: typed values")


class LoginForm(AuthenticationForm):
    """The login form. It rejects inputs that no user has before a password is hashed or a name is stored."""

    def __init__(self, request: HttpRequest | None = None, *args: Any, **kwargs: Any) -> None:
        super().__init__(request, *args, **kwargs)
        self.fields["username"].validators.append(MaxLengthValidator(LONGEST_USERNAME))
        self.fields["password"].validators.append(MaxLengthValidator(LONGEST_PASSWORD))


def login_address(request: HttpRequest) -> str | None:
    """The prefix of the caller's IP address, by which failed logins are counted (AXES_CLIENT_IP_CALLABLE)."""
    address = client_address(request)
    if address is None:
        return None
    return address_prefix(address)


def login_name(request: HttpRequest, credentials: JsonObject | None = None) -> str | None:
    """The name under which a failed login is counted (AXES_USERNAME_CALLABLE).

    It is the username of an existing user. For any other input, which may be a password in the wrong field, it is a
    digest. Logins without a username are those of single sign-on.
    """
    username = (credentials or request.POST).get("username")
    if not isinstance(username, str):
        return None
    if _is_username(username):
        return username
    return f"unknown-{salted_hmac('config.access.logins', username).hexdigest()[:16]}"


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
    # The failure that starts a lockout is recorded, but not each attempt during the lockout.
    note = ""
    if request is not None and is_refused_by_lockout(request):
        return
    if request is not None and starts_lockout(request):
        note = " The username is now locked for this IP address."

    # Only the name of an existing user is recorded: the input may be a password in the wrong field.
    username = str(credentials.get("username", ""))
    if _is_username(username):
        record_login(EventType.AUDIT_LOGIN_FAULT, request, username, f"Wrong password.{note}")
    else:
        record_login(EventType.AUDIT_LOGIN_FAULT, request, "", f"Unknown username.{note}")


def _delete_typed_values(sender: object, instance: AccessAttempt, **kwargs: object) -> None:
    """Store neither the form nor the query string of a failed login."""
    instance.get_data = ""
    instance.post_data = ""


def _is_username(text: str) -> bool:
    is_possible = len(text) <= LONGEST_USERNAME and is_storable(text)
    return is_possible and User.objects.filter(username=text).exists()
