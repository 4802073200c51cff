"""Reads sheets from CSV and XLSX files, and writes them. Limits their size and notes the line of each row."""

import csv
import io
import zipfile
from collections.abc import Iterable, Iterator

import openpyxl
import tablib
from import_export.formats.base_formats import CSV, XLSX

from config.errors import DomainError

MAX_SHEET_LINES = 20_000
MAX_SHEET_COLUMNS = 50
# How many line numbers an error message lists.
_MAX_LISTED_LINES = 20
# A line number and the cells.
_Row = tuple[int, list[object]]


class UnreadableSheet(DomainError):
    """The file as a whole cannot be imported."""

    code = "unreadable_sheet"


class Sheet(tablib.Dataset):
    """A dataset with the line number of each row in the file: empty lines are left out, and texts span lines."""

    line_numbers: list[int]


class SheetCSV(CSV):
    def create_dataset(self, in_stream: bytes, **kwargs: object) -> Sheet:
        try:
            return _to_sheet(_csv_rows(in_stream.decode("utf-8-sig")))
        except (UnicodeDecodeError, csv.Error) as error:
            raise UnreadableSheet(f"The file must be CSV in UTF-8 ({error}).") from None


class SheetXLSX(XLSX):
    def create_dataset(self, in_stream: bytes) -> Sheet:
        try:
            workbook = openpyxl.load_workbook(io.BytesIO(in_stream), read_only=True, data_only=True)
            return _to_sheet(_xlsx_rows(workbook))
        # openpyxl has no exception of its own for files that are damaged or in another format.
        except (zipfile.BadZipFile, KeyError, TypeError, ValueError, OSError) as error:
            raise UnreadableSheet(f"The file must be an XLSX file ({type(error).__name__}).") from None


def _csv_rows(text: str) -> Iterator[_Row]:
    reader = csv.reader(io.StringIO(text, newline=""))
    first_line = 1
    for cells in reader:
        yield first_line, list(cells)
        first_line = reader.line_num + 1


def _xlsx_rows(workbook: openpyxl.Workbook) -> Iterator[_Row]:
    rows = workbook.active.iter_rows(values_only=True, max_col=MAX_SHEET_COLUMNS)
    for line_number, cells in enumerate(rows, 1):
        yield line_number, list(cells)


def _to_sheet(rows: Iterable[_Row]) -> Sheet:
    """The rows under the column names in the first one, without empty rows."""
    sheet = Sheet()
    sheet.line_numbers = []
    too_long = []
    for line_number, cells in rows:
        while cells and cells[-1] in (None, ""):
            cells.pop()
        if not cells:
            continue
        if not sheet.headers:
            sheet.headers = [str(name or "") for name in cells]
            continue
        # Stop reading at the limit: a small XLSX file can unpack to any number of rows.
        sheet.line_numbers.append(line_number)
        if len(sheet.line_numbers) > MAX_SHEET_LINES:
            raise UnreadableSheet(f"The file must have at most {MAX_SHEET_LINES:,} lines. Please split it.")
        missing = len(sheet.headers) - len(cells)
        if missing < 0:
            too_long.append(line_number)
        else:
            sheet.append(cells + [None] * missing)

    # Errors in the file as a whole.
    if not sheet.headers:
        raise UnreadableSheet("The file is empty. Its first line must contain the column names.")
    if too_long:
        raise UnreadableSheet(f"There are more cells than columns in these lines: {_list_lines(too_long)}.")
    if not sheet.line_numbers:
        raise UnreadableSheet("There are no lines below the column names.")
    return sheet


def _list_lines(numbers: list[int]) -> str:
    text = ", ".join(map(str, numbers[:_MAX_LISTED_LINES]))
    if len(numbers) > _MAX_LISTED_LINES:
        text += f" and {len(numbers) - _MAX_LISTED_LINES} more"
    return text
