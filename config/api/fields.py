"""Serializer fields that accept exactly the JSON type of the API.

REST framework's own fields read `1` as text, `"yes"` as true and `"7"` as a number. All fields here
are optional and nullable by default; the rules say what is required. What is not free text is null if
it is empty: Java and .NET clients send `""` for a date, an enumeration or an email address without a value.
"""

import json
import re
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, ClassVar

from django.core.validators import EmailValidator
from django.db.models import Model, TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.fields import empty

from config.addresses import LONGEST_ADDRESS, NOT_DELIVERABLE, is_deliverable
from config.api_values import Body, JsonObject, is_id, lowercase_id
from config.personal_codes import NOT_A_DIGIT, has_other_digits
from config.text import is_storable
from config.vocabulary import LONGEST_NAME

INT32 = 2**31 - 1
LONGEST_CODE = 64
MAX_ATTRIBUTES = 200
LONGEST_ATTRIBUTE = 4000
LARGEST_ATTRIBUTES = 64 * 1024
LARGEST_NUMBER = 1e15
LONGEST_LANGUAGE_TAG = 35
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
# RFC 3339, and the offset without a colon or minutes, as `java.util.Date` and `strftime` write it.
_TIME = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?"
_MOMENT = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}[Tt ]{_TIME}([Zz]|[+-]\d{{2}}(:?\d{{2}})?)?", re.ASCII)
_COUNTRY = re.compile(r"[A-Za-z]{2}")


@cache
def api_fields(serializer: type[serializers.Serializer], model: type[Model]) -> dict[str, str]:
    """The column of each API field that is stored in a column, in the serializer's order."""
    columns = {column.name for column in model._meta.concrete_fields}
    sources = {name: field.source or name for name, field in serializer().get_fields().items()}
    return {name: source for name, source in sources.items() if source in columns}


class OptionalField(serializers.Field):
    """Mixin: not required and nullable, unless the field is declared otherwise."""

    defaults: ClassVar[Mapping[str, object]] = {}
    # Exactly this type is accepted: in Python, True is an int as well.
    json_type: ClassVar[type] = str

    def __init__(self, **options: Any) -> None:
        if not options.get("read_only"):
            options = {"required": False, **self.defaults, **options}
        options.setdefault("allow_null", True)
        super().__init__(**options)

    def to_internal_value(self, value: object) -> Any:
        if type(value) is not self.json_type:
            self.fail("invalid")
        return super().to_internal_value(value)


class EmptyIsNull(serializers.Field):
    """Mixin: an empty text is null."""

    def run_validation(self, value: object = empty) -> Any:
        return super().run_validation(None if value == "" else value)


class NullMeansAbsent(serializers.Serializer):
    """Mixin: null in one of these columns, which cannot be cleared, has the same meaning as a missing field."""

    not_clearable: ClassVar[frozenset[str]] = frozenset()

    def validate(self, body: Body) -> Body:
        return {
            column: value for column, value in body.items() if value is not None or column not in self.not_clearable
        }


class Text(OptionalField, serializers.CharField):
    """Text that is stored exactly as it was sent: not trimmed, and possibly empty."""

    defaults = {"trim_whitespace": False, "allow_blank": True}
    default_error_messages = {"invalid": "Must be text (a JSON string)."}


class Email(EmptyIsNull, Text, serializers.EmailField):
    """An email address that can be delivered, stored as it was given."""

    defaults = {"trim_whitespace": False, "max_length": LONGEST_ADDRESS}
    default_error_messages = {"invalid": NOT_DELIVERABLE}

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        # The rules of `config.addresses` are stricter, and accept a domain in decomposed letters.
        self.validators = [rule for rule in self.validators if not isinstance(rule, EmailValidator)]

    def to_internal_value(self, value: object) -> str:
        text: str = super().to_internal_value(value)
        # Another rule reports an address that is too long.
        if len(text) <= LONGEST_ADDRESS and not is_deliverable(text):
            self.fail("invalid")
        return text


class PersonalCode(Text):
    """A personal code. Characters that only look like the digits 0 to 9 are refused."""

    defaults = {"trim_whitespace": False, "allow_blank": True, "max_length": LONGEST_CODE}

    def to_internal_value(self, value: object) -> str:
        text: str = super().to_internal_value(value)
        if has_other_digits(text):
            raise serializers.ValidationError(NOT_A_DIGIT, "not_a_digit")
        return text


class Id(Text):
    """An id in any case. Other text is left to the rules, which refuse an unknown id."""

    def to_internal_value(self, value: object) -> str:
        return lowercase_id(super().to_internal_value(value))


class StrictUuid(serializers.UUIDField):
    """A UUID as text, in any case. REST framework's field also reads numbers, and digits beyond ASCII."""

    def to_internal_value(self, value: object) -> uuid.UUID:
        if not (isinstance(value, str) and is_id(value)):
            self.fail("invalid", value=value)
        return uuid.UUID(value)


class Country(EmptyIsNull, Text):
    """ISO 3166-1 alpha-2, in either case."""

    def to_internal_value(self, value: object) -> str:
        text = super().to_internal_value(value)
        if not _COUNTRY.fullmatch(text):
            raise serializers.ValidationError("Must be a two-letter country code, for example LV.", "not_a_country")
        return text


