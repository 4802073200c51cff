"""The rules of a document type: a draft is checked against its profile, a started process has a copy of the rules."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, replace

from config.api.fields import is_moment
from config.api_values import JsonObject
from config.errors import DomainError, Fault
from config.text import composed
from config.vocabulary import AttributeType
from templates_app.models import DocumentProfile

_FORMATS: dict[str, str] = {
    AttributeType.TEXT: "a string in quotes",
    AttributeType.DATETIME: "a date and time, for example 2026-02-17T11:00:00Z",
    AttributeType.CHECKBOX: "true or false",
    AttributeType.NUMBER: "a number without quotes",
}


class MalformedRules(DomainError):
    """The stored rules are not those that the service wrote."""

    code = "malformed_rules"
    status = 409
    detail = "The rules that the process was started with are malformed in the database."


@dataclass(frozen=True, slots=True)
class AttributeRule:
    name: str
    type: str
    required: bool


@dataclass(frozen=True, slots=True)
class Rules:
    """What a profile requires of a process.

    `continue_on_decline`: the process continues after a decline. `review_required`: the step of an APPROVER is before
    the first SIGNER. `attributes` is None if the document type has no profile: then every attribute is allowed.
    """

    continue_on_decline: bool = False
    review_required: bool = False
    seal: str | None = None
    is_seal_required: bool = False
    attributes: tuple[AttributeRule, ...] | None = None

    @property
    def has_profile(self) -> bool:
        """Whether the document type has a profile."""
        return self.attributes is not None

    def to_json(self) -> JsonObject:
        """The rules as JSON, which `Rules.from_json` reads."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: JsonObject | None) -> "Rules":
        """Read the result of `to_json`; None means the default rules. Raises `MalformedRules` for anything else."""
        if values is None:
            return cls()
        try:
            rules = cls(**values)
            if rules.attributes is not None:
                rules = replace(rules, attributes=tuple(AttributeRule(**rule) for rule in values["attributes"]))
        except TypeError:
            raise MalformedRules from None
        if not rules._have_types():
            raise MalformedRules
        return rules

    def _have_types(self) -> bool:
        """Whether each value has its type, which the database does not check."""
        flags = [self.continue_on_decline, self.review_required, self.is_seal_required]
        for attribute in self.attributes or ():
            flags.append(attribute.required)
            if not isinstance(attribute.name, str) or attribute.type not in AttributeType.values:
                return False
        return isinstance(self.seal, str | None) and all(isinstance(flag, bool) for flag in flags)

    def faults(self, values: Mapping[str, object], *, complete: bool) -> Iterator[Fault]:
        """The errors in a document's attributes by name, in any Unicode form. `complete`: the required ones too."""
        # Without a profile, every attribute is allowed.
        if self.attributes is None:
            return
        # Each value must belong to an attribute, and fit its type. Null means no value.
        rules = {composed(rule.name): rule for rule in self.attributes}
        given: dict[str, object] = {}
        for name, value in values.items():
            rule = rules.get(composed(name))
            if composed(name) in given:
                yield Fault("An attribute must occur only once.", code="repeated", pointer=_pointer(name))
            given[composed(name)] = value
            if rule is None:
                allowed = ", ".join(rule.name for rule in self.attributes) or "none"
                detail = f"The document type does not have this attribute. Allowed attributes: {allowed}."
                yield Fault(detail, code="unknown_attribute", pointer=_pointer(name))
            elif value is not None and not _fits(value, rule.type):
                yield Fault(f"The value must be {_FORMATS[rule.type]}.", code="wrong_type", pointer=_pointer(name))

        # A draft may be incomplete until it starts.
        for rule in self.attributes:
            if complete and rule.required and given.get(composed(rule.name)) in (None, ""):
                detail = f"The attribute '{rule.name}' must have a value before the process starts."
                yield Fault(detail, code="missing_attribute", pointer=_pointer(rule.name))


def rules_for(*, document_type: str | None, owner_group: str | None) -> Rules:
    """The present rules for documents of this type in this group. A type without a profile has the default rules."""
    profile = DocumentProfile.objects.for_type(document_type, owner_group) if document_type else None
    if profile is None:
        return Rules()
    rows = profile.profile_attributes.select_related("attribute")
    return Rules(
        continue_on_decline=profile.continue_on_decline,
        review_required=profile.review_required,
        seal=profile.seal,
        is_seal_required=profile.is_seal_required,
        attributes=tuple(AttributeRule(row.attribute.name, row.attribute.type, row.attribute.required) for row in rows),
    )


def _fits(value: object, attribute_type: str) -> bool:
    # In Python a bool is a number as well.
    if isinstance(value, bool):
        return attribute_type == AttributeType.CHECKBOX
    if isinstance(value, str):
        return attribute_type == AttributeType.TEXT or (attribute_type == AttributeType.DATETIME and is_moment(value))
    return attribute_type == AttributeType.NUMBER and isinstance(value, int | float)


def _pointer(name: str) -> str:
    """The JSON pointer (RFC 6901) to an attribute."""
    return "#/attributes/" + name.replace("~", "~0").replace("/", "~1")
