"""Personal codes in the format of their country, and one key for all spellings of a code."""

import unicodedata
from datetime import UTC, datetime

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from rest_framework import serializers
from stdnum.util import clean

from config.api.fields import PersonalCode
from config.personal_codes import (
    code_key,
    has_other_digits,
    is_code,
    person_key,
    personal_code_faults,
    personal_code_warnings,
)

OK, DOUBTFUL, MALFORMED = (0, 0), (0, 1), (1, 1)


@pytest.mark.parametrize(
    ("country", "code", "expected"),
    [
        ("LV", "161175-19997", OK),
        ("LV", "16117519997", OK),
        ("lv", "328673-00679", OK),
        ("LV", "010190-12345", DOUBTFUL),
        ("LV", "161375-19997", DOUBTFUL),
        ("LV", "1", MALFORMED),
        ("LV", "16117A-19997", MALFORMED),
        ("LT", "38703181745", OK),
        ("LT", "38703181746", DOUBTFUL),
        ("LT", "3870318174", MALFORMED),
        ("EE", "36805280109", OK),
        ("EE", "36805280108", DOUBTFUL),
        ("EE", "368052801090", MALFORMED),
        ("PL", "44051401359", OK),
        ("PL", "44051401358", DOUBTFUL),
        ("PL", "440514-0135", MALFORMED),
        ("FI", "131052-308T", OK),
        ("FI", "131052308T", OK),
        ("FI", "131052-308U", DOUBTFUL),
        ("FI", "131052X308", MALFORMED),
        ("SE", "880320-0016", OK),
        ("SE", "198803200016", OK),
        ("SE", "880320-0018", DOUBTFUL),
        ("SE", "88032", MALFORMED),
        ("SE", "19880320+0016", OK),
        ("SE", "880320:0016", OK),
        ("LV", "161175\u201319997", OK),
        ("LV", "PNOLV-161175-19997", OK),
        ("LV", "PNOEE-161175-19997", MALFORMED),
        ("LV", "40003521600", DOUBTFUL),
        ("IS", "anything at all", OK),
        (None, "010190-12345", OK),
        ("LV", None, OK),
        ("LV", " - ", OK),
    ],
)
def test_the_format_of_each_country(country: str | None, code: str | None, expected: tuple[int, int]) -> None:
    faults = personal_code_faults(country, code, "#/personalCode")
    warnings = personal_code_warnings(country, code, "#/personalCode")
    assert (len(faults), len(warnings)) == expected
    assert all(code and code not in fault.detail for fault in [*faults, *warnings])


VALID = {
    "EE": "36805280109",
    "FI": "131052-308T",
    "LT": "38703181745",
    "LV": "16117519997",
    "NO": "15108695088",
    "PL": "44051401359",
    "SE": "8803200016",
    "IS": "AB1203197",
}
DASHES = [chr(n) for n in range(0x110000) if not 0xD800 <= n <= 0xDFFF and clean(chr(n)) == "-"]
BLANKS = [chr(n) for n in range(0x110000) if not 0xD800 <= n <= 0xDFFF and clean(chr(n)) == " "]
INVISIBLE = ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202a", "\t", "\n"]
DIGITS = {}
for n in range(0x110000):
    if clean(chr(n)) != chr(n) and clean(chr(n)).isdigit():
        DIGITS.setdefault(clean(chr(n)), []).append(chr(n))


@st.composite
def spellings(draw: st.DrawFn, *, digits: bool) -> tuple[str, str]:
    """A country and a spelling of its code in `VALID`, with other digits or without."""
    country = draw(st.sampled_from(sorted(VALID)))
    code = VALID[country]
    if country == "SE" and draw(st.booleans()):
        code = f"19{code}"
    if country == "SE" and draw(st.booleans()):
        # In ten digits, a plus is another person, who is 100 years older.
        sign = "-" if len(code) == 10 else draw(st.sampled_from("-+"))
        code = f"{code[:-4]}{sign}{code[-4:]}"
    if country == "LV" and draw(st.booleans()):
        code = f"LV{code}"
    if draw(st.booleans()):
        code = code.lower()
    prefix = draw(st.sampled_from(["", f"PNO{country}-", f"pno{country.lower()}\u2011"]))

    # Separators between the characters, but not the colon, which two countries allow.
    separators = st.sampled_from(["", "", "", *DASHES, *BLANKS, *INVISIBLE])
    if country in ("NO", "SE"):
        separators = st.one_of(separators, st.just(":"))
    written = []
    for character in code:
        if digits and character in DIGITS and draw(st.booleans()):
            character = draw(st.sampled_from(DIGITS[character]))
        written.append(character)
        written.append(draw(separators))
    return country, prefix + "".join(written)


@given(spellings(digits=True))
def test_every_spelling_is_the_same_person(spelling: tuple[str, str]) -> None:
    country, code = spelling
    assert person_key(country, code) == person_key(country.lower(), VALID[country])
    assert is_code(code, {code_key(country, VALID[country])})


@given(spellings(digits=False))
def test_every_spelling_in_ascii_digits_is_accepted(spelling: tuple[str, str]) -> None:
    country, code = spelling
    assert personal_code_faults(country, code, "#") == []
    assert PersonalCode(max_length=None).run_validation(code) == code


@given(st.sampled_from(sorted(VALID)), st.text("0123456789ABCXYZ+-: \u2013\u0663LVPNO", max_size=20))
def test_what_stdnum_reads_as_the_same_has_the_same_key(country: str, code: str) -> None:
    key = code_key(country, code)
    assert code_key(country, key) == key
    assert code_key(country, clean(code)) == key
    assert code_key(country, unicodedata.normalize("NFD", code.swapcase())) == key
    assert len(key) <= 192


@pytest.mark.parametrize(
    ("spellings", "key"),
    [
        (["880320-0016", "8803200016", "198803200016", "19880320-0016", "19880320+0016"], "198803200016"),
        (["880320+0016", "188803200016", "18880320-0016"], "188803200016"),
        (["260101-0016", "2601010016", "202601010016"], "202601010016"),
        (["260101+0016", "192601010016"], "192601010016"),
        (["270101-0016", "2701010016", "192701010016"], "192701010016"),
        (["270101+0016", "182701010016"], "182701010016"),
    ],
)
def test_swedish_codes_a_hundred_years_apart_are_two_people(
    monkeypatch: pytest.MonkeyPatch, spellings: list[str], key: str
) -> None:
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 5, 4, tzinfo=UTC))
    assert {code_key("SE", spelling) for spelling in spellings} == {key}
    assert all(is_code(spelling, {key}) for spelling in spellings)


def test_a_code_of_another_century_sign_or_country_is_another_person() -> None:
    assert person_key("FI", "131052A308T") != person_key("FI", "131052-308T")
    assert person_key("EE", "PNOLV-161175-19997") != person_key("LV", "161175-19997")
    assert person_key("\u017fe", "880320-0016") == ""


@pytest.mark.parametrize("code", ["１61175-19997", "161175-1999\u0667", "161175-1999\u00b2", "\U0001d7ce"])
def test_characters_that_look_like_digits_are_refused(code: str) -> None:
    assert has_other_digits(code)
    with pytest.raises(serializers.ValidationError):
        PersonalCode().run_validation(code)
