"""The base of all list filters: how query parameters are parsed, and how errors in them are reported."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Any, TypeVar

from django import forms
from django.db.models import QuerySet
from django_filters import rest_framework as filters

from config import api_values
from config.errors import Fault, Invalid
from config.personal_codes import NOT_A_DIGIT, has_other_digits
from config.text import plain

Rows = TypeVar("Rows", bound="QuerySet[Any]")

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


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

    @property
    def is_search(self) -> bool:
        """Whether a part of a text is searched for."""
        return any(name.endswith("Search") and text for name, text in (self.data or {}).items())


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


class DayField(forms.Field):
    def to_python(self, value: str | None) -> date | None:
        if not value:
            return None
        try:
            # Python reads other digits and other forms of dates as well.
            if _DAY.fullmatch(value):
                return date.fromisoformat(value)
        except ValueError:
            pass
        raise forms.ValidationError("Must be a date (YYYY-MM-DD).", code="invalid")


class FlagField(forms.Field):
    def to_python(self, value: str | None) -> bool | None:
        if not value:
            return None
        flag = api_values.flag(value)
        if flag is None:
            raise forms.ValidationError("Must be true or false.", code="not_a_boolean")
        return flag


class IdField(forms.CharField):
    """An id in any case. The ids of other systems are compared as they are."""

    def to_python(self, value: str | None) -> str:
        return api_values.lowercase_id(super().to_python(value) or "")


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


class IdFilter(filters.Filter):
    field_class = IdField


class DayFilter(filters.Filter):
    field_class = DayField
