"""Text in the cells of spreadsheets: how exports keep a spreadsheet from computing it, and imports restore it.

Spreadsheets compute cells that begin with = + - or @. Where their list separator is a semicolon, they also split the
lines of a comma-separated file at semicolons, so every part of a cell counts as a cell.
"""

import re

# Blanks and quotes before the character that starts a formula. Separators are not among them, so that a search takes
# linear time.
_BEFORE_FORMULA = r"(?:[^\S\t\r\n]|[\"'\ufeff])*"
_PART_START = r"(?:\A|(?<=[;\t\r\n]))"
_UNGUARDED = re.compile(rf"{_PART_START}(?={_BEFORE_FORMULA}[=+\-@＝＋－＠])|\A(?={_BEFORE_FORMULA}[\t\r\n])")
_GUARDED = re.compile(rf"{_PART_START}'(?={_BEFORE_FORMULA}[=+\-@＝＋－＠])|\A'(?={_BEFORE_FORMULA}[\t\r\n])")
# What XML 1.0 cannot contain, and therefore no XLSX file.
_NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def guard_formulas(text: str) -> str:
    """The text with an apostrophe before each part that a spreadsheet would compute."""
    return _UNGUARDED.sub("'", text)


def unguard_formulas(text: str) -> str:
    """The text before `guard_formulas`. Any other text is unchanged."""
    return _GUARDED.sub("", text)


def replace_invalid_characters(text: str) -> str:
    """The text with U+FFFD in place of each character that XML does not allow."""
    return _NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
