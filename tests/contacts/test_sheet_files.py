"""Files as spreadsheets write them: separators, encodings, kinds of cells, and limits that apply before the work."""

import io
import itertools
import zipfile
from typing import Any
from xml.etree import ElementTree

import openpyxl
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contacts.csv_files import MAX_ROW_CHARACTERS
from contacts.formats import COLUMNS, MAX_LINES_READ, MAX_SHEET_LINES, SheetCSV, SheetXLSX
from contacts.models import Contact
from contacts.rows import MAX_CELL_CHARACTERS, InvalidCell, UnreadableSheet
from contacts.sheets import ContactSheet, SheetResult
from contacts.xlsx_files import MAX_ELEMENTS, MAX_PARTS
from tests.builders import BOSS, NOON, OWNER, contact_of
from tests.config.versioned.test_backoffice import staff

MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
STRICT = "http://purl.oclc.org/ooxml/spreadsheetml/main"
RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
STRICT_RELATIONS = "http://purl.oclc.org/ooxml/officeDocument/relationships"
NUMBERS = itertools.count()
IMPORT = "/admin/contacts/contact/import/"


def xlsx(
    rows: str,
    *,
    after: str = "",
    dimension: str = "",
    strings: str = "",
    styles: str = "",
    strict: bool = False,
    first: str = "",
    first_kind: str = "worksheet",
) -> bytes:
    """A workbook whose worksheet has these rows; `first` are the rows of a worksheet (or chart sheet) before it."""
    main = STRICT if strict else MAIN
    relations = STRICT_RELATIONS if strict else RELATIONS
    package = "http://schemas.openxmlformats.org/package/2006/relationships"
    sheets = '<sheet name="People" sheetId="1" r:id="r1"/>'
    kinds = [("r1", "worksheet", "sheet1"), ("r3", "sharedStrings", "strings"), ("r4", "styles", "styles")]
    if first:
        sheets = f'<sheet name="First" sheetId="2" r:id="r2"/>{sheets}'
        kinds.append(("r2", first_kind, "sheet2"))
    links = "".join(f'<Relationship Id="{i}" Type="{relations}/{kind}" Target="{t}.xml"/>' for i, kind, t in kinds)
    types = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    overrides = [
        ("workbook", "sheet.main"),
        ("strings", "sharedStrings"),
        ("styles", "styles"),
        ("sheet1", "worksheet"),
    ]
    content_types = "".join(
        f'<Override PartName="/xl/{part}.xml" ContentType="{types}.{name}+xml"/>' for part, name in overrides
    )
    parts = {
        "[Content_Types].xml": '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        f"{content_types}</Types>",
        "_rels/.rels": f'<Relationships xmlns="{package}"><Relationship Id="r1" '
        f'Type="{relations}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
        "xl/workbook.xml": f'<workbook xmlns="{main}" xmlns:r="{relations}"><sheets>{sheets}</sheets></workbook>',
        "xl/_rels/workbook.xml.rels": f'<Relationships xmlns="{package}">{links}</Relationships>',
        "xl/strings.xml": f'<sst xmlns="{main}">{strings}</sst>',
        "xl/styles.xml": f'<styleSheet xmlns="{main}">{styles}</styleSheet>',
        "xl/sheet1.xml": f'<worksheet xmlns="{main}">{dimension}<sheetData>{rows}</sheetData>{after}</worksheet>',
        "xl/sheet2.xml": f'<worksheet xmlns="{main}"><sheetData>{first}</sheetData></worksheet>',
    }
    return archive(parts)


