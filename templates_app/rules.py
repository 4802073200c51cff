"""The rules that a document's type brings to a process: asked while it is a draft, taken along when it starts."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from config.api.fields import is_moment
from config.errors import Fault
from config.vocabulary import AttributeType
from templates_app.models import DocumentProfile

Attributes = dict[str, Any]
"""What is said of a document: a text, a number, true or false, by the attribute's name."""

_FITS: dict[str, Any] = {
    AttributeType.TEXT: lambda value: isinstance(value, str),
    AttributeType.DATETIME: lambda value: isinstance(value, str) and is_moment(value),
    AttributeType.CHECKBOX: lambda value: isinstance(value, bool),
    AttributeType.NUMBER: lambda value: isinstance(value, int | float) and not isinstance(value, bool),
}
_WRITTEN: dict[str, str] = {
    AttributeType.TEXT: "a text, in quotes",
    AttributeType.DATETIME: "a date and time like 2026-02-17T11:00:00Z",
    AttributeType.CHECKBOX: "true or false",
    AttributeType.NUMBER: "a number, without quotes",
}


@dataclass(frozen=True, slots=True)
class AttributeRule:
    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What a profile asks of a process.

    `continue_on_decline`: a decline counts as having acted instead of ending the process. `review_required`: an
    APPROVER's step precedes the first SIGNER. `attributes` is None where no profile knows the type: nothing is known
    of what may be said then, and anything may.
    """

    continue_on_decline: bool = False
    review_required: bool = False
    seal: str | None = None
    is_seal_required: bool = False
    attributes: tuple[AttributeRule, ...] | None = None

    @property
    def known(self) -> bool:
        """Whether a profile stands behind these rules."""
        return self.attributes is not None

    def kept(self) -> dict[str, Any]:
        """As a process keeps them; `Rules.of` reads it."""
        return asdict(self)

    @classmethod
    def of(cls, kept: dict[str, Any] | None) -> "Rules":
        if kept is None:
            return cls()
        attributes = kept["attributes"]
        rules = None if attributes is None else tuple(AttributeRule(**rule) for rule in attributes)
        return cls(**{**kept, "attributes": rules})

    def faults(self, said: Attributes, *, complete: bool) -> Iterator[Fault]:
        """What is wrong with what is said of a document; `complete`: what is required must be there."""
        if self.attributes is None:
            return
        rules = {rule.name: rule for rule in self.attributes}
        for name, value in said.items():
            rule = rules.get(name)
            if rule is None:
                known = ", ".join(rules) or "none"
                detail = f"This document type has no attribute of that name; it has: {known}."
                yield Fault(detail, code="unknown_attribute", pointer=_pointer(name))
            elif value is not None and not _FITS[rule.type](value):
                yield Fault(f"This is {_WRITTEN[rule.type]}.", code="wrong_type", pointer=_pointer(name))
        for rule in self.attributes:
            if complete and rule.required and said.get(rule.name) in (None, ""):
                detail = f"The attribute '{rule.name}' is needed before the process starts."
                yield Fault(detail, code="missing_attribute", pointer=_pointer(rule.name))


def rules_for(*, document_type: str | None, owner_group: str | None) -> Rules:
    """The rules for documents of this type in this group; those of a type that nobody knows ask for nothing."""
    profile = DocumentProfile.objects.for_type(document_type, owner_group) if document_type else None
    if profile is None:
        return Rules()
    uses = profile.uses.select_related("attribute")
    return Rules(
        continue_on_decline=profile.continue_on_decline,
        review_required=profile.review_required,
        seal=profile.seal,
        is_seal_required=profile.is_seal_required,
        attributes=tuple(AttributeRule(use.attribute.name, use.attribute.type, use.attribute.required) for use in uses),
    )


def _pointer(name: str) -> str:
    return "#/attributes/" + name.replace("~", "~0").replace("/", "~1")
