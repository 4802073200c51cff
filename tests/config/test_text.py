"""Normalized text, keys of persons, and values in the API."""

import unicodedata
import uuid
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config import api_values
from config.errors import DomainError, Fault, Forbidden
from config.personal_codes import code_key, person_key
from config.text import composed, is_storable, plain, spellings


@pytest.mark.parametrize(
    ("text", "expected"),
    [("Bērziņš", "berzins"), ("ŁÓDŹ", "lodz"), ("Straße", "strasse"), ("Þór", "thor"), ("ﬁ", "fi"), (None, "")],
)
def test_plain_text_has_neither_case_nor_diacritics(text: str | None, expected: str) -> None:
    assert plain(text) == expected


@pytest.mark.parametrize(
    ("text", "search"),
    [
        ("Līgums № 12", "no 12"),
        ("O\u2019Brien", "o'brien"),
        ("O\u02bcBrien", "O\u00b4Brien"),
        ("Jean\u2011Luc", "jean-luc"),
        ("co\u00adop\u200beration", "cooperation"),
        ("Anna  Berga", "anna berga"),
        ("Anna\u00a0Berga", "anna\nberga"),
        ("Tele\u2122", "teletm"),
        ("\u210cans", "hans"),
    ],
)
def test_what_people_type_finds_what_was_written(text: str, search: str) -> None:
    assert plain(search) in plain(text)
    assert plain(search) != ""


@given(st.text(max_size=30))
def test_plain_text_is_stable_and_the_same_for_every_unicode_form(text: str) -> None:
    folded = plain(text)
    assert plain(folded) == folded
    assert plain(unicodedata.normalize("NFC", text)) == folded
    assert plain(unicodedata.normalize("NFD", text)) == folded


@given(st.text(max_size=30))
def test_a_name_is_among_the_spellings_of_its_other_forms(text: str) -> None:
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, text)
        assert other in spellings(text)
        assert composed(other) == composed(text)


def test_a_person_key_needs_a_country_and_a_code() -> None:
    assert code_key(None, " 010190-12345\u00a0") == "01019012345"
    assert person_key(" LV ", "010190-12345") == "lv:01019012345"
    assert person_key("LV", " - ") == person_key(None, "1") == person_key("LV", None) == ""


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", True), ("Ūdens 🖋", True), ("a\0", False), ("a\ud800", False), ("\udfffa", False)],
)
def test_nul_and_lone_surrogates_cannot_be_stored(text: str, expected: bool) -> None:
    assert is_storable(text) is expected


def test_values_in_the_api() -> None:
    riga = datetime(2026, 5, 4, 15, 0, tzinfo=timezone(timedelta(hours=3)))
    assert api_values.value(riga) == "2026-05-04T12:00:00Z"
    identifier = uuid.uuid4()
    assert api_values.value(identifier) == str(identifier)
    assert api_values.value(None) is None
    assert api_values.row(Fault("Wrong."), {"text": "detail", "where": "pointer"}) == {"text": "Wrong.", "where": None}


@pytest.mark.parametrize(
    "text", ["", "x", "{9dce9e72-6bf9-4874-8dd1-44342027dd4f}", "9dce9e726bf948748dd144342027dd4f"]
)
def test_only_canonical_uuids_are_ids(text: str) -> None:
    assert api_values.is_id("9DCE9E72-6bf9-4874-8dd1-44342027dd4f")
    assert not api_values.is_id(text)


def test_faults_omit_missing_locations() -> None:
    fault = Fault("Wrong.", parameter="user")
    assert api_values.warnings([fault]) == {"warnings": [{"detail": "Wrong.", "code": "invalid", "parameter": "user"}]}
    assert api_values.warnings([]) == {"warnings": []}


def test_errors_have_defaults_per_class_and_values_per_instance() -> None:
    error = Forbidden()
    assert (error.status, error.code, str(error)) == (403, "forbidden", Forbidden.detail)
    error = DomainError("Failed.", code="internal_error", status=500)
    assert (error.status, error.code, str(error)) == (500, "internal_error", "Failed.")
    assert (DomainError.status, DomainError.code) == (400, "refused")