def archive(parts: dict[str, str]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in parts.items():
            packed.writestr(name, content)
    return file.getvalue()


def text_cell(text: str) -> str:
    return f'<c t="inlineStr"><is><t xml:space="preserve">{text}</t></is></c>'


def row(*texts: str) -> str:
    return f"<row>{''.join(map(text_cell, texts))}</row>"


def read(content: bytes) -> list[tuple[object, ...]]:
    return list(SheetXLSX().create_dataset(content))


def only_cell(cell: str, **parts: Any) -> object:
    """What the sheet has for one cell below the column name."""
    ((value,),) = read(xlsx(f"{row('name')}<row>{cell}</row>", **parts))
    return value


def import_sheet(content: bytes, file_format: SheetCSV | SheetXLSX) -> SheetResult:
    dataset = file_format.create_dataset(content)
    return ContactSheet(actor=OWNER, at=NOON).import_data(dataset, rollback_on_validation_errors=True)


# --- CSV ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_the_first_line_tells_the_separator(separator: str, encoding: str, line_end: str) -> None:
    lines = [separator.join(["Name ", ' "EMAIL"'.strip()]), separator.join(["Bērziņš", "a@example.org"]), ""]
    sheet = SheetCSV().create_dataset(line_end.join(lines).encode(encoding))
    assert (sheet.headers, list(sheet)) == (["name", "email"], [("Bērziņš", "a@example.org")])


@pytest.mark.parametrize("first", ["sep=;", "SEP=;", '"sep=;"', "sep=;;;"])
def test_a_line_may_name_the_separator(first: str) -> None:
    sheet = SheetCSV().create_dataset(f"{first}\r\nname;email\r\nBerga, Anna;\r\n".encode())
    assert (list(sheet), sheet.line_numbers) == ([("Berga, Anna", None)], [3])


def test_one_column_with_separators_in_its_texts_is_read() -> None:
    assert list(SheetCSV().create_dataset(b'name\n"Berga, Anna"\nx;y\n')) == [("Berga, Anna",), ("x;y",)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('name,email\n"Anna,a@example.org\nBo,b@example.org\n', 2),
        ('name\nAnna\n"Bo" x\n', 3),
        ('sep=;\nname\nAnna\n\n"Bo', 5),
    ],
)
def test_a_quote_that_is_not_closed_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(UnreadableSheet, match=f"line {line} must be valid CSV"):
        SheetCSV().create_dataset(text.encode())


@pytest.mark.parametrize(
    "content",
    [
        "name\nBērziņš\n".encode("cp1257"),
        "name\nMüller\n".encode("cp1252"),
        "name\nAnna\n".encode("utf-16-le"),
        "name\nAnna\n".encode("utf-32"),
        b"PK\x03\x04\x14\0\0\0",
    ],
)
def test_other_encodings_are_refused_because_nothing_names_them(content: bytes) -> None:
    with pytest.raises(UnreadableSheet, match="CSV UTF-8"):
        SheetCSV().create_dataset(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name\n" + b"x" + b"," * 1_000 + b"x\n", "at most 50 cells; line 2"),
        (b"," * (MAX_ROW_CHARACTERS + 1), "100,000 characters"),
        (b'name\n"' + b"x\n" * MAX_ROW_CHARACTERS, "100,000 characters"),
        (b"name\n" + b"\n" * MAX_LINES_READ, "empty lines included"),
        (b"name\n" + (b"," * 50_000 + b"\n") * 20, "1,000,000 cells, empty"),
        (b",".join(b"c%d" % n for n in range(100)) + b"\n", "at most 50 cells"),
    ],
)
def test_a_csv_file_beyond_the_limits_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableSheet, match=message):
        SheetCSV().create_dataset(content)


# --- XLSX: cells -------------------------------------------------------------------------------


def test_rows_beyond_the_stated_dimension_are_read() -> None:
    content = xlsx(row("name") + row("a") + row("b"), dimension='<dimension ref="A1:A2"/>')
    assert read(content) == [("a",), ("b",)]


