"""Reads XLSX files: which worksheet, and the text of each cell as the spreadsheet shows it.

openpyxl reads values alone: it believes what the file says of its size, and does not tell a formula without a result,
a number with leading zeros or an escaped character from other cells. The XML is read here, in both forms of the format
(Transitional and Strict), with limits that apply before a part is unpacked or kept.
"""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from xml.etree import ElementTree

from contacts.number_formats import number_formats, shown_number
from contacts.rows import InvalidCell, SheetRow, UnreadableSheet, limit_length, list_shortened, trim

MAX_PARTS = 1_000
MAX_UNPACKED_MEGABYTES = 64
MAX_PACKING_RATIO = 200
# Small parts may compress well.
_SMALL_PART = 2**20
# 20,000 lines of all columns have a million elements: cells with their values.
MAX_ELEMENTS = 1_500_000
MAX_CONTAINER_ELEMENTS = 100_000
MAX_ROW_NUMBER = 1_048_576
MAX_COLUMN_NUMBER = 16_384

# Elements that are read as a whole, with all that they contain.
_CONTAINERS = frozenset({"row", "si", "mergeCells"})
_ESCAPE = re.compile(r"(?:_x[0-9A-Fa-f]{4}_)+")
_TO_ESCAPE = re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_NOT_XLSX = "The file must be an XLSX file without a password."


def escape_xlsx(text: str) -> str:
    """The text as a cell contains it: XML does not keep a carriage return, and an escape stands for a character."""
    return _TO_ESCAPE.sub(lambda match: f"_x{ord(match[0]):04X}_", text)


