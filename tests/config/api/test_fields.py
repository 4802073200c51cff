"""Fields accept the JSON type of the API and nothing similar."""

from datetime import UTC, datetime
from typing import Any

import pytest
from rest_framework import serializers

from config.api import fields
from config.vocabulary import AttributeType, Scope

FIELDS: dict[str, tuple[serializers.Field, list[Any], list[Any]]] = {
    "text": (fields.Text(), ["", " x ", "5"], [5, True, [], {}, "a\0b"]),
    "email": (fields.Email(), ["ana@example.org"], ["ana", 5, " ana@example.org", f"{'a' * 250}@example.org"]),
    "country": (fields.Country(), ["LV", "lv"], ["LVA", "L1", 5]),
    "language": (fields.LanguageTag(), ["lv", "lv-LV", "zh-Hant-TW"], ["l", "_LV", "lv__LV", 5]),
    "flag": (fields.Flag(), [True, False], ["true", 0, 1, "", []]),
    "whole": (fields.Whole(), [0, 5, fields.INT32], [-1, fields.INT32 + 1, True, "5", 5.0, []]),
    "choice": (fields.Choice(Scope), ["GLOBAL"], ["global", " ", 5, [], {}]),
    "word": (fields.Word(AttributeType), ["TEXT", "text", "Text"], ["TXT", " ", 5, []]),
    "attributes": (
        fields.Attributes(),
        [{}, {"a": "x", "b": 1.5, "c": True, "d": None}],
        [[], "x", {"": 1}, {"a": []}, {"a": 1e16}, {"a": float("nan")}, {"a": "\ud800"}, {"a": "x" * 4001}],
    ),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, accepted, _) in FIELDS.items() for v in accepted])
def test_accepted_values(name: str, value: Any) -> None:
    stored = FIELDS[name][0].run_validation(value)
    assert stored == (value.upper() if name == "word" else value)


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (_, _, refused) in FIELDS.items() for v in refused])
def test_refused_values(name: str, value: Any) -> None:
    with pytest.raises(serializers.ValidationError):
        FIELDS[name][0].run_validation(value)


@pytest.mark.parametrize("name", ["email", "country", "language", "choice", "word", "moment"])
def test_empty_text_is_null_where_text_is_not_free(name: str) -> None:
    field = FIELDS[name][0] if name in FIELDS else fields.Moment()
    assert field.run_validation("") is None


def test_a_language_as_java_writes_it_gets_its_hyphen() -> None:
    assert fields.LanguageTag().run_validation("lv_LV") == "lv-LV"


def test_all_attributes_together_are_bounded() -> None:
    full = {f"a{n}": "x" * 4000 for n in range(16)}
    assert fields.Attributes().run_validation(full) == full
    for size, letter in ((17, "x"), (9, "\u0101")):
        with pytest.raises(serializers.ValidationError, match="64 KB"):
            fields.Attributes().run_validation({f"a{n}": letter * 4000 for n in range(size)})


@pytest.mark.parametrize("name", FIELDS)
def test_every_field_is_optional_and_nullable(name: str) -> None:
    assert not FIELDS[name][0].required
    assert FIELDS[name][0].run_validation(None) is None


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-02-17T11:00:00Z", datetime(2026, 2, 17, 11, tzinfo=UTC)),
        ("2026-02-17 11:00+02:00", datetime(2026, 2, 17, 9, tzinfo=UTC)),
        ("2026-02-17T11:00:00.5Z", datetime(2026, 2, 17, 11, microsecond=500_000, tzinfo=UTC)),
        ("2026-02-17t11:00:00z", datetime(2026, 2, 17, 11, tzinfo=UTC)),
        ("2026-02-17T11:00:00+0200", datetime(2026, 2, 17, 9, tzinfo=UTC)),
        ("2026-02-17T11:00:00.000-0530", datetime(2026, 2, 17, 16, 30, tzinfo=UTC)),
        ("2026-02-17T11:00:00+02", datetime(2026, 2, 17, 9, tzinfo=UTC)),
        ("2026-02-17T11:00:00.123456789Z", datetime(2026, 2, 17, 11, microsecond=123_456, tzinfo=UTC)),
    ],
)
def test_moments_are_stored_in_utc(text: str, moment: datetime) -> None:
    assert fields.Moment().run_validation(text) == moment
    assert fields.is_moment(text)


@pytest.mark.parametrize(
    "text",
    [
        "2026-02-17",
        "2026-02-17T11:00:00+2",
        "2026-02-17T11:00:00+02:0",
        "2026-02-30T11:00:00Z",
        "0001-01-01T00:00:00Z",
        "9999-12-31T00:00:00Z",
        "२०२६-02-17T11:00Z",
    ],
)
def test_moments_that_are_not_rfc_3339_or_at_the_ends_of_the_calendar_are_refused(text: str) -> None:
    with pytest.raises(serializers.ValidationError):
        fields.Moment().run_validation(text)
    assert not fields.is_moment(text)
