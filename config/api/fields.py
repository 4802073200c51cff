"""Serializer fields that take the wire's type and nothing that merely resembles it.

DRF's own fields read `1` as text, `"yes"` as true and `"7"` as a number; a contract does not.
All are optional and may be null: what must be there is said where it is used.
"""

import re
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.models import Model, TextChoices
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from config.text import is_storable
from config.vocabulary import LONGEST_NAME

INT32 = 2**31 - 1
MAX_ATTRIBUTES = 200
LONGEST_ATTRIBUTE = 4000
LARGEST_NUMBER = 1e15
_LANGUAGE_TAG = re.compile(r"[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*")
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}(:[0-9]{2}([.][0-9]+)?)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_FIRST_YEAR, _LAST_YEAR = 1, 9999
_COUNTRY = re.compile(r"[A-Za-z]{2}")


@cache
def api_fields(serializer: type[serializers.Serializer], model: type[Model]) -> dict[str, str]:
    """The column of each API field that a column stands for, in the serializer's order."""
    columns = {column.name for column in model._meta.concrete_fields}
    sources = {name: field.source or name for name, field in serializer().get_fields().items()}
    return {name: source for name, source in sources.items() if source in columns}


class Optional:
    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("required", False)
        kwargs.setdefault("allow_null", True)
        super().__init__(**kwargs)


class Text(Optional, serializers.CharField):
    """Text kept to the byte: not trimmed, may be empty."""

    default_error_messages = {"invalid": "This is text, in quotes."}

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs.setdefault("allow_blank", True)
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, value: Any) -> str:
        if not isinstance(value, str):
            self.fail("invalid")
        return super().to_internal_value(value)


class Email(Optional, serializers.EmailField):
    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 254)
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, value: Any) -> str:
        if not isinstance(value, str):
            self.fail("invalid")
        return super().to_internal_value(value)


class Country(Text):
    """ISO 3166-1 alpha-2, in either case."""

    def to_internal_value(self, value: Any) -> str:
        text = super().to_internal_value(value)
        if not _COUNTRY.fullmatch(text):
            raise serializers.ValidationError("A country is two letters, for example LV.", code="not_a_country")
        return text


class LanguageTag(Text):
    """A well-formed BCP 47 tag; whether texts exist in that language is not asked."""

    def to_internal_value(self, value: Any) -> str:
        text = super().to_internal_value(value)
        if not _LANGUAGE_TAG.fullmatch(text):
            raise serializers.ValidationError("A language is a tag like lv or lv-LV.", code="not_a_language")
        return text


class Flag(Optional, serializers.BooleanField):
    default_error_messages = {"invalid": "This is true or false."}

    def to_internal_value(self, value: Any) -> bool:
        if not isinstance(value, bool):
            self.fail("invalid")
        return value


@extend_schema_field({"type": "integer", "format": "int32"})
class Whole(Optional, serializers.IntegerField):
    """A whole number of 32 bits, from 0 unless said otherwise."""

    default_error_messages = {"invalid": "This is a whole number, without quotes."}

    def __init__(self, **kwargs: Any) -> None:
        if not kwargs.get("read_only"):
            kwargs = {"min_value": 0, "max_value": INT32, **kwargs}
        super().__init__(**kwargs)

    def to_internal_value(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int):
            self.fail("invalid")
        return super().to_internal_value(value)


class Moment(Optional, serializers.DateTimeField):
    """RFC 3339; a moment without an offset is in the service's time zone."""

    default_error_messages = {
        "invalid": "This is no date and time; write it like 2026-02-17T11:00:00Z.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str) or not _RFC3339.fullmatch(value):
            self.fail("invalid", format="RFC 3339")
        moment = super().to_internal_value(value)
        if not _FIRST_YEAR < moment.year < _LAST_YEAR:
            # Every zone must be able to show it.
            self.fail("overflow", timezone="every time zone")
        return moment.astimezone(UTC)


def is_moment(text: str) -> bool:
    """Whether `Moment` takes this text."""
    try:
        Moment().to_internal_value(text)
    except serializers.ValidationError:
        return False
    return True


@extend_schema_field({"type": "string"})
class Word(Optional, serializers.ChoiceField):
    """One of the wire's words in whatever case; it is kept in capitals. The schema says no more than `string`."""

    def __init__(self, vocabulary: type[TextChoices], **kwargs: Any) -> None:
        super().__init__(choices=vocabulary.choices, **kwargs)
        self.error_messages["invalid_choice"] = f"This is none of the allowed values: {', '.join(vocabulary.values)}."

    def to_internal_value(self, value: Any) -> Any:
        return super().to_internal_value(value.upper() if isinstance(value, str) else value)


@extend_schema_field(
    {
        "type": "object",
        "maxProperties": MAX_ATTRIBUTES,
        "additionalProperties": {
            "oneOf": [{"type": "string"}, {"type": "number"}, {"type": "boolean"}],
            "nullable": True,
        },
    }
)
class Attributes(Optional, serializers.Field):
    """What is said of a document: texts, numbers, true or false, by the names of its attributes."""

    default_error_messages = {
        "invalid": "This is an object of names and values: texts, numbers, true or false.",
        "too_many": f"At most {MAX_ATTRIBUTES} attributes.",
    }

    def to_internal_value(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, dict):
            self.fail("invalid")
        if len(value) > MAX_ATTRIBUTES:
            self.fail("too_many")
        wrong = {name: said for name, text in value.items() if (said := _cannot_be_said(name, text))}
        if wrong:
            raise serializers.ValidationError(wrong)
        return value

    def to_representation(self, value: Any) -> Any:
        return value


def _cannot_be_said(name: str, value: Any) -> str | None:
    """Why nothing of that name, or no such value, can be kept."""
    if not 0 < len(name) <= LONGEST_NAME or not is_storable(name):
        return f"An attribute's name is 1 to {LONGEST_NAME} characters."
    if isinstance(value, str):
        fits = len(value) <= LONGEST_ATTRIBUTE and is_storable(value)
        return None if fits else f"A text is at most {LONGEST_ATTRIBUTE} characters, without NUL and lone surrogates."
    if isinstance(value, int | float) and not isinstance(value, bool):
        return None if abs(value) <= LARGEST_NUMBER else f"A number is at most {LARGEST_NUMBER:.0e}."
    return None if value is None or isinstance(value, bool) else "This is a text, a number, true or false."


class Choice(Optional, serializers.ChoiceField):
    """One of the wire's words, in exactly its spelling."""

    def __init__(self, vocabulary: type[TextChoices], **kwargs: Any) -> None:
        self.vocabulary = vocabulary
        # The name lets drf-spectacular tell enumerations of the same values apart.
        super().__init__(choices=[(value, value) for value in vocabulary.values], **kwargs)
        self.error_messages["invalid_choice"] = f"This is none of the allowed values: {', '.join(vocabulary.values)}."

    def to_internal_value(self, value: Any) -> Any:
        if not isinstance(value, str) or value not in self.vocabulary.values:
            self.fail("invalid_choice")
        return self.vocabulary(value)