def read_xlsx(content: bytes, *, columns: Collection[str]) -> Iterator[SheetRow]:
    """The rows of the first visible worksheet whose first line has one of the column names (in lowercase).

    If no worksheet has one, the rows of the first worksheet, so that the error names what it has instead.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            _require_bounded(archive)
            workbook = _Workbook(archive)
            yield from workbook.rows(columns)
    # Encrypted parts are a RuntimeError, unknown compressions a NotImplementedError.
    except (zipfile.BadZipFile, ElementTree.ParseError, zlib.error, EOFError, RuntimeError) as error:
        raise UnreadableSheet(f"{_NOT_XLSX} ({type(error).__name__})") from None
    except (ValueError, LookupError, OverflowError) as error:
        raise UnreadableSheet(f"{_NOT_XLSX} The file is damaged ({type(error).__name__}).") from None


def _require_bounded(archive: zipfile.ZipFile) -> None:
    """Refuse an archive that is too large when unpacked. `zipfile` unpacks no more than the directory names."""
    parts = archive.infolist()
    if len(parts) > MAX_PARTS:
        raise UnreadableSheet(f"The XLSX file must have at most {MAX_PARTS:,} parts.")
    if sum(part.file_size for part in parts) > MAX_UNPACKED_MEGABYTES * 2**20:
        raise UnreadableSheet(f"The XLSX file must not be larger than {MAX_UNPACKED_MEGABYTES} MB when unpacked.")
    for part in parts:
        if part.file_size > max(_SMALL_PART, part.compress_size * MAX_PACKING_RATIO):
            raise UnreadableSheet(f"The compression ratio of the XLSX file must be at most {MAX_PACKING_RATIO}.")


@dataclass(frozen=True, slots=True)
class _Worksheet:
    part: str
    is_visible: bool


class _Workbook:
    """An archive with its shared texts and number formats. Counts the elements of all parts."""

    def __init__(self, archive: zipfile.ZipFile) -> None:
        self._archive = archive
        self._names = set(archive.namelist())
        self._elements = 0
        relations = self._relations("")
        self._part = dict(relations.values())["officeDocument"]
        self._relations_of_workbook = self._relations(self._part)
        self._texts: list[str | InvalidCell] = []
        self._formats: list[str] = []

    def rows(self, columns: Collection[str]) -> Iterator[SheetRow]:
        worksheets = self._worksheets()
        if not worksheets:
            raise UnreadableSheet("The XLSX file must contain a visible worksheet.")
        self._texts = self._shared_texts()
        self._formats = self._number_formats()
        chosen = worksheets[0]
        if len(worksheets) > 1:
            chosen = next((sheet for sheet in worksheets if self._has_column_names(sheet, columns)), chosen)
        yield from self._worksheet_rows(chosen)

    # --- Parts ------------------------------------------------------------------------------------

    def _elements_of(self, part: str) -> Iterator[tuple[str, ElementTree.Element]]:
        """Each element of the part with its name, when it ends. Only the content of a container is kept until then."""
        open_elements: list[ElementTree.Element] = []
        containers = 0
        kept = 0
        with self._archive.open(part) as stream:
            for event, element in ElementTree.iterparse(stream, events=("start", "end")):
                name = _local_name(element.tag)
                if event == "start":
                    open_elements.append(element)
                    containers += name in _CONTAINERS
                    kept += containers > 0
                    self._elements += 1
                    if self._elements > MAX_ELEMENTS or kept > MAX_CONTAINER_ELEMENTS:
                        raise UnreadableSheet("The XLSX file must have fewer cells. Please split it.")
                    continue

                open_elements.pop()
                yield name, element
                containers -= name in _CONTAINERS
                if not containers and open_elements:
                    # The element is the last child of its parent, which would keep it in memory.
                    del open_elements[-1][-1]
                    kept = 0

    def _relations(self, part: str) -> dict[str, tuple[str, str]]:
        """The kind and the part of each relation of a part, by id."""
        folder = posixpath.dirname(part)
        file = posixpath.join(folder, "_rels", f"{posixpath.basename(part)}.rels")
        relations = {}
        for name, element in self._elements_of(file):
            if name == "Relationship" and element.get("TargetMode") != "External":
                target = posixpath.normpath(posixpath.join("/", folder, element.get("Target", ""))).lstrip("/")
                relations[element.get("Id", "")] = (element.get("Type", "").rpartition("/")[2], target)
        return relations

    def _related(self, kind: str) -> str | None:
        """The workbook's part of a kind; None if it has none."""
        parts = [part for other, part in self._relations_of_workbook.values() if other == kind]
        if parts and parts[0] in self._names:
            return parts[0]
        return None

    def _worksheets(self) -> list[_Worksheet]:
        """The visible worksheets, without chart sheets."""
        worksheets = []
        for name, element in self._elements_of(self._part):
            if name != "sheet":
                continue
            # The id has a namespace of its own, which differs between the two forms of the format.
            ids = [value for key, value in element.items() if key.endswith("}id")]
            kind, part = self._relations_of_workbook[ids[0]]
            if kind == "worksheet":
                worksheets.append(_Worksheet(part, element.get("state", "visible") == "visible"))
        return [worksheet for worksheet in worksheets if worksheet.is_visible]

    def _shared_texts(self) -> list[str | InvalidCell]:
        part = self._related("sharedStrings")
        if part is None:
            return []
        return [_text_of(element) for name, element in self._elements_of(part) if name == "si"]

    def _number_formats(self) -> list[str]:
        part = self._related("styles")
        if part is None:
            return []
        return number_formats((name, element) for name, element in self._elements_of(part))

    # --- Rows -------------------------------------------------------------------------------------

    def _has_column_names(self, worksheet: _Worksheet, columns: Collection[str]) -> bool:
        for _, cells in self._worksheet_rows(worksheet):
            texts = [trim(cell) for cell in cells if isinstance(cell, str)]
            if any(texts):
                return any(text.casefold() in columns for text in texts)
        return False

    def _worksheet_rows(self, worksheet: _Worksheet) -> Iterator[SheetRow]:
        row_number = 0
        for name, element in self._elements_of(worksheet.part):
            if name == "row":
                previous = row_number
                row_number = int(element.get("r", previous + 1))
                if not previous < row_number <= MAX_ROW_NUMBER:
                    raise UnreadableSheet(f"The row after line {previous} must have a higher number, not {row_number}.")
                yield row_number, self._cells(element, row_number)
            elif name == "mergeCells":
                merged = [cell.get("ref", "") for cell in element]
                raise UnreadableSheet(f"These merged cells must be split: {list_shortened(merged)}.")

    def _cells(self, row: ElementTree.Element, row_number: int) -> list[object]:
        """The cells of a row up to the last one that the file contains."""
        cells: list[object] = []
        for element in row:
            if _local_name(element.tag) != "c":
                continue
            reference = element.get("r", "")
            column = _column_number(reference, row_number) if reference else len(cells) + 1
            cell = self._cell(element)
            if isinstance(cell, InvalidCell):
                cell = InvalidCell(f"Cell {reference or column}: {cell.detail}")
            if cell is None and column > len(cells) + 1:
                continue
            if column <= len(cells):
                raise UnreadableSheet(f"Line {row_number} must contain the cell {reference} only once, in order.")
            cells += [None] * (column - len(cells) - 1)
            cells.append(cell)
        return cells

    def _cell(self, element: ElementTree.Element) -> object:
        """The text or boolean of a cell, None if it is empty, or an invalid cell."""
        parts = {_local_name(child.tag): child for child in element}
        kind = element.get("t", "n")
        if kind == "inlineStr":
            return _text_of(parts["is"]) if "is" in parts else None
        value = parts["v"].text or "" if "v" in parts else None
        if "f" in parts and (value is None or (value == "" and kind != "str")):
            return InvalidCell("The formula has no result. Please replace it with its value.")
        if not value:
            return None
        if kind == "s":
            return self._texts[_index(value)]
        if kind == "str":
            return limit_length(_unescape(value))
        if kind == "b":
            return value.strip() in ("1", "true")
        if kind == "e":
            return InvalidCell(f"The cell must contain text instead of the error {value[:20]}.")
        if kind == "d":
            return InvalidCell("The cell must contain text instead of a date. Please format it as text.")
        style = _index(element.get("s", "0"))
        return shown_number(value, self._formats[style] if self._formats else "General")


