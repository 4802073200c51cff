"""What the readers of CSV and XLSX files have in common: rows, cells that cannot be read, and the limits of both."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from config.errors import DomainError

MAX_SHEET_COLUMNS = 50
# More than any column allows. Without this limit, a small XLSX file could repeat one long text in every cell.
MAX_CELL_CHARACTERS = 1_000

# How many line numbers or cells an error message lists.
_MAX_LISTED = 20
# Blanks and invisible characters, which texts copied from web pages and documents begin or end with.
_BLANKS = (
    "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\xad\u034f\u061c\u1680\u180e"
    "\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u200b\u200c\u200d\u200e\u200f"
    "\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u202f\u205f\u2060\u2061\u2062\u2063\u2064"
    "\u2066\u2067\u2068\u2069\u206a\u206b\u206c\u206d\u206e\u206f\u3000\ufeff"
)

# A line number and the cells: texts, booleans, invalid cells, or None.
SheetRow = tuple[int, list[object]]


class UnreadableSheet(DomainError):
    """The file as a whole cannot be imported."""

    code = "unreadable_sheet"


@dataclass(frozen=True, slots=True)
class InvalidCell:
    """A cell whose text is unknown. `detail` is the error of its line and column."""

    detail: str


def trim(text: str) -> str:
    """The text in NFC without surrounding blanks and invisible characters."""
    return unicodedata.normalize("NFC", text.strip(_BLANKS))


def is_blank(cell: object) -> bool:
    return cell is None or (isinstance(cell, str) and not cell.strip(_BLANKS))


def limit_length(text: str) -> str | InvalidCell:
    """The text, unless it is too long for a cell."""
    if len(text) > MAX_CELL_CHARACTERS:
        return InvalidCell(f"The text must have at most {MAX_CELL_CHARACTERS:,} characters.")
    return text


def list_shortened(values: Sequence[object]) -> str:
    text = ", ".join(map(str, values[:_MAX_LISTED]))
    if len(values) > _MAX_LISTED:
        text += f" and {len(values) - _MAX_LISTED} more"
    return text
