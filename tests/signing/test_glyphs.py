"""What the fonts of the certificate can draw, and what is shown instead of the rest."""

import json
import unicodedata

import pytest
from fontTools.ttLib import TTFont

from signing.evidence.glyphs import FONTS, breakable, isolated, printable, runs


def test_the_list_of_characters_is_that_of_the_fonts() -> None:
    """`fonts/build.py` must run again when a font has changed."""
    listed = json.loads((FONTS / "coverage.json").read_text())
    files = [FONTS / "DejaVuSans.ttf", *(FONTS / "fallback").glob("*.[ot]tf")]

    assert len(files) == len(listed)
    for file in files:
        font = TTFont(file, lazy=True)
        characters: set[int] = set()
        for code_points in listed[font["name"].getBestFamilyName()].split():
            first, last = code_points.split("-")
            characters.update(range(int(first, 16), int(last, 16) + 1))
        assert characters == set(font.getBestCmap())


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x00b", "a[U+0000]b"),
        ("\u202eb", "[U+202E]b"),
        ("漢\ud800", "漢[U+D800]"),
        ("Ana\u200b", "Ana[U+200B]"),
        ("ab\u200dc", "ab[U+200D]c"),
        ("\u3164", "[U+3164]"),
        ("葛\U000e0100", "葛[U+E0100]"),
        ("\U0001f9d1", "[U+1F9D1]"),
        ("\u0301a", "[U+0301]a"),
        ("ক\u0e49", "ক[U+0E49]"),
        (" one\r\n two\x85three ", "one two three"),
        (unicodedata.normalize("NFD", "āģš"), "āģš"),
    ],
    ids=ascii,
)
def test_what_cannot_be_seen_is_shown_as_code_points(text, shown) -> None:
    assert printable(text) == shown


@pytest.mark.parametrize("name", ["علی\u200cرضا", "ශ\u0dca\u200dරී"], ids=ascii)
def test_joiners_stay_where_the_script_needs_them(name) -> None:
    assert printable(name) == name


def test_marks_do_not_pile_up() -> None:
    assert printable("a" + "\u0301" * 9).count("[U+0301]") == 5


def test_each_letter_is_in_one_font_with_its_marks() -> None:
    assert runs("Ana") == ["Ana"]
    assert runs("Ana 王 김") == ["Ana ", ("Droid Sans Fallback", "王"), " ", ("Noto Sans CJK JP", "김")]
    assert runs("ب\u064b") == [("Noto Sans Arabic", "ب\u064b")]


def test_long_words_can_be_broken_but_not_in_a_code_point() -> None:
    assert breakable("short words", longest_word=5) == "short words"
    assert breakable("ab[U+1F9D1]", longest_word=5) == "a\ufffcb\ufffc[U+1F9D1]"


def test_right_to_left_text_is_isolated() -> None:
    assert isolated("Ana") == "Ana"
    assert isolated("כהן") == "\u2068כהן\u2069"
