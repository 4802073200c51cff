"""The base of all list filters: how query parameters are parsed, and how errors in them are reported."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django_filters import rest_framework as filters

from config.errors import Fault, Invalid

_FLAGS = {None: None, "": None, "true": True, "false": False}


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


class FlagFilter(filters.Filter):
    field_class = FlagField


class WordsFilter(filters.Filter):
    field_class = WordsField


class DayFilter(filters.Filter):
    field_class = DayField
