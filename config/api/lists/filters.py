"""The base of all list filters: how query parameters are parsed, and how errors in them are reported."""

from collections.abc import Sequence
from typing import Any, TypeVar

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config.errors import Fault, Invalid
from config.personal_codes import NOT_A_DIGIT, has_other_digits
from config.text import plain

Rows = TypeVar("Rows", bound="QuerySet[Any]")

_FLAGS = {None: None, "": None, "true": True, "false": False}


def containing(rows: Rows, column: str, text: str) -> Rows:
    """Keep the rows whose column, in the form of `config.text.plain`, contains the text.

    A text of which nothing is left in that form, such as a mark without a letter, finds nothing.
    """
    part = plain(text)
    if not part:
        return rows.none()
    return rows.filter(**{f"{column}__contains": part})


class ListFilter(filters.FilterSet):
    """The filters of one list. Empty parameters are ignored."""

    def rows(self) -> Any:
        """The filtered rows; `Invalid` with a fault for each bad parameter."""
        if not self.is_valid():
            faults = []
            for name, errors in self.form.errors.as_data().items():
                faults += [Fault(e.messages[0], code=e.code or "invalid", parameter=name) for e in errors]
            raise Invalid(faults=faults)
        return self.qs


class WordsField(forms.Field):
    """Values of an enumeration; the parameter may be repeated or comma-separated."""

    widget = forms.SelectMultiple

    def __init__(self, *, words: Sequence[str], **options: Any) -> None:
        super().__init__(**options)
        self.words = words

    def to_python(self, value: list[str] | None) -> list[str]:
        words = [word.strip() for word in ",".join(value or []).split(",") if word.strip()]
        for word in words:
            if word not in self.words:
                detail = f"'{word}' must be one of: {', '.join(self.words)}."
                raise forms.ValidationError(detail, code="invalid_choice")
        return words


class DayField(forms.DateField):
    input_formats = ["%Y-%m-%d"]
    default_error_messages = {"invalid": "Not a valid date; use YYYY-MM-DD."}


class FlagField(forms.Field):
    def to_python(self, value: str | None) -> bool | None:
        if value not in _FLAGS:
            raise forms.ValidationError("Must be true or false.", code="not_a_boolean")
        return _FLAGS[value]


class PersonalCodeField(forms.CharField):
    def to_python(self, value: str | None) -> str:
        text = super().to_python(value) or ""
        if has_other_digits(text):
            raise forms.ValidationError(NOT_A_DIGIT, code="not_a_digit")
        return text


class PersonalCodeFilter(filters.Filter):
    field_class = PersonalCodeField


class FlagFilter(filters.Filter):
    field_class = FlagField


class WordsFilter(filters.Filter):
    field_class = WordsField


class DayFilter(filters.Filter):
    field_class = DayField
