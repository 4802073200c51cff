"""Contacts as a sheet, CSV or XLSX: each line is held against the rules of the API, and all are imported or none.

Cells that a spreadsheet would compute (they begin with = + - @) go out behind an apostrophe and come in without it.
"""

import re
from datetime import datetime
from itertools import islice
from typing import Any

from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from config.access import audit_hook
from config.access.actor import Actor
from config.api.problems import faults_of
from config.api_values import is_id
from config.errors import DomainError, Fault
from config.versioned.actions import audit_values, leaves_event, who
from contacts.formats import Sheet, UnreadableSheet
from contacts.models import Contact
from contacts.serializers import ContactSerializer

COLUMNS = [name for name in Contact.api_fields() if name != "createdAt"]
BATCH = 500
SHOWN = 200
"""How many changed lines a preview shows."""

PROGRESS_KEPT_SECONDS = 600
_COMPUTED = re.compile(r"'?[=+\-@\t\r]")
_ALWAYS = frozenset({"owner", "scope", "defaultAnonymous"})
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


class Lines(Result):
    """Results by the lines of the file."""

    @property
    def shown(self) -> list[RowResult]:
        return list(islice((row for row in self.rows if row.diff), SHOWN))

    @property
    def not_shown(self) -> int:
        return max(0, self.totals["new"] + self.totals["update"] - SHOWN)


class Known(BaseInstanceLoader):
    """The contacts that a file names by their ids, read in batches."""

    def __init__(self, resource: "ContactSheet", dataset: Any) -> None:
        super().__init__(resource, dataset)
        ids = dataset["id"] if dataset.headers and "id" in dataset.headers else []
        wanted = sorted({text.casefold() for text in map(as_text, ids) if text and is_id(text)})
        self.found: dict[str, Contact] = {}
        for start in range(0, len(wanted), BATCH):
            rows = Contact.objects.visible_to(resource.actor).filter(pk__in=wanted[start : start + BATCH])
            if not resource.preview:
                rows = rows.select_for_update()
            self.found |= {str(contact.pk): contact for contact in rows}

    def get_instance(self, row: dict[str, Any]) -> Contact | None:
        return self.found.get((as_text(row.get("id")) or "").casefold())


