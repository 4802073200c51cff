"""Makes the Actor: the only place that reads credentials' owners and the on-whose-behalf parameters."""

import ipaddress
from dataclasses import replace

from django.conf import settings
from django.contrib.auth.models import Group, Permission
from django.db.models import Q
from django.http import HttpRequest, QueryDict

from config.access.actor import Actor, MissingRight, TokenCaller
from config.access.models import User
from config.errors import Fault, Forbidden, Invalid
from config.vocabulary import LONGEST_NAME, Right

REPEATABLE = frozenset({"scope", "sort", "processStatus", "eventType"})
_FLAGS = (None, "true", "false")


class NotYours(Forbidden):
    code = "not_yours"


def actor_for(request: HttpRequest) -> Actor:
    """The caller of an authenticated request, narrowed to whom its parameters name.

    `Invalid` for repeated or contradictory parameters, `Forbidden` for a name that is not the caller's.
    """
    caller, address = request.user, client_address(request)
    if isinstance(caller, TokenCaller):
        granted = replace(caller.actor, address=address)
    elif isinstance(caller, User):
        granted = principal(caller, address=address)
    else:
        raise Forbidden("Nobody is logged in.")
    return asked(granted, request.GET)


def principal(user: User, *, address: str | None = None) -> Actor:
    """The caller with all that was granted to the user, before anybody is named. Two queries."""
    groups = frozenset(Group.objects.filter(user=user).values_list("name", flat=True))
    return Actor(
        client=user.username,
        subject=user.username,
        groups=groups,
        rights=_rights(user),
        person=user.person,
        address=address,
    )


def asked(actor: Actor, parameters: QueryDict) -> Actor:
    """The actor as `owner`, `user`, `group` and `isAdmin` ask for it; never more than it was."""
    _require_readable(parameters)
    subject = parameters.get("owner") or parameters.get("user") or None
    group = parameters.get("group") or None
    as_admin = parameters.get("isAdmin") or None
    if as_admin == "true":
        if not actor.may(Right.ADMINISTER):
            raise MissingRight(Right.ADMINISTER, "isAdmin=true")
        return actor
    if not actor.acts_for_others:
        if subject not in (None, actor.subject):
            raise NotYours("You may name only yourself; naming others needs the right 'on_behalf'.")
        if group is not None and group not in actor.groups:
            raise NotYours("You may name only a group of yours; naming others needs the right 'on_behalf'.")
    if subject is None and group is None and as_admin is None:
        return actor
    return actor.acting_for(subject=subject, group=group)


def _require_readable(parameters: QueryDict) -> None:
    """`Invalid` if parameters are repeated, contradict each other, or cannot name anybody."""
    faults = [
        Fault(f"'{name}' may be given once.", code="repeated", parameter=name)
        for name, values in parameters.lists()
        if len(values) > 1 and name not in REPEATABLE
    ]
    named = {name: value for name in ("owner", "user", "group") if (value := parameters.get(name))}
    faults += [
        Fault(f"'{name}' is at most {LONGEST_NAME} characters, without NUL.", code="not_a_name", parameter=name)
        for name, value in named.items()
        if len(value) > LONGEST_NAME or "\0" in value
    ]
    if named.get("owner", named.get("user")) != named.get("user", named.get("owner")):
        faults.append(Fault("'owner' and 'user' name different people.", code="contradiction", parameter="user"))
    as_admin = parameters.get("isAdmin") or None
    if as_admin not in _FLAGS:
        faults.append(Fault("'isAdmin' is true or false.", code="not_a_boolean", parameter="isAdmin"))
    if as_admin == "true" and named:
        faults.append(Fault("'isAdmin=true' names nobody else.", code="contradiction", parameter="isAdmin"))
    if faults:
        raise Invalid(faults=faults)


def client_address(request: HttpRequest) -> str | None:
    """The caller's address: behind N trusted proxies, the Nth from the right of `X-Forwarded-For`."""
    hops = [hop for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    proxies = settings.TRUSTED_PROXIES
    forwarded = _address(hops[-proxies]) if proxies and len(hops) >= proxies else None
    return forwarded or _address(request.META.get("REMOTE_ADDR") or "")


def _address(text: str) -> str | None:
    """An IP address as it is written everywhere, without port and brackets; None if this is none."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _rights(user: User) -> frozenset[str]:
    if not user.is_active:
        return frozenset()
    if user.is_superuser:
        return frozenset(Right.values)
    granted = Permission.objects.filter(Q(user=user) | Q(group__user=user), content_type__app_label="access")
    return frozenset(granted.values_list("codename", flat=True)) & frozenset(Right.values)