def _local_name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _index(text: str) -> int:
    """A position in a list. A negative one would count from its end."""
    index = int(text)
    if index < 0:
        raise ValueError("An index must not be negative.")
    return index


def _column_number(reference: str, row_number: int) -> int:
    match = _REFERENCE.fullmatch(reference)
    if match is None or int(match[2]) != row_number:
        raise UnreadableSheet(f"Line {row_number} must not contain the cell {reference[:20]}.")
    number = 0
    for letter in match[1]:
        number = number * 26 + ord(letter) - ord("A") + 1
    if number > MAX_COLUMN_NUMBER:
        raise UnreadableSheet(f"A line must have at most {MAX_COLUMN_NUMBER:,} cells; line {row_number} has more.")
    return number


def _text_of(element: ElementTree.Element) -> str | InvalidCell:
    """The text of a string item: its own or that of its runs, without the reading aids of Asian texts."""
    texts = []
    for child in element:
        name = _local_name(child.tag)
        if name == "t":
            texts.append(child.text or "")
        elif name == "r":
            texts += [run.text or "" for run in child if _local_name(run.tag) == "t"]
    return limit_length(_unescape("".join(texts)))


def _unescape(text: str) -> str:
    """The text with the characters for which OOXML writes `_x000D_`. Pairs of surrogates become one character."""

    def characters(match: re.Match[str]) -> str:
        units = b"".join(int(code, 16).to_bytes(2, "big") for code in re.findall(r"_x(.{4})_", match[0]))
        return units.decode("utf-16-be", "surrogatepass")

    return _ESCAPE.sub(characters, text)
