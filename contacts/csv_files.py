"""Reads CSV files as spreadsheets write them: the separator and the encoding are those of the file.

A file in a Windows code page is refused, because nothing in it says which one: the same byte is ē in one and ç in
another.
"""

import codecs
import csv
import io
import re
from collections.abc import Collection, Iterator

from contacts.rows import SheetRow, UnreadableSheet, limit_length, trim

# A spreadsheet's row with all columns is far shorter.
MAX_ROW_CHARACTERS = 100_000

_SEPARATORS = ",;\t"
_SEPARATOR_LINE = re.compile(r'"?sep=([,;\t])"?[,;\t]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ENCODING_ERROR = 'The file must be CSV in UTF-8 or UTF-16. In Excel, save it as "CSV UTF-8".'


class _Lines:
    """The lines of a text. Refuses a row that is too long before it is split into cells."""

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self._row_characters = 0

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = next(self._lines)
        self._row_characters += len(line)
        if self._row_characters > MAX_ROW_CHARACTERS:
            raise csv.Error(f"a row must have at most {MAX_ROW_CHARACTERS:,} characters")
        return line

    def begin_row(self) -> None:
        self._row_characters = 0


def read_csv(content: bytes, *, columns: Collection[str]) -> Iterator[SheetRow]:
    """The rows of the file. `columns` are the known column names in lowercase, which tell the separator."""
    text = _decode(content)
    first_line = 1
    named = _SEPARATOR_LINE.match(text)
    if named:
        separator = named[1]
        text = text[named.end() :]
        first_line = 2
    else:
        separator = _detect_separator(text, columns)
    yield from _rows(text, separator, first_line)


def _decode(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableSheet(f"{_ENCODING_ERROR} Line {line} is in another encoding.") from None
    # UTF-16 without a byte order mark, an XLSX file, or another binary file.
    if "\0" in text:
        raise UnreadableSheet(_ENCODING_ERROR)
    return text


def _detect_separator(text: str, columns: Collection[str]) -> str:
    """The separator with which the first line has the most known column names."""
    first_line = next((line for line in io.StringIO(text[:MAX_ROW_CHARACTERS]) if line.strip(f"{_SEPARATORS}\n ")), "")

    def known_names(separator: str) -> int:
        names = first_line.split(separator)
        return sum(trim(name).strip('"').strip().casefold() in columns for name in names)

    return max(_SEPARATORS, key=known_names)


def _rows(text: str, separator: str, first_line: int) -> Iterator[SheetRow]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=separator, strict=True)
    line_number = first_line
    try:
        for cells in reader:
            yield line_number, [limit_length(cell) for cell in cells]
            lines.begin_row()
            line_number = first_line + reader.line_num
    except csv.Error as error:
        raise UnreadableSheet(
            f"The row that begins on line {line_number} must be valid CSV, with every quote closed ({error})."
        ) from None
