"""Writes profiles together with their attributes. The other writes are those of `config.versioned.actions`."""

import dataclasses
from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Q

from config.access.actor import Actor
from config.api_values import Body, is_id
from config.errors import Fault, Invalid
from config.versioned import actions as versioned
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute


@transaction.atomic
def create_profile(body: Body, *, actor: Actor, at: datetime) -> DocumentProfile:
    """Create a profile. Its `attributes` refer to existing ones by id, or are created as well."""
    DocumentProfile.require_creatable(actor)
    DocumentProfile.lock_all_writers()
    # The summary of the attributes is a column of the profile, so they are created first.
    profile = DocumentProfile(created_at=at, **DocumentProfile.validate_change(body, actor=actor))
    attributes = _resolve_attributes(body.get("attributes") or [], actor=actor, at=at)
    profile.asks_for = _summary(attributes)
    versioned.insert(profile, actor=actor, at=at)
    _set_attributes(profile, attributes)
    return profile


@transaction.atomic
def replace_profile(
    profile: DocumentProfile, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> DocumentProfile:
    """Change the columns that the body contains. Its `attributes`, if present, are the complete list."""
    profile = versioned.lock_row(profile, actor=actor, expected=expected)
    changed = DocumentProfile.validate_change(body, actor=actor, before=profile)
    profile.change_warnings = DocumentProfile.warnings_about(body, changed)
    if "attributes" in body:
        attributes = _resolve_attributes(body["attributes"], actor=actor, at=at)
        # The summary is a column of the profile, so a different list raises the version and is in the history.
        current_ids = [row.attribute_id for row in profile.profile_attributes.all()]
        if current_ids != [attribute.pk for attribute in attributes]:
            _set_attributes(profile, attributes)
            changed["asks_for"] = _summary(attributes)
    if not changed:
        return profile
    return versioned.write(profile, changed, actor=actor, at=at)


@transaction.atomic
def replace_attribute(
    attribute: DocumentAttribute, body: Body, *, actor: Actor, at: datetime, expected: frozenset[str] | None = None
) -> DocumentAttribute:
    """Change the attribute in every profile that has it. The versions of these profiles rise as well."""
    before = versioned.lock_row(attribute, actor=actor, expected=expected).version
    attribute = versioned.replace_row(attribute, body, actor=actor, at=at, expected=expected)
    # A body without changes leaves the versions of the profiles alone.
    if attribute.version != before:
        update_profiles_with(attribute, actor=actor, at=at)
    return attribute


def update_profiles_with(attribute: DocumentAttribute, *, actor: Actor, at: datetime) -> None:
    """Raise the versions of the profiles that have a changed attribute."""
    profiles = DocumentProfile.objects.select_for_update().filter(profile_attributes__attribute=attribute)
    for profile in profiles.order_by("pk"):
        update_summary(profile, actor=actor, at=at)


def update_summary(profile: DocumentProfile, *, actor: Actor, at: datetime) -> None:
    """Raise the version of a locked profile if its attributes have changed."""
    rows = profile.profile_attributes.select_related("attribute")
    summary = _summary([row.attribute for row in rows])
    if summary != profile.asks_for:
        versioned.write(profile, {"asks_for": summary}, actor=actor, at=at)


def _resolve_attributes(bodies: Sequence[Body], *, actor: Actor, at: datetime) -> list[DocumentAttribute]:
    """The attributes in the body of a profile: existing ones are locked, new ones are created.

    Without an id, an entry with name, type and `required` of an existing attribute is that attribute.
    """
    ids = [body["id"] for body in bodies if body.get("id") and is_id(body["id"])]
    names_without_id = [body["name"] for body in bodies if body.get("name") and not body.get("id")]
    matching = Q(pk__in=ids) | Q(name__in=names_without_id)
    existing = list(DocumentAttribute.objects.select_for_update().filter(matching).order_by("pk"))

    # Report the errors of the whole list before anything is created.
    faults = []
    names = set()
    for index, body in enumerate(bodies):
        pointer = f"#/attributes/{index}"
        attribute = _find(body, existing)
        faults += _reference_faults(body, pointer, attribute)
        name = attribute.name if attribute else body.get("name")
        if name is not None and name in names:
            faults.append(Fault("An attribute must occur only once in the list.", code="repeated", pointer=pointer))
        names.add(name)
    if faults:
        raise Invalid(faults=faults)

    return [
        _find(body, existing) or _create_attribute(body, f"#/attributes/{index}", actor=actor, at=at)
        for index, body in enumerate(bodies)
    ]


def _find(body: Body, existing: Sequence[DocumentAttribute]) -> DocumentAttribute | None:
    """The attribute with the id in the body; without an id, the one that the body describes."""
    row_id = body.get("id")
    for attribute in existing:
        if row_id and str(attribute.pk) == row_id:
            return attribute
        is_same = attribute.name == body.get("name") and not DocumentAttribute.changed_columns(body, attribute)
        if not row_id and is_same and body.get("type"):
            return attribute
    return None


def _reference_faults(body: Body, pointer: str, attribute: DocumentAttribute | None) -> list[Fault]:
    """The errors of a reference by id: it must exist, and the body must not change it."""
    if not body.get("id"):
        return []
    if attribute is None:
        detail = "The id must be that of an existing attribute."
        return [Fault(detail, code="unknown_id", pointer=f"{pointer}/id")]
    if DocumentAttribute.changed_columns(body, attribute):
        detail = "A profile cannot change an attribute, because others may share it. Use /api/document-attributes/{id}."
        return [Fault(detail, code="attribute_differs", pointer=pointer)]
    return []


def _create_attribute(body: Body, pointer: str, *, actor: Actor, at: datetime) -> DocumentAttribute:
    """Create an attribute. The errors point into the body of the profile."""
    try:
        return versioned.create_row(DocumentAttribute, body, actor=actor, at=at)
    except Invalid as refusal:
        faults = [
            dataclasses.replace(fault, pointer=(fault.pointer or "#").replace("#", pointer)) for fault in refusal.faults
        ]
        raise Invalid(faults=faults) from None
    except versioned.Duplicate as refusal:
        fault = Fault(refusal.detail, code="taken", pointer=f"{pointer}/name")
        raise versioned.Duplicate(refusal.detail, faults=[fault]) from None


def _set_attributes(profile: DocumentProfile, attributes: Sequence[DocumentAttribute]) -> None:
    profile.profile_attributes.all().delete()
    links = [ProfileAttribute(profile=profile, attribute=row, position=n) for n, row in enumerate(attributes)]
    ProfileAttribute.objects.bulk_create(links)


def _summary(attributes: Sequence[DocumentAttribute]) -> str:
    return ", ".join(attribute.summary for attribute in attributes)
