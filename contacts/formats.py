"""Reads and writes sheets: CSV and XLSX, bounded, with the line of the file that each row came from."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import openpyxl
import tablib
from import_export.formats.base_formats import CSV, XLSX

from config.errors import DomainError

MOST_LINES = 20_000
MOST_COLUMNS = 50
Line = tuple[int, list[Any]]


class UnreadableSheet(DomainError):
    """The file as a whole cannot be imported; the text says why."""

    code = "unreadable_sheet"


class Sheet(tablib.Dataset):
    """A dataset that knows the line of each of its rows."""

    lines: list[int]


class SheetCSV(CSV):
    def create_dataset(self, in_stream: Any, **kwargs: Any) -> Sheet:
        try:
            text = in_stream.decode("utf-8-sig") if isinstance(in_stream, bytes) else in_stream
            return _sheet(_csv_lines(text))
        except (UnicodeDecodeError, csv.Error) as exc:
            raise UnreadableSheet(f"This is no CSV in UTF-8: {exc}.") from None


class SheetXLSX(XLSX):
    def create_dataset(self, in_stream: Any) -> Sheet:
        try:
            book = openpyxl.load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            return _sheet(_xlsx_lines(book.active))
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as exc:
            raise UnreadableSheet(f"This is no XLSX file: {type(exc).__name__}.") from None


def _csv_lines(text: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    before = 0
    for row in reader:
        yield before + 1, row
        before = reader.line_num


def _xlsx_lines(sheet: Any) -> Iterator[Line]:
    for number, row in enumerate(sheet.iter_rows(values_only=True, max_col=MOST_COLUMNS), 1):
        yield number, list(row)


def _sheet(lines: Iterable[Line]) -> Sheet:
    """The rows under their headers. Empty lines are passed over; a line with more cells than headers is refused."""
    filled = ((number, row) for number, row in lines if any(cell not in (None, "") for cell in row))
    _, headers = next(filled, (0, []))
    while headers and headers[-1] in (None, ""):
        headers.pop()
    if not headers:
        raise UnreadableSheet("There is nothing in this file; its first line names the columns.")
    width, sheet = len(headers), Sheet(headers=[str(name or "") for name in headers])
    sheet.lines, long = [], []
    for number, row in filled:
        if any(cell not in (None, "") for cell in row[width:]):
            long.append(number)
        sheet.append([*row[:width], *[None] * (width - len(row))])
        sheet.lines.append(number)
        if len(sheet.lines) > MOST_LINES:
            raise UnreadableSheet(f"At most {MOST_LINES:,} lines are imported at once; please divide the file.")
    if long:
        raise UnreadableSheet(f"More cells than columns in {_lines(long)}.")
    if not sheet.lines:
        raise UnreadableSheet("There is no line below the names of the columns.")
    return sheet


def _lines(numbers: list[int]) -> str:
    shown = ", ".join(map(str, numbers[:20])) + (f" and {len(numbers) - 20} more" if len(numbers) > 20 else "")
    return f"line {shown}" if len(numbers) == 1 else f"lines {shown}"