class ContactSheet(ModelResource):
    """For an actor, as of a moment; `progress` names the place where it is noted how far an import has come.

    What is imported for good is locked while it is; a `preview` only looks, and notes in `seen` the versions of the
    contacts that it is about, by which the import knows that they are still the same.
    """

    class Meta:
        model = Contact
        fields = tuple(Contact.api_fields().values())
        use_bulk = True
        batch_size = BATCH
        skip_diff = True
        import_id_fields = ()
        clean_model_instances = False
        instance_loader_class = Known

    def __init__(
        self,
        *,
        actor: Actor,
        at: datetime,
        progress: str = "",
        preview: bool = False,
        seen: dict[str, int] | None = None,
    ) -> None:
        super().__init__()
        self.seen = {} if seen is None else seen
        self._lines: list[int] = []
        self.actor, self.at, self.progress, self.preview = actor, at, progress, preview
        self._total = 0
        self._lines_of: dict[str, int] = {}
        self._change: dict[str, tuple[Any, Any]] = {}
        self._told: list[dict[str, Any]] = []
        self._shown = 0
        for name, column in Contact.api_fields().items():
            if column in self.fields:
                self.fields[column].column_name = name
        del self.fields["created_at"]

    @classmethod
    def get_result_class(cls) -> type[Lines]:
        return Lines

    def get_export_order(self) -> list[str]:
        return [Contact.api_fields()[name] for name in COLUMNS]

    get_import_order = get_export_order

    # --- Import: a line is a body -------------------------------------------------------------

    def before_import(self, dataset: Any, **kwargs: Any) -> None:
        headers = dataset.headers or []
        if unknown := [str(name) for name in headers if name not in COLUMNS]:
            raise UnreadableSheet(f"Unknown columns: {', '.join(unknown)}. Known are: {', '.join(COLUMNS)}.")
        if len(set(headers)) < len(headers):
            raise UnreadableSheet("A column stands twice in the first line.")
        self._lines = dataset.lines if isinstance(dataset, Sheet) else list(range(2, len(dataset) + 2))
        self._total = len(dataset)

    def after_import(self, dataset: Any, result: Lines, **kwargs: Any) -> None:
        for row in (*result.invalid_rows, *result.error_rows):
            row.number = self._lines[row.number - 1]

    def import_instance(self, instance: Contact, row: dict[str, Any], **kwargs: Any) -> None:
        new = instance._state.adding
        try:
            self._require_importable(instance, row, self._lines[kwargs["row_number"] - 1])
            changed = Contact.validate_change(_body(row), actor=self.actor, before=None if new else instance)
            if changed and not new:
                instance.require_changeable(self.actor)
        except DomainError as refusal:
            raise _as_validation_error(refusal) from None
        self._change = {column: (None if new else getattr(instance, column), v) for column, v in changed.items()}
        was = None if new else audit_values(instance, changed)
        if changed:
            version = {"created_at": self.at} if new else {"version": instance.version + 1}
            for column, value in {**changed, **version}.items():
                setattr(instance, column, value)
            for column, value in instance.search_columns().items():
                setattr(instance, column, value)
            if leaves_event(instance, self.actor):
                verb, columns = ("add", Contact.api_fields().values()) if new else ("change", changed)
                self._told.append(audit_hook.change(verb, instance, before=was, after=audit_values(instance, columns)))

    def skip_row(self, instance: Contact, original: Any, row: Any, import_validation_errors: Any = None) -> bool:
        return not import_validation_errors and not self._change

    def after_import_row(self, row: Any, row_result: RowResult, **kwargs: Any) -> None:
        if self._change and self._shown < SHOWN:
            self._shown += 1
            row_result.diff = [
                _as_html(self._change.get(Contact.api_fields()[name]), row.get(name)) for name in COLUMNS
            ]
        self._note_progress(kwargs["row_number"])

    def bulk_create(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        if self.create_instances and not dry_run:
            bulk_create_with_history(self.create_instances, Contact, batch_size=BATCH, **self._noted)
        self._record(dry_run)
        self.create_instances.clear()

    def bulk_update(self, using_transactions: bool, dry_run: bool, *args: Any, **kwargs: Any) -> None:
        if self.update_instances and not dry_run:
            columns = [*self.get_export_order()[1:], *self.update_instances[0].search_columns(), "version"]
            bulk_update_with_history(self.update_instances, Contact, columns, batch_size=BATCH, **self._noted)
        self._record(dry_run)
        self.update_instances.clear()

    def _record(self, dry_run: bool) -> None:
        if not dry_run:
            audit_hook.changed(*self._told, actor=self.actor, at=self.at)
        self._told.clear()

    @property
    def _noted(self) -> dict[str, Any]:
        return {"default_change_reason": f"{who(self.actor)}, import", "default_date": self.at}

    def _require_importable(self, contact: Contact, row: dict[str, Any], line: int) -> None:
        said = as_text(row.get("id"))
        if said and contact._state.adding:
            detail = "There is no contact with this id that you may see; leave it empty for a new one."
            raise DomainError(faults=[Fault(detail, pointer="#/id")])
        if not contact._state.adding:
            self._require_as_previewed(contact)
            first = self._lines_of.setdefault(str(contact.pk), line)
            if first != line:
                raise DomainError(faults=[Fault(f"This id stands in line {first} already.", pointer="#/id")])

    def _require_as_previewed(self, contact: Contact) -> None:
        """A contact that was changed since the preview is not what was agreed to."""
        if self.preview:
            self.seen[str(contact.pk)] = contact.version
        elif self.seen and self.seen.get(str(contact.pk)) != contact.version:
            detail = "This contact was changed after the preview; upload the file again to see what is so now."
            raise DomainError(faults=[Fault(detail, pointer="#/id")])

    def _note_progress(self, done: int) -> None:
        if self.progress and (done % BATCH == 0 or done == self._total):
            cache.set(progress_key(self.progress), {"done": done, "total": self._total}, PROGRESS_KEPT_SECONDS)

    # --- Export -------------------------------------------------------------------------------

    def export_field(self, field: Any, instance: Contact, **kwargs: Any) -> str:
        value = getattr(instance, field.attribute)
        if isinstance(value, bool):
            return str(value).lower()
        text = ILLEGAL_CHARACTERS_RE.sub("\N{REPLACEMENT CHARACTER}", "" if value is None else str(value))
        return f"'{text}" if _COMPUTED.match(text) else text


def progress_key(progress: str) -> str:
    return f"contacts-import:{progress}"


def as_text(cell: Any) -> str | None:
    """A cell as it was meant: numbers without their decimals, nothing for an empty one, no guarding apostrophe."""
    if cell is None or cell == "":
        return None
    if isinstance(cell, float) and cell.is_integer():
        cell = int(cell)
    text = str(cell)
    return text[1:] if text.startswith("'") and _COMPUTED.match(text[1:]) else text


def _body(row: dict[str, Any]) -> dict[str, Any]:
    """The line as the API's serializer reads it.

    A column that the file does not have is not said, and neither is an empty cell of what every contact has.
    """
    cells = {name: as_text(cell) for name, cell in row.items() if name != "id"}
    wire: dict[str, Any] = {name: text for name, text in cells.items() if text is not None or name not in _ALWAYS}
    if (flag := wire.get("defaultAnonymous")) is not None:
        wire["defaultAnonymous"] = _FLAGS.get(flag.casefold(), flag)
    serializer = ContactSerializer(data=wire)
    if not serializer.is_valid():
        raise DomainError(faults=tuple(faults_of(serializer.errors)))
    return dict(serializer.validated_data)


def _as_validation_error(refusal: DomainError) -> ValidationError:
    said: dict[str, list[str]] = {}
    for fault in refusal.faults or [Fault(refusal.detail)]:
        said.setdefault((fault.pointer or "").removeprefix("#/") or "__all__", []).append(fault.detail)
    return ValidationError(said)


def _as_html(change: tuple[Any, Any] | None, cell: Any) -> SafeString:
    """A cell of the preview: what stays, or what was and what will be."""
    if change is None:
        return format_html("{}", as_text(cell) or "")
    before, after = ("" if value is None else value for value in change)
    return format_html(
        "<del>{}</del> <ins>{}</ins>" if before != "" else "<del hidden>{}</del><ins>{}</ins>", before, after
    )
