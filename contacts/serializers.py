"""The wire's shape of a contact."""

from drf_spectacular.utils import extend_schema_serializer
from rest_framework import serializers

from config.api.fields import Choice, Country, Email, Flag, LanguageTag, Moment, Text
from config.api.schema import WARNINGS, FaultSerializer
from config.vocabulary import Role, Scope


@extend_schema_serializer(component_name="Contact")
class ContactSerializer(serializers.Serializer):
    id = Text(max_length=36, help_text="Resource identificator. Says which contact a PUT without an id changes.")
    createdAt = Moment(source="created_at", read_only=True, help_text="Contact creation timestamp.")
    name = Text(max_length=255, help_text="Contact full name.")
    country = Country(help_text="Country code of personal code.")
    personalCode = Text(source="personal_code", max_length=64, help_text="Personal code of the contact.")
    phone = Text(max_length=40, help_text="Phone number; kept as E.164.")
    email = Email(help_text="Email address.")
    role = Choice(Role, help_text="Role assigned to the contact.")
    defaultAnonymous = Flag(source="default_anonymous", help_text="Default anonymous signing mode. Default false.")
    owner = Text(max_length=255, help_text="Owner code; the caller unless said otherwise.")
    scope = Choice(Scope, help_text="Who sees the contact; PERSONAL unless said otherwise. ALL is for filters alone.")
    group = Text(max_length=255, help_text="Owner group code; needed with the scope GROUP.")
    language = LanguageTag(max_length=35, help_text="Preferred language code.")
    warnings = FaultSerializer(many=True, read_only=True, help_text=WARNINGS)
