"""Builds the Actor of a request. No other code reads the authenticated user, or the parameters that name others."""

from dataclasses import replace

from django.http import HttpRequest, QueryDict
from rest_framework.request import Request

from config import api_values
from config.access.actor import Actor, MissingRight
from config.access.forwarded import parse_address, reported_hop
from config.access.grants import actor_of_user
from config.access.models import User
from config.errors import Fault, Forbidden, Invalid
from config.text import is_storable
from config.vocabulary import LONGEST_NAME, Right

REPEATABLE = frozenset({"scope", "sort", "processStatus", "eventType"})


class NotOwner(Forbidden):
    """The caller names, or changes, something that belongs to other users or groups."""

    code = "not_yours"


def actor_for(request: Request) -> Actor:
    """The caller of an authenticated request, narrowed to the user and group that its parameters name.

    Raises `Invalid` for repeated or contradictory parameters, `Forbidden` if the caller may not name that
    user or group.
    """
    address = client_address(request)
    # An authenticated token brings its actor. A session only brings the user.
    if isinstance(request.auth, Actor):
        actor = replace(request.auth, address=address)
    elif isinstance(request.user, User):
        actor = actor_of_user(request.user, address=address)
    else:
        raise Forbidden("You must be logged in.")
    return narrow_to_parameters(actor, request.GET)


def narrow_to_parameters(actor: Actor, parameters: QueryDict) -> Actor:
    """The actor as requested by `owner`, `user`, `group` and `isAdmin`, which never add to what it was granted."""
    _validate(parameters)
    subject = parameters.get("owner") or parameters.get("user") or None
    group = parameters.get("group") or None
    as_admin = api_values.flag(parameters.get("isAdmin") or "")
    # isAdmin=true keeps the widest view, which only administrators have.
    if as_admin:
        if not actor.may(Right.ADMINISTER):
            raise MissingRight(Right.ADMINISTER, "isAdmin=true")
        return actor
    # Without the right to act for others, callers name themselves and their own groups only.
    if not actor.acts_for_others:
        if subject not in (None, actor.subject):
            raise NotOwner("You may only name yourself: naming other users requires the right 'on_behalf'.")
        if group is not None and group not in actor.groups:
            raise NotOwner("You may only name your own groups: naming other groups requires the right 'on_behalf'.")
    if subject is None and group is None and as_admin is None:
        return actor
    return actor.acting_for(subject=subject, group=group)


def client_address(request: HttpRequest) -> str | None:
    """The client's IP address: reported by the outermost trusted proxy, otherwise that of the connection."""
    hop = reported_hop(request)
    reported = hop.address if hop else None
    return reported or parse_address(request.META.get("REMOTE_ADDR") or "")


def _validate(parameters: QueryDict) -> None:
    """`Invalid` if parameters are repeated, contradict each other, or cannot be names."""
    faults = []
    for name, values in parameters.lists():
        if len(values) > 1 and name not in REPEATABLE:
            faults.append(Fault(f"'{name}' may be given only once.", code="repeated", parameter=name))

    # The names of users and groups.
    requested = {name: parameters.get(name) for name in ("owner", "user", "group")}
    names = {name: text for name, text in requested.items() if text}
    for name, text in names.items():
        if len(text) > LONGEST_NAME or not is_storable(text):
            detail = f"'{name}' must have at most {LONGEST_NAME} characters and must not contain NUL."
            faults.append(Fault(detail, code="not_a_name", parameter=name))
    if "owner" in names and "user" in names and names["owner"] != names["user"]:
        faults.append(Fault("'owner' and 'user' must name the same user.", code="contradiction", parameter="user"))

    # isAdmin, which contradicts any name.
    as_admin = parameters.get("isAdmin") or "false"
    if api_values.flag(as_admin) is None:
        faults.append(Fault("'isAdmin' must be true or false.", code="not_a_boolean", parameter="isAdmin"))
    if api_values.flag(as_admin) and names:
        detail = "'isAdmin=true' must not be combined with 'owner', 'user' or 'group'."
        faults.append(Fault(detail, code="contradiction", parameter="isAdmin"))
    if faults:
        raise Invalid(faults=faults)
