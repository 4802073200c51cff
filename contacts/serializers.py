"""The JSON of a contact."""

from drf_spectacular.utils import extend_schema_serializer

from config.api.fields import (
    Choice,
    Country,
    Email,
    Flag,
    Id,
    LanguageTag,
    Moment,
    NullMeansAbsent,
    PersonalCode,
    Text,
)
from config.api.schema import WARNINGS, FaultSerializer
from config.vocabulary import Role, Scope


@extend_schema_serializer(component_name="Contact")
class ContactSerializer(NullMeansAbsent):
    """A person or office that often takes part in processes."""

    not_clearable = frozenset({"owner"})

    id = Id(max_length=36, help_text="Resource identifier. Required in a PUT without an ID in the URL.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Contact creation timestamp.")
    name = Text(max_length=255, help_text="Contact full name. A contact must have a name or an email address.")
    country = Country(help_text="Country of the personal code (ISO 3166-1 alpha-2).")
    personalCode = PersonalCode(source="personal_code", help_text="Personal code of the contact.")
    phone = Text(max_length=40, help_text="Phone number, stored in E.164 format.")
    email = Email(help_text="Email address.")
    role = Choice(Role, help_text="Role assigned to the contact.")
    defaultAnonymous = Flag(source="default_anonymous", help_text="Default anonymous signing mode. Default: false.")
    owner = Text(max_length=255, help_text="Username of the owner. Default: the caller.")
    scope = Choice(Scope, help_text="Contact visibility scope. Default: PERSONAL. ALL is only allowed in filters.")
    group = Text(max_length=255, help_text="Code of the owner group. Required for the scope GROUP.")
    language = LanguageTag(max_length=35, help_text="Preferred language code.")
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)