def is_language_tag(text: str) -> bool:
    """Whether the text is a well-formed BCP 47 tag that fits the columns of languages."""
    return len(text) <= LONGEST_LANGUAGE_TAG and _LANGUAGE_TAG.fullmatch(text) is not None


class LanguageTag(EmptyIsNull, Text):
    """A well-formed BCP 47 tag, whether or not there are texts in that language.

    Java writes an underscore in place of the hyphen (`lv_LV`); the tag is stored with the hyphen.
    """

    def to_internal_value(self, value: object) -> str:
        text = super().to_internal_value(value).replace("_", "-")
        if not is_language_tag(text):
            raise serializers.ValidationError("Must be a language tag, for example lv or lv-LV.", "not_a_language")
        return text


class Flag(OptionalField, serializers.BooleanField):
    default_error_messages = {"invalid": "Must be true or false."}
    json_type = bool


@extend_schema_field({"type": "integer", "format": "int32"})
class Whole(OptionalField, serializers.IntegerField):
    """A 32-bit integer, 0 or more by default."""

    defaults = {"min_value": 0, "max_value": INT32}
    default_error_messages = {"invalid": "Must be a whole number (a JSON number)."}
    json_type = int


class Moment(EmptyIsNull, OptionalField, serializers.DateTimeField):
    """RFC 3339. Without an offset, the time is in the service's time zone. The offset may lack its colon."""

    default_error_messages = {"invalid": "Must be a date and time (RFC 3339), for example 2026-02-17T11:00:00Z."}

    def to_internal_value(self, value: object) -> datetime:
        if not isinstance(value, str) or not _MOMENT.fullmatch(value):
            self.fail("invalid")
        # Python reads the letters T and Z in uppercase only.
        moment = super().to_internal_value(value.upper())
        # At the ends of the calendar, conversion to another time zone overflows.
        if not 1 < moment.year < 9999:
            self.fail("overflow", timezone="every time zone")
        return moment.astimezone(UTC)


def is_moment(text: str) -> bool:
    """Whether `Moment` accepts this text."""
    try:
        Moment().to_internal_value(text)
    except serializers.ValidationError:
        return False
    return True


class Choice(EmptyIsNull, OptionalField, serializers.ChoiceField):
    """One of the values of an enumeration, in exactly its spelling."""

    def __init__(self, vocabulary: type[TextChoices], **options: Any) -> None:
        self.vocabulary = vocabulary
        # Values as labels let drf-spectacular match an enumeration with its name in the settings.
        super().__init__(choices=[(value, value) for value in vocabulary.values], **options)
        self.error_messages["invalid_choice"] = f"Must be one of: {', '.join(vocabulary.values)}."

    def to_internal_value(self, value: object) -> TextChoices:
        if value not in self.vocabulary.values:
            self.fail("invalid_choice")
        return self.vocabulary(value)


@extend_schema_field({"type": "string"})
class Word(Choice):
    """One of the values of an enumeration in any case. In the schema it is a plain string, as in the reference."""

    def to_internal_value(self, value: object) -> TextChoices:
        if isinstance(value, str):
            value = value.upper()
        return super().to_internal_value(value)


_SCALAR = {"oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}], "nullable": True}


@extend_schema_field({"type": "object", "maxProperties": MAX_ATTRIBUTES, "additionalProperties": _SCALAR})
class Attributes(OptionalField, serializers.JSONField):
    """The attributes of a document: strings, numbers or booleans by name."""

    default_error_messages = {
        "invalid": "Must be a JSON object with strings, numbers, true or false as values.",
        "too_many": f"Must have at most {MAX_ATTRIBUTES} attributes.",
        "too_large": f"All attributes together must be at most {LARGEST_ATTRIBUTES // 1024} KB as JSON.",
    }

    def to_internal_value(self, value: object) -> JsonObject:
        if not isinstance(value, dict):
            self.fail("invalid")
        if len(value) > MAX_ATTRIBUTES:
            self.fail("too_many")
        results = {name: _attribute_error(name, content) for name, content in value.items()}
        errors = {name: error for name, error in results.items() if error}
        if errors:
            raise serializers.ValidationError(errors)
        if len(json.dumps(value, ensure_ascii=False).encode()) > LARGEST_ATTRIBUTES:
            self.fail("too_large")
        return value


def _attribute_error(name: str, value: object) -> str | None:
    if not 0 < len(name) <= LONGEST_NAME or not is_storable(name):
        return f"The name of an attribute must have 1 to {LONGEST_NAME} characters."
    if isinstance(value, str):
        if len(value) > LONGEST_ATTRIBUTE or not is_storable(value):
            return f"Text must have at most {LONGEST_ATTRIBUTE} characters, without NUL or lone surrogates."
    elif isinstance(value, int | float) and not isinstance(value, bool):
        # Not `>`, which is false for NaN.
        if not abs(value) <= LARGEST_NUMBER:
            return f"A number must be between -{LARGEST_NUMBER:.0e} and {LARGEST_NUMBER:.0e}."
    elif value is not None and not isinstance(value, bool):
        return "Must be text, a number, true or false."
    return None