STYLES = (
    '<numFmts><numFmt numFmtId="164" formatCode="0000000000"/><numFmt numFmtId="165" formatCode="000000\\-00000"/>'
    '<numFmt numFmtId="166" formatCode="yyyy\\-mm\\-dd"/></numFmts>'
    '<cellStyleXfs><xf numFmtId="0"/></cellStyleXfs><cellXfs>'
    '<xf numFmtId="0"/><xf numFmtId="164"/><xf numFmtId="165"/><xf numFmtId="166"/><xf numFmtId="14"/>'
    '<xf numFmtId="4"/><xf numFmtId="49"/></cellXfs>'
)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ('<c s="1"><v>101901234</v></c>', "0101901234"),
        ('<c s="2"><v>1019012345</v></c>', "010190-12345"),
        ('<c s="2"><v>16117519997</v></c>', "161175-19997"),
        ('<c s="0"><v>48504121230</v></c>', "48504121230"),
        ("<c><v>48504121230.0</v></c>", "48504121230"),
        ("<c><v>4.850412123E10</v></c>", "48504121230"),
        ('<c s="6"><v>7</v></c>', "7"),
        ('<c t="str"><f>UPPER("a")</f><v>A</v></c>', "A"),
        ('<c t="str"><f>TEXT</f><v></v></c>', None),
        (text_cell("Anna_x000D_\nBerga"), "Anna\r\nBerga"),
        (text_cell("_x005F_x0041_"), "_x0041_"),
        (text_cell("_xD83D__xDE00_"), "😀"),
        ('<c t="s"><v>0</v></c>', "Anna_x0041_Berga"),
    ],
)
def test_a_cell_is_read_as_the_spreadsheet_shows_it(cell: str, text: str | None) -> None:
    strings = "<si><r><t>Anna_x005F_x0041_</t></r><r><t>Berga</t></r><rPh><t>x</t></rPh></si>"
    content = xlsx(f"{row('name', 'email')}<row>{cell}{text_cell('e')}</row>", styles=STYLES, strings=strings)
    assert read(content) == [(text, "e")]


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("<c><f>CONCATENATE(1)</f></c>", "no result"),
        ("<c><f>CONCATENATE(1)</f><v/></c>", "no result"),
        ('<c t="e"><v>#N/A</v></c>', "#N/A"),
        ('<c t="e"><f>1/0</f><v>#DIV/0!</v></c>', "#DIV/0!"),
        ('<c t="d"><v>2026-01-01</v></c>', "date"),
        ('<c s="3"><v>46000</v></c>', "date"),
        ('<c s="4"><v>46000</v></c>', "date"),
        ('<c s="5"><v>1000</v></c>', "amount"),
        ("<c><v>1.5</v></c>", "whole number"),
        ("<c><v>-5</v></c>", "whole number"),
        ("<c><v>1234567890123456</v></c>", "15 digits"),
        ("<c><v>1E999999999</v></c>", "15 digits"),
        ("<c><v>INF</v></c>", "15 digits"),
        ("<c><v>one</v></c>", "valid"),
        (text_cell("x" * (MAX_CELL_CHARACTERS + 1)), "1,000 characters"),
    ],
)
def test_a_cell_whose_text_is_unknown_is_invalid(cell: str, message: str) -> None:
    value = only_cell(cell, styles=STYLES)
    assert isinstance(value, InvalidCell)
    assert message in value.detail


@pytest.mark.django_db
def test_an_invalid_cell_is_reported_with_its_line_column_and_reference() -> None:
    contact = contact_of(name="Keep Me")
    cells = f'{text_cell(str(contact.pk))}<c r="B2"><f>CONCATENATE(1)</f></c><c t="b"><v>1</v></c>'
    result = import_sheet(xlsx(f"{row('id', 'name', 'phone')}<row>{cells}</row>"), SheetXLSX())
    (invalid,) = result.invalid_rows
    assert invalid.number == 2
    assert "Cell B2: The formula has no result" in invalid.error_dict["name"][0]
    assert "TRUE" in invalid.error_dict["phone"][0]
    contact.refresh_from_db()
    assert contact.name == "Keep Me"


@pytest.mark.django_db
def test_booleans_are_read_where_a_column_has_them() -> None:
    cells = f'{text_cell("Anna")}<c t="b"><v>1</v></c>'
    assert import_sheet(xlsx(f"{row('name', 'defaultAnonymous')}<row>{cells}</row>"), SheetXLSX()).totals["new"] == 1
    assert Contact.objects.get().default_anonymous is True


