"""The formats of sheets for django-import-export: each row of the file under the column names in its first line."""

from collections.abc import Iterable

import tablib
from import_export.formats.base_formats import CSV, XLSX

from contacts.csv_files import read_csv
from contacts.models import Contact
from contacts.rows import MAX_SHEET_COLUMNS, InvalidCell, SheetRow, UnreadableSheet, is_blank, list_shortened, trim
from contacts.xlsx_files import escape_xlsx, read_xlsx

COLUMNS = [name for name in Contact.api_fields() if name != "createdAt"]
MAX_SHEET_LINES = 20_000
# Empty lines and cells are not imported, but reading them takes time.
MAX_LINES_READ = 100_000
MAX_CELLS_READ = MAX_SHEET_LINES * MAX_SHEET_COLUMNS

_COLUMN_BY_NAME = {name.casefold(): name for name in COLUMNS}
_MAX_NAME_CHARACTERS = 50


class Sheet(tablib.Dataset):
    """A dataset with the line number of each row in the file: empty lines are left out, and texts span lines."""

    line_numbers: list[int]


class SheetCSV(CSV):
    def create_dataset(self, in_stream: bytes, **kwargs: object) -> Sheet:
        return _to_sheet(read_csv(in_stream, columns=_COLUMN_BY_NAME))


class SheetXLSX(XLSX):
    def create_dataset(self, in_stream: bytes) -> Sheet:
        return _to_sheet(read_xlsx(in_stream, columns=_COLUMN_BY_NAME))

    def export_data(self, dataset: tablib.Dataset, **kwargs: object) -> bytes:
        escaped = tablib.Dataset(headers=dataset.headers, title=dataset.title)
        for row in dataset:
            escaped.append([escape_xlsx(cell) for cell in row])
        return super().export_data(escaped, **kwargs)


def _to_sheet(rows: Iterable[SheetRow]) -> Sheet:
    """The rows under the column names in the first one, without empty rows."""
    sheet = Sheet()
    sheet.line_numbers = []
    too_long = []
    cells_read = 0
    for rows_read, (line_number, cells) in enumerate(rows, 1):
        # Stop reading at the limits: a small file can contain any number of rows.
        if rows_read > MAX_LINES_READ:
            raise UnreadableSheet(f"The file must have at most {MAX_LINES_READ:,} lines, empty lines included.")
        cells_read += len(cells)
        if cells_read > MAX_CELLS_READ:
            raise UnreadableSheet(f"The file must have at most {MAX_CELLS_READ:,} cells, empty cells included.")
        while cells and is_blank(cells[-1]):
            cells.pop()
        if not cells:
            continue
        if len(cells) > MAX_SHEET_COLUMNS:
            raise UnreadableSheet(f"A line must have at most {MAX_SHEET_COLUMNS} cells; line {line_number} has more.")
        if not sheet.headers:
            sheet.headers = _column_names(cells)
            continue
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
        raise UnreadableSheet(f"There are more cells than columns in these lines: {list_shortened(too_long)}.")
    if not sheet.line_numbers:
        raise UnreadableSheet("There are no lines below the column names.")
    return sheet


def _column_names(cells: list[object]) -> list[str]:
    """The API fields that the cells name, ignoring case and surrounding blanks."""
    names = []
    unknown = []
    for position, cell in enumerate(cells, 1):
        if isinstance(cell, InvalidCell):
            raise UnreadableSheet(f"The column names must be text. {cell.detail}")
        text = trim(str(cell or ""))
        name = _COLUMN_BY_NAME.get(text.casefold())
        if name is None:
            unknown.append(text[:_MAX_NAME_CHARACTERS] or f"(column {position} has no name)")
        else:
            names.append(name)
    if unknown:
        raise UnreadableSheet(f"Unknown columns: {', '.join(unknown)}. Allowed columns: {', '.join(COLUMNS)}.")
    if len(set(names)) < len(names):
        raise UnreadableSheet("Each column name must occur only once.")
    return names
