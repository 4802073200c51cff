"""Profiles are changed together with the attributes they ask for; the rest is `config.versioned.actions`."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from config.access.actor import Actor
from config.api_values import Body, is_id
from config.errors import Fault, Invalid
from config.versioned import actions as versioned
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute


class AttributeTaken(versioned.Duplicate):
    """A profile brings an attribute of a name that exists; the faults say where."""


@transaction.atomic
def create_profile(body: Body, *, actor: Actor, at: datetime) -> DocumentProfile:
    """A new profile; its `attributes` name existing ones by id or bring new ones."""
    DocumentProfile.require_creatable(actor)
    DocumentProfile.lock_all_writers()
    profile = DocumentProfile(created_at=at, **DocumentProfile.validate_change(body, actor=actor))
    attributes = _listed(body.get("attributes") or [], actor=actor, at=at)
    profile.asks_for = _in_words(attributes)
    versioned.insert(profile, actor=actor, at=at)
    _ask_for(profile, attributes)
    return profile


@transaction.atomic
def replace_profile(
    profile: DocumentProfile, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> DocumentProfile:
    """Make the profile what the body says; its list of attributes, where it has one, is the whole list."""
    profile = versioned.lock(profile, actor=actor, expected=expected)
    changed = DocumentProfile.validate_change(body, actor=actor, before=profile)
    if "attributes" in body:
        attributes = _listed(body["attributes"] or [], actor=actor, at=at)
        if [use.attribute_id for use in profile.uses.all()] != [attribute.pk for attribute in attributes]:
            _ask_for(profile, attributes)
            changed["asks_for"] = _in_words(attributes)
    return versioned.write(profile, changed, actor=actor, at=at) if changed else profile


@transaction.atomic
def replace_attribute(
    attribute: DocumentAttribute, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> DocumentAttribute:
    """Make the attribute what the body says, for every profile that asks for it; their versions rise with it."""
    before = versioned.lock(attribute, actor=actor, expected=expected).version
    changed = versioned.replace(attribute, body, actor=actor, at=at, expected=expected)
    if changed.version != before:
        note_in_profiles(changed, actor=actor, at=at)
    return changed


def note_in_profiles(attribute: DocumentAttribute, *, actor: Actor, at: datetime) -> None:
    """Raise the versions of the profiles that ask for an attribute which was changed."""
    for profile in DocumentProfile.objects.select_for_update().filter(uses__attribute=attribute).order_by("pk"):
        note_attributes(profile, actor=actor, at=at)


def note_attributes(profile: DocumentProfile, *, actor: Actor, at: datetime) -> None:
    """Raise a locked profile's version if the attributes that it asks for are others than they were."""
    asks_for = _in_words([use.attribute for use in profile.uses.select_related("attribute")])
    if asks_for != profile.asks_for:
        versioned.write(profile, {"asks_for": asks_for}, actor=actor, at=at)


def _listed(bodies: Sequence[Body], *, actor: Actor, at: datetime) -> list[DocumentAttribute]:
    """The attributes of a profile's list: those named by id, under their locks, and new ones."""
    ids = [body["id"] for body in bodies if body.get("id") and is_id(body["id"])]
    rows = DocumentAttribute.objects.select_for_update().filter(pk__in=ids).order_by("pk")
    known = {str(row.pk): row for row in rows}
    faults = [fault for place, body in enumerate(bodies) for fault in _faults(body, f"#/attributes/{place}", known)]
    names = [_name(body, known) for body in bodies]
    for place, name in enumerate(names):
        if name is not None and name in names[:place]:
            detail = "This attribute stands in the list already."
            faults.append(Fault(detail, code="repeated", pointer=f"#/attributes/{place}"))
    if faults:
        raise Invalid(faults=faults)
    return [
        known[body["id"].casefold()] if body.get("id") else _made(body, place, actor=actor, at=at)
        for place, body in enumerate(bodies)
    ]


def _faults(body: Body, pointer: str, known: dict[str, DocumentAttribute]) -> list[Fault]:
    if not body.get("id"):
        return []
    attribute = known.get(body["id"].casefold())
    if attribute is None:
        return [Fault("There is no attribute with this id.", code="unknown_id", pointer=f"{pointer}/id")]
    if DocumentAttribute.changed_columns(body, attribute):
        detail = "An attribute is shared by profiles: change it by itself, at /api/document-attributes/{id}."
        return [Fault(detail, code="attribute_differs", pointer=pointer)]
    return []


def _made(body: Body, place: int, *, actor: Actor, at: datetime) -> DocumentAttribute:
    try:
        return versioned.create(DocumentAttribute, body, actor=actor, at=at)
    except Invalid as refusal:
        inner = [
            Fault(f.detail, f.code, (f.pointer or "#").replace("#", f"#/attributes/{place}")) for f in refusal.faults
        ]
        raise Invalid(faults=inner) from None
    except versioned.Duplicate as refusal:
        fault = Fault(refusal.detail, code="taken", pointer=f"#/attributes/{place}/name")
        raise AttributeTaken(refusal.detail, faults=[fault]) from None


def _ask_for(profile: DocumentProfile, attributes: Sequence[DocumentAttribute]) -> None:
    profile.uses.all().delete()
    ProfileAttribute.objects.bulk_create(
        ProfileAttribute(profile=profile, attribute=attribute, position=place)
        for place, attribute in enumerate(attributes)
    )


def _in_words(attributes: Sequence[DocumentAttribute]) -> str:
    return ", ".join(attribute.in_words for attribute in attributes)


def _name(body: Body, known: dict[str, DocumentAttribute]) -> Any:
    named = known.get((body.get("id") or "").casefold())
    return named.name if named else body.get("name")