# --- XLSX: worksheets and damaged files --------------------------------------------------------


def test_strict_open_xml_is_read() -> None:
    assert read(xlsx(row("name") + row("Anna"), strict=True)) == [("Anna",)]


@pytest.mark.parametrize("kind", ["worksheet", "chartsheet"])
def test_the_worksheet_with_column_names_is_read(kind: str) -> None:
    content = xlsx(row("name") + row("Anna"), first=row("How to fill in this file"), first_kind=kind)
    assert read(content) == [("Anna",)]


def test_hidden_rows_are_read_like_others() -> None:
    assert read(xlsx(f'{row("name")}<row hidden="1">{text_cell("Anna")}</row>')) == [("Anna",)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (xlsx(row("name") + row("a"), after='<mergeCells><mergeCell ref="A2:A3"/></mergeCells>'), "split: A2:A3"),
        (xlsx(row("How to fill in")), "Unknown columns: How to fill in"),
        (xlsx(row("name") + '<row r="5"/><row r="4"/>'), "higher number"),
        (xlsx(row("name") + '<row><c r="B2"/><c r="A2"><v>1</v></c><c r="A2"><v>2</v></c></row>'), "only once"),
        (xlsx(row("name") + '<row><c r="A9"><v>1</v></c></row>'), "must not contain the cell A9"),
        (xlsx('<row><c t="e"><v>#REF!</v></c></row>'), "column names must be text"),
        (xlsx(row("name") + '<row><c t="s"><v>7</v></c></row>'), "damaged"),
        (xlsx(row("name") + '<row><c t="s"><v>-1</v></c></row>', strings="<si><t>x</t></si>"), "damaged"),
        (xlsx(row("name") + '<row><c s="9"><v>1</v></c></row>', styles=STYLES), "damaged"),
        (archive({"x": "y"}), "damaged"),
        (xlsx("<row>"), "XLSX"),
        (b"\xd0\xcf\x11\xe0", "without a password"),
    ],
)
def test_a_workbook_that_is_ambiguous_or_damaged_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableSheet, match=message):
        read(content)


# --- XLSX: limits ------------------------------------------------------------------------------


def test_a_high_row_number_costs_nothing() -> None:
    sheet = SheetXLSX().create_dataset(xlsx(row("name") + f'<row r="1000000">{text_cell("Anna")}</row>'))
    assert sheet.line_numbers == [1_000_000]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (xlsx(row("name") + f'<row r="2000000000">{text_cell("x")}</row>'), "higher number"),
        (xlsx(row("name") + "<row/>" * (MAX_LINES_READ + 1)), "empty lines included"),
        (xlsx(row("name"), strings="<si><t>x</t></si>" * (MAX_ELEMENTS // 2)), "fewer cells|compression ratio"),
        (xlsx(f"<row>{'<c/>' * 200_000}</row>"), "fewer cells"),
        (xlsx(row("name"), strings="<si><t>" + "x" * 70_000_000 + "</t></si>"), "64 MB"),
        (xlsx(row("name"), strings="<si><t>" + "x" * 20_000_000 + "</t></si>"), "compression ratio"),
        (archive({f"part{n}": "" for n in range(MAX_PARTS + 1)}), "1,000 parts"),
        (xlsx(row("name") + f'<row><c r="XFE2">{text_cell("x")}</c></row>'), "cells; line 2"),
        (xlsx(row("name") + '<row><c r="BA2"><v>1</v></c></row>'), "at most 50 cells"),
    ],
    ids=range(9),
)
def test_a_workbook_beyond_the_limits_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(UnreadableSheet, match=message):
        read(content)


def test_a_sheet_with_all_lines_and_columns_is_within_the_limits() -> None:
    lines = [row(*(f"{column} {line * 7919}" for column in COLUMNS)) for line in range(MAX_SHEET_LINES)]
    content = xlsx(row(*COLUMNS) + "".join(lines))
    assert len(read(content)) == MAX_SHEET_LINES


# --- Export ------------------------------------------------------------------------------------


@pytest.mark.django_db
def test_an_export_to_xlsx_is_well_formed_whatever_names_contain() -> None:
    contact_of(name="An\uffffna\ufffe\x01")
    content = SheetXLSX().export_data(ContactSheet(actor=BOSS, at=NOON).export(Contact.objects.all()))
    with zipfile.ZipFile(io.BytesIO(content)) as packed:
        for name in packed.namelist():
            ElementTree.fromstring(packed.read(name))
    assert openpyxl.load_workbook(io.BytesIO(content)).active["B2"].value == "An\ufffdna\ufffd\ufffd"


# --- Properties --------------------------------------------------------------------------------

names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=40) | st.text(
    " ;,\t\r\n'\"=+-@_x0041D\u00a0\u200be\u0301", min_size=1, max_size=20
)


