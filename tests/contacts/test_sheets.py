"""Import and export of contacts as sheets: success, refusals and the number of queries."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import tablib
from django.utils import timezone

from config.access.actor import Actor
from config.versioned import actions as versioned
from contacts.formats import COLUMNS, MAX_SHEET_LINES, SheetCSV
from contacts.models import Contact, Upload
from contacts.rows import UnreadableSheet
from contacts.sheets import IMPORT_BATCH_SIZE, MAX_PREVIEW_ROWS, ContactSheet, SheetResult, as_text
from contacts.tasks import delete_uploads
from contacts.uploads import UPLOAD_LIFETIME
from tests.builders import BOSS, NOON, OWNER, contact_of
from tests.people import ANA, BEN, CODES, ILZE, address

pytestmark = pytest.mark.django_db
ILZE_AT_LEGAL = Actor(client=ILZE, subject=ILZE, groups=frozenset({"legal"}))


def import_rows(rows: list[dict[str, Any]], *, actor: Actor = OWNER, dry_run: bool = False) -> SheetResult:
    headers = list(dict.fromkeys(name for row in rows for name in row))
    dataset = tablib.Dataset(*([row.get(name) for name in headers] for row in rows), headers=headers)
    sheet = ContactSheet(actor=actor, at=NOON, preview=dry_run)
    return sheet.import_data(dataset, dry_run=dry_run, rollback_on_validation_errors=True)


def error_columns(result: SheetResult) -> list[tuple[int, str]]:
    """The line and column of every error."""
    return [(row.number, column) for row in result.invalid_rows for column in row.error_dict]


def export_rows(*contacts: Contact) -> list[dict[str, str]]:
    rows = Contact.objects.filter(pk__in=[contact.pk for contact in contacts])
    text = ContactSheet(actor=BOSS, at=NOON).export(rows).export("csv")
    return list(csv.DictReader(io.StringIO(text)))


def test_lines_without_an_id_add_a_contact_and_lines_with_an_id_change_it() -> None:
    ana = contact_of(name=ANA, email=address(ANA), language="lv")
    same = contact_of(name=BEN)

    result = import_rows(
        [
            {"id": None, "name": "Cleo", "phone": "+371 29 123 456", "scope": "PERSONAL"},
            {"id": str(ana.pk), "name": "Anna", "phone": None, "scope": "PERSONAL"},
            {"id": str(same.pk).upper(), "name": BEN, "phone": "", "scope": "PERSONAL"},
        ]
    )

    assert (result.totals["new"], result.totals["update"], result.totals["skip"]) == (1, 1, 1)
    cleo = Contact.objects.get(name="Cleo")
    assert (cleo.phone, cleo.owner, cleo.name_plain, cleo.version) == ("+37129123456", ILZE, "cleo", 1)
    ana.refresh_from_db()
    assert (ana.name, ana.email, ana.language, ana.name_plain, ana.version) == ("Anna", address(ANA), "lv", "anna", 2)
    assert [line.history_change_reason for line in (cleo.history.get(), ana.history.first())] == ["ilze, import"] * 2
    same.refresh_from_db()
    assert (same.version, same.history.count()) == (1, 1)


def test_a_preview_shows_the_changes_and_saves_nothing() -> None:
    ana = contact_of(name=ANA, email=address(ANA))
    result = import_rows([{"id": str(ana.pk), "name": "<b>Anna</b>"}, {"id": "", "name": "Cleo"}], dry_run=True)
    first, second = result.preview_rows
    assert first.diff[1] == f"<del>{ANA}</del> <ins>&lt;b&gt;Anna&lt;/b&gt;</ins>"
    assert "<ins>Cleo</ins>" in second.diff[1]
    assert list(Contact.objects.values_list("name", "version")) == [(ANA, 1)]
    assert ana.history.count() == 1


def test_a_preview_shows_the_first_rows_and_counts_the_rest() -> None:
    result = import_rows([{"name": f"n{n}"} for n in range(MAX_PREVIEW_ROWS + 7)], dry_run=True)
    assert (len(result.preview_rows), result.not_shown) == (MAX_PREVIEW_ROWS, 7)


def test_nothing_is_imported_if_a_line_has_an_error_and_every_error_is_reported() -> None:
    foreign = contact_of(BOSS, owner="boss")
    seen_only = contact_of(BOSS, owner="boss", scope="GLOBAL", name="Everybody's")
    mine = contact_of()
    rows = [
        {"name": "Good"},
        {"name": "x", "email": "nobody", "country": "LVA"},
        {"name": "x", "phone": "12"},
        {"name": "x", "scope": "ALL"},
        {"name": "x", "scope": "GLOBAL"},
        {"name": "x", "owner": "boss"},
        {"name": "x", "scope": "GROUP", "group": "sales"},
        {"id": str(foreign.pk), "name": "x"},
        {"id": "17", "name": "x"},
        {"id": str(seen_only.pk), "name": "x"},
        {"id": str(mine.pk), "name": "one"},
        {"id": str(mine.pk), "name": "two"},
        {"name": None},
        {"name": "x", "country": "LV", "personalCode": "5"},
        {"name": "x", "defaultAnonymous": "perhaps"},
        {"name": "a\0b"},
    ]
    for dry_run in (True, False):
        result = import_rows(rows, dry_run=dry_run)
        assert error_columns(result) == [
            (3, "country"),
            (3, "email"),
            (4, "phone"),
            (5, "scope"),
            (6, "__all__"),
            (7, "__all__"),
            (8, "__all__"),
            (9, "id"),
            (10, "id"),
            (11, "__all__"),
            (13, "id"),
            (14, "name"),
            (15, "personalCode"),
            (16, "defaultAnonymous"),
            (17, "name"),
        ]
        assert Contact.objects.count() == 3
        mine.refresh_from_db()
        assert mine.version == 1
    assert CODES[ANA] not in str([row.error for row in result.invalid_rows])


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"name,color\nx,y\n", "color"),
        (b"name, Name\nx,y\n", "only once"),
        (b"name,createdAt\nx,y\n", "createdAt"),
        (b"name,,email\nx,y,z\n", "column 2 has no name"),
    ],
)
def test_files_with_invalid_column_names_are_refused(content: bytes, expected: str) -> None:
    with pytest.raises(UnreadableSheet, match=expected):
        SheetCSV().create_dataset(content)


@pytest.mark.parametrize(
    ("cell", "text"),
    [
        ("", None),
        (" \u200b\u00a0", None),
        ("\u202a+371 29123456\u00a0", "+371 29123456"),
        ("Be\u0301la", "B\u00e9la"),
        (True, "true"),
        (None, None),
        ("'+371", "+371"),
        ("'x", "'x"),
    ],
)
def test_cells_are_read_as_the_text_that_was_entered(cell: Any, text: str | None) -> None:
    assert as_text(cell) == text


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "'="])
def test_formulas_are_exported_as_text_and_imported_unchanged(start: str) -> None:
    name = f"{start}HYPERLINK(1)"
    contact = contact_of(name=name, phone="+37129123456")
    (row,) = export_rows(contact)
    assert (row["name"], row["phone"]) == (f"'{name}", "'+37129123456")
    assert import_rows([row]).totals["skip"] == 1
    assert import_rows([{**row, "id": ""}]).totals["new"] == 1
    assert set(Contact.objects.values_list("name", "phone")) == {(name, "+37129123456"), (name.strip(), "+37129123456")}


@pytest.mark.parametrize("separator", [";", "\t", "\n", "\r", "; ", ';"', ";'"])
@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\N{FULLWIDTH EQUALS SIGN}"])
def test_formulas_after_a_separator_are_exported_as_text(separator: str, start: str) -> None:
    name = f"x{separator}{start}1+1;y"
    (row,) = export_rows(contact_of(name=name))
    assert row["name"] == f"x{separator[0]}'{separator[1:]}{start}1+1;y"
    assert import_rows([{**row, "id": ""}]).totals["new"] == 1
    assert list(Contact.objects.values_list("name", flat=True)) == [name, name]


def test_exports_in_both_formats_can_be_imported_without_a_change() -> None:
    complete = contact_of(
        ILZE_AT_LEGAL, name="Jānis, \"x\"", country="LV", personalCode="161175-19997", phone="+37129123456",
        email=address(ANA), role="SIGNER", defaultAnonymous=True, scope="GROUP", group="legal", language="lv",
    )  # fmt: skip
    minimal = contact_of(name=None, email=address(BEN))
    dataset = ContactSheet(actor=BOSS, at=NOON).export(Contact.objects.order_by("email"))
    assert dataset.headers == COLUMNS
    for format in ("csv", "xlsx"):
        exported = tablib.Dataset().load(dataset.export(format), format=format)
        result = ContactSheet(actor=ILZE_AT_LEGAL, at=NOON).import_data(exported, rollback_on_validation_errors=True)
        assert (result.totals["skip"], error_columns(result)) == (2, [])
    assert {complete.history.count(), minimal.history.count()} == {1}


def test_the_number_of_queries_grows_with_the_batches(queries: Callable[[], Any]) -> None:
    costs = {}
    for batches in (1, 3):
        Contact.objects.all().delete()
        with queries() as count:
            result = import_rows([{"name": f"n{n}"} for n in range(batches * IMPORT_BATCH_SIZE)], actor=BOSS)
        assert result.totals["new"] == Contact.objects.count() == batches * IMPORT_BATCH_SIZE
        costs[batches] = count()

        rows = [{"id": str(c.pk), "name": f"{c.name}!"} for c in Contact.objects.all()]
        with queries() as count:
            result = import_rows(rows, actor=BOSS)
        assert result.totals["update"] == batches * IMPORT_BATCH_SIZE
        costs[batches] += count()
    per_batch = (costs[3] - costs[1]) / 2
    assert per_batch <= 11, costs
    assert costs[1] <= per_batch + 5, costs


def test_an_import_refuses_contacts_that_were_changed_after_the_preview() -> None:
    ana = contact_of(name=ANA)
    ben = contact_of(name=BEN)
    sheet = tablib.Dataset([str(ana.pk), "Anna"], [str(ben.pk), "Benno"], headers=["id", "name"])
    preview = ContactSheet(actor=OWNER, at=NOON, preview=True).import_data(sheet, dry_run=True)
    assert preview.versions == {str(ana.pk): 1, str(ben.pk): 1}

    versioned.replace_row(ben, {"language": "lv"}, actor=OWNER, at=NOON)
    resource = ContactSheet(actor=OWNER, at=NOON, previewed_versions=preview.versions)
    result = resource.import_data(sheet, rollback_on_validation_errors=True)

    assert error_columns(result) == [(3, "id")]
    assert set(Contact.objects.values_list("name", flat=True)) == {ANA, BEN}


def test_a_sheet_has_a_limited_number_of_lines() -> None:
    lines = "name\n" + "x\n" * MAX_SHEET_LINES
    assert len(SheetCSV().create_dataset(lines.encode())) == MAX_SHEET_LINES
    with pytest.raises(UnreadableSheet, match="at most 20,000 lines"):
        SheetCSV().create_dataset(f"{lines}x\n".encode())


def test_many_lines_with_too_many_cells_are_abbreviated() -> None:
    with pytest.raises(UnreadableSheet, match=r"lines: 2, 3, .*, 21 and 5 more\.$"):
        SheetCSV().create_dataset(("name\n" + "x,y\n" * 25).encode())


def test_uploads_that_were_not_imported_are_deleted_after_an_hour() -> None:
    now = timezone.now()
    Upload.objects.create(content=b"", created_at=now - UPLOAD_LIFETIME - timedelta(minutes=1))
    recent = Upload.objects.create(content=b"", created_at=now - UPLOAD_LIFETIME + timedelta(minutes=1))
    assert delete_uploads() == 1
    assert Upload.objects.get() == recent
