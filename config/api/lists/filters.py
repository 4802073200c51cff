"""What the filters of every list share: how parameters are read, and how it is said that one cannot be."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django_filters import rest_framework as filters

from config.errors import Fault, Invalid

_FLAGS = {None: None, "": None, "true": True, "false": False}


class ListFilter(filters.FilterSet):
    """The filters of one list. An empty parameter is one that is not given."""

    def rows(self) -> Any:
        """The filtered rows; `Invalid` names each parameter that cannot be read."""
        if not self.is_valid():
            raise Invalid(
                faults=[
                    Fault(error.messages[0], code=error.code or "invalid", parameter=name)
                    for name, errors in self.form.errors.as_data().items()
                    for error in errors
                ]
            )
        return self.qs


class WordsField(forms.Field):
    """Words of a vocabulary, repeated or comma-separated."""

    widget = forms.SelectMultiple

    def __init__(self, *args: Any, words: Sequence[str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.words = words

    def to_python(self, value: list[str] | None) -> list[str]:
        asked = [word.strip() for part in value or [] for word in part.split(",") if word.strip()]
        if unknown := [word for word in asked if word not in self.words]:
            detail = f"'{unknown[0]}' is none of: {', '.join(self.words)}."
            raise forms.ValidationError(detail, code="invalid_choice")
        return asked


class DayField(forms.DateField):
    input_formats = ["%Y-%m-%d"]
    default_error_messages = {"invalid": "This is no day; write it like 2026-02-17."}


class FlagField(forms.Field):
    def to_python(self, value: str | None) -> bool | None:
        if value not in _FLAGS:
            raise forms.ValidationError("This is true or false.", code="not_a_boolean")
        return _FLAGS[value]


class FlagFilter(filters.Filter):
    field_class = FlagField


class WordsFilter(filters.Filter):
    field_class = WordsField


class DayFilter(filters.Filter):
    field_class = DayField