@pytest.mark.django_db
@pytest.mark.parametrize("file_format", [SheetCSV, SheetXLSX])
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=names)
def test_an_export_can_be_imported_without_a_change(file_format: type[SheetCSV] | type[SheetXLSX], name: str) -> None:
    Contact.objects.all().delete()
    contact_of(name=name, email="a@example.org")
    exported = file_format().export_data(ContactSheet(actor=BOSS, at=NOON).export(Contact.objects.all()))
    content = exported.encode() if isinstance(exported, str) else exported
    result = import_sheet(content, file_format())
    assert (result.totals["skip"], list(result.invalid_rows), list(result.error_rows)) == (1, [], [])
    assert Contact.objects.get().name == name


values = st.one_of(
    st.text(st.characters(codec="latin-1", categories=["L", "N", "P", "Zs"]), max_size=20),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.dates(),
    st.sampled_from(["=A1", "#N/A", "_x0041_"]),
)


@settings(max_examples=100, deadline=None)
@given(value=values)
def test_a_cell_of_any_type_keeps_its_value_or_is_invalid(value: object) -> None:
    workbook = openpyxl.Workbook()
    workbook.active.append(["name", "email"])
    workbook.active.append([value, "kept"])
    file = io.BytesIO()
    workbook.save(file)
    ((cell, other),) = read(file.getvalue())
    assert other == "kept"
    if isinstance(cell, InvalidCell):
        assert not isinstance(value, str) or value.startswith(("=", "#"))
    elif isinstance(value, bool):
        assert cell is value
    elif value == "_x0041_":
        # openpyxl does not escape this text, so the file says A.
        assert cell == "A"
    else:
        assert (cell or "") == (str(int(value)) if isinstance(value, float) else str(value))
        assert not isinstance(value, float) or value.is_integer()


cells = st.one_of(
    st.builds(
        "<c t='{}'><v>{}</v></c>".format, st.sampled_from(["n", "s", "b", "e", "d", "str", "x"]), st.text("01.E-x")
    ),
    st.builds("<c s='{}'><v>{}</v></c>".format, st.integers(-1, 8), st.floats() | st.integers()),
    st.builds("<c><f>A1</f><v>{}</v></c>".format, st.sampled_from(["", "0", "1.5"])),
    st.text("abc_x0041;=é", max_size=12).map(text_cell),
    st.sampled_from(["<c/>", "<c t='inlineStr'/>", "<c t='inlineStr'><is/></c>", "<x/>"]),
)


@pytest.mark.django_db
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(cells, min_size=1, max_size=3), min_size=1, max_size=4))
def test_random_cells_are_imported_as_shown_or_refused(rows: list[list[str]]) -> None:
    body = "".join(f"<row>{''.join(row_cells)}</row>" for row_cells in rows)
    content = xlsx(row("name", "phone", "role") + body, styles=STYLES, strings="<si><t>a</t></si>")
    file = SimpleUploadedFile("a.xlsx", content)
    response = staff(f"clerk{next(NUMBERS)}").post(IMPORT, {"format": "1", "resource": "0", "import_file": file})
    assert response.status_code == 200
    assert "Traceback" not in response.content.decode()
