"""Sheets of contacts: what comes in, what goes out, what is refused, and what it costs."""

import csv
import io
from collections.abc import Callable
from typing import Any

import pytest
import tablib
from django.core.cache import cache

from config.access.actor import Actor
from contacts.models import Contact
from contacts.sheets import BATCH, COLUMNS, SHOWN, ContactSheet, as_text, progress_key
from tests.builders import BOSS, NOON, OWNER, contact_of
from tests.people import ANA, BEN, CODES, ILZE, address

pytestmark = pytest.mark.django_db
ILZE_AT_LEGAL = Actor(client=ILZE, subject=ILZE, groups=frozenset({"legal"}))


def imported(rows: list[dict[str, Any]], *, actor: Actor = OWNER, dry_run: bool = False, **more: Any) -> Any:
    headers = list(dict.fromkeys(name for row in rows for name in row))
    dataset = tablib.Dataset(*([row.get(name) for name in headers] for row in rows), headers=headers)
    sheet = ContactSheet(actor=actor, at=NOON, preview=dry_run, **more)
    return sheet.import_data(dataset, dry_run=dry_run, rollback_on_validation_errors=True)


def wrong(result: Any) -> list[tuple[int, str]]:
    return [(row.number, column) for row in result.invalid_rows for column in row.error_dict]


def exported(*rows: Contact) -> list[dict[str, str]]:
    text = ContactSheet(actor=BOSS, at=NOON).export(Contact.objects.filter(pk__in=[r.pk for r in rows])).export("csv")
    return list(csv.DictReader(io.StringIO(text)))


def test_lines_without_an_id_are_new_and_lines_with_one_change_it() -> None:
    ana = contact_of(name=ANA, email=address(ANA), language="lv")
    same = contact_of(name=BEN)

    result = imported(
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


def test_a_preview_shows_what_will_change_and_changes_nothing() -> None:
    ana = contact_of(name=ANA, email=address(ANA))
    result = imported([{"id": str(ana.pk), "name": "<b>Anna</b>"}, {"id": "", "name": "Cleo"}], dry_run=True)
    first, second = result.shown
    assert first.diff[1] == f"<del>{ANA}</del> <ins>&lt;b&gt;Anna&lt;/b&gt;</ins>"
    assert "<ins>Cleo</ins>" in second.diff[1]
    assert list(Contact.objects.values_list("name", "version")) == [(ANA, 1)]
    assert ana.history.count() == 1


def test_a_preview_shows_some_and_counts_the_rest() -> None:
    result = imported([{"name": f"n{n}"} for n in range(SHOWN + 7)], dry_run=True)
    assert (len(result.shown), result.not_shown) == (SHOWN, 7)


def test_one_bad_line_and_nothing_is_imported_and_every_bad_line_is_named() -> None:
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
        result = imported(rows, dry_run=dry_run)
        assert wrong(result) == [
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
    ("dataset", "says"),
    [
        (tablib.Dataset(["x", "y"], headers=["name", "colour"]), "colour"),
        (tablib.Dataset(["x", "y"], headers=["name", "name"]), "twice"),
        (tablib.Dataset(["x", "y"], headers=["name", "createdAt"]), "createdAt"),
    ],
)
def test_a_file_that_cannot_be_understood_says_why(dataset: Any, says: str) -> None:
    result = ContactSheet(actor=OWNER, at=NOON).import_data(dataset, rollback_on_validation_errors=True)
    assert says in str(result.base_errors[0].error)
    assert not Contact.objects.exists()


@pytest.mark.parametrize(
    ("cell", "meant"),
    [
        (48504121230.0, "48504121230"),
        (48504121230, "48504121230"),
        ("", None),
        (None, None),
        ("'+371", "+371"),
        ("'x", "'x"),
    ],
)
def test_cells_as_they_were_meant(cell: Any, meant: str | None) -> None:
    assert as_text(cell) == meant


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "'="])
def test_cells_that_would_be_computed_go_out_harmless_and_come_back_as_they_were(start: str) -> None:
    name = f"{start}HYPERLINK(1)"
    contact = contact_of(name=name, phone="+37129123456")
    (row,) = exported(contact)
    assert (row["name"], row["phone"]) == (f"'{name}", "'+37129123456")
    assert imported([row]).totals["skip"] == 1
    assert imported([{**row, "id": ""}]).totals["new"] == 1
    assert set(Contact.objects.values_list("name", "phone")) == {(name, "+37129123456")}


def test_everything_goes_out_and_comes_back_in_both_formats() -> None:
    whole = contact_of(
        ILZE_AT_LEGAL, name="Jānis, \"x\"", country="LV", personalCode="161175-19997", phone="+37129123456",
        email=address(ANA), role="SIGNER", defaultAnonymous=True, scope="GROUP", group="legal", language="lv",
    )  # fmt: skip
    least = contact_of(name=None, email=address(BEN))
    dataset = ContactSheet(actor=BOSS, at=NOON).export(Contact.objects.order_by("email"))
    assert dataset.headers == COLUMNS
    for form in ("csv", "xlsx"):
        read = tablib.Dataset().load(dataset.export(form), format=form)
        result = ContactSheet(actor=ILZE_AT_LEGAL, at=NOON).import_data(read, rollback_on_validation_errors=True)
        assert (result.totals["skip"], wrong(result)) == (2, [])
    assert {whole.history.count(), least.history.count()} == {1}


def test_an_import_costs_by_batches_and_notes_how_far_it_is(queries: Callable[[], Any]) -> None:
    costs = {}
    for batches in (1, 3):
        Contact.objects.all().delete()
        with queries() as made:
            result = imported([{"name": f"n{n}"} for n in range(batches * BATCH)], actor=BOSS, progress="p")
        assert result.totals["new"] == Contact.objects.count() == batches * BATCH
        costs[batches] = made()
        assert cache.get(progress_key("p")) == {"done": batches * BATCH, "total": batches * BATCH}

        rows = [{"id": str(c.pk), "name": f"{c.name}!"} for c in Contact.objects.all()]
        with queries() as made:
            result = imported(rows, actor=BOSS)
        assert result.totals["update"] == batches * BATCH
        costs[batches] += made()
    per_batch = (costs[3] - costs[1]) / 2
    assert per_batch <= 11, costs
    assert costs[1] <= per_batch + 5, costs
