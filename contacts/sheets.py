"""Imports and exports contacts as sheets. Each row must satisfy the rules of the API; all rows are imported or none.

An export puts an apostrophe before what spreadsheets would compute, and an import removes it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

import tablib
from django.core.exceptions import ValidationError
from django.utils.html import format_html
from django.utils.safestring import SafeString
from import_export.fields import Field
from import_export.instance_loaders import BaseInstanceLoader
from import_export.resources import ModelResource
from import_export.results import Result, RowResult
from simple_history.utils import bulk_create_with_history, bulk_update_with_history

from config.access import audit_hook
from config.access.actor import Actor
from config.api.problems import flatten_errors
from config.api_values import Body, JsonObject, is_id
from config.errors import DomainError, Fault
from config.spreadsheets import guard_formulas, replace_invalid_characters, unguard_formulas
from config.versioned.actions import audit_values, leaves_event, who
from contacts.formats import COLUMNS, Sheet
from contacts.models import Contact
from contacts.rows import InvalidCell, trim
from contacts.serializers import ContactSerializer

IMPORT_BATCH_SIZE = 500
MAX_PREVIEW_ROWS = 200

# An empty cell in these columns changes nothing, because every contact has a value there.
_NEVER_EMPTY = frozenset({"owner", "scope", "defaultAnonymous"})
_FLAGS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

# The cells of one row by column name.
SheetCells = Mapping[str, object]


class SheetResult(Result):
    """The results of the rows, and the versions of the contacts that they name, by id."""

    versions: dict[str, int]

    @property
    def preview_rows(self) -> list[RowResult]:
        return [row for row in self.rows if row.diff]

    @property
    def not_shown(self) -> int:
        return max(0, self.totals["new"] + self.totals["update"] - MAX_PREVIEW_ROWS)


class ContactLoader(BaseInstanceLoader):
    """Reads the contacts that a sheet names by their ids, in one query. An import locks them."""

    def __init__(self, resource: "ContactSheet", dataset: tablib.Dataset) -> None:
        super().__init__(resource, dataset)
        texts = {as_text(row.get("id")) or "" for row in dataset.dict}
        ids = [text for text in texts if is_id(text)]
        # Two imports at once lock their contacts in the same order, so that they cannot deadlock.
        contacts = Contact.objects.visible_to(resource.actor).filter(pk__in=ids).order_by("pk")
        if not resource.preview:
            contacts = contacts.select_for_update()
        self._contacts = {str(contact.pk): contact for contact in contacts}

    def get_instance(self, row: SheetCells) -> Contact | None:
        return self._contacts.get((as_text(row.get("id")) or "").casefold())


class ContactSheet(ModelResource):
    """The import and export of one user.

    A `preview` locks nothing, and its result has the versions of the contacts. With these `previewed_versions`, an
    import refuses contacts that were changed after the preview.
    """

    class Meta:
        model = Contact
        fields = [Contact.api_fields()[name] for name in COLUMNS]
        use_bulk = True
        batch_size = IMPORT_BATCH_SIZE
        skip_diff = True
        import_id_fields = ()
        clean_model_instances = False
        instance_loader_class = ContactLoader

    def __init__(
        self, *, actor: Actor, at: datetime, preview: bool = False, previewed_versions: dict[str, int] | None = None
    ) -> None:
        super().__init__()
        self.actor = actor
        self.at = at
        self.preview = preview
        self._previewed_versions = previewed_versions
        self._versions: dict[str, int] = {}
        self._line_numbers: Sequence[int] = []
        self._line_number_by_id: dict[str, int] = {}
        self._events: list[JsonObject] = []
        self._preview_rows = 0
        # The change in the current row: the old values by API field, and the new ones by column.
        self._before: JsonObject = {}
        self._changed: Body = {}
        for name in COLUMNS:
            self.fields[Contact.api_fields()[name]].column_name = name

    @classmethod
    def get_result_class(cls) -> type[SheetResult]:
        return SheetResult

    # --- Import -------------------------------------------------------------------------------

    def before_import(self, dataset: tablib.Dataset, **kwargs: object) -> None:
        self._line_numbers = range(2, len(dataset) + 2)
        if isinstance(dataset, Sheet):
            self._line_numbers = dataset.line_numbers

    def after_import(self, dataset: tablib.Dataset, result: SheetResult, **kwargs: object) -> None:
        result.versions = self._versions
        for row in (*result.invalid_rows, *result.error_rows):
            row.number = self._line_numbers[row.number - 1]

    def import_instance(self, instance: Contact, row: SheetCells, *, row_number: int, **kwargs: object) -> None:
        """Apply the row to the contact by the API's rules. A refusal becomes a validation error of the row."""
        before = None if instance._state.adding else instance
        try:
            _require_texts(row)
            self._require_importable(instance, row, self._line_numbers[row_number - 1])
            self._changed = Contact.validate_change(_validated_body(row, before), actor=self.actor, before=before)
            if self._changed and before is not None:
                before.require_changeable(self.actor)
        except DomainError as refusal:
            raise _to_validation_error(refusal) from None
        if not self._changed:
            return

        # The columns that the API's actions set as well.
        if before is None:
            self._before = {}
            instance.created_at = self.at
        else:
            self._before = audit_values(before, self._changed)
            instance.version += 1
        _assign(instance, self._changed)
        _assign(instance, instance.search_columns())
        if leaves_event(instance, self.actor):
            self._events.append(self._event(instance))

    def skip_row(self, instance: Contact, original: object, row: SheetCells, import_validation_errors: object) -> bool:
        return not import_validation_errors and not self._changed

    def after_import_row(self, row: SheetCells, row_result: RowResult, **kwargs: object) -> None:
        if self._changed and self._preview_rows < MAX_PREVIEW_ROWS:
            self._preview_rows += 1
            row_result.diff = [self._preview_cell(name, row) for name in COLUMNS]

    def bulk_create(self, using_transactions: bool, dry_run: bool, *args: object, **kwargs: object) -> None:
        if self.create_instances and not dry_run:
            bulk_create_with_history(self.create_instances, Contact, **self._history_options)
        self._record_events(dry_run)
        self.create_instances.clear()

    def bulk_update(self, using_transactions: bool, dry_run: bool, *args: object, **kwargs: object) -> None:
        if self.update_instances and not dry_run:
            changeable = [column for column in self.fields if column != "id"]
            columns = [*changeable, *self.update_instances[0].search_columns(), "version"]
            bulk_update_with_history(self.update_instances, Contact, columns, **self._history_options)
        self._record_events(dry_run)
        self.update_instances.clear()

    @property
    def _history_options(self) -> JsonObject:
        reason = f"{who(self.actor)}, import"
        return {"batch_size": IMPORT_BATCH_SIZE, "default_change_reason": reason, "default_date": self.at}

    def _record_events(self, dry_run: bool) -> None:
        if not dry_run:
            audit_hook.record_changes(*self._events, actor=self.actor, at=self.at)
        self._events.clear()

    def _require_importable(self, contact: Contact, row: SheetCells, line_number: int) -> None:
        if contact._state.adding:
            if as_text(row.get("id")):
                raise _invalid_id("The id must be that of a contact that you may see. Leave it empty to add a contact.")
            return
        contact_id = str(contact.pk)
        first = self._line_number_by_id.setdefault(contact_id, line_number)
        if first != line_number:
            raise _invalid_id(f"The id must occur only once; it is already on line {first}.")
        # The user has agreed to the changes in the preview, so the contact must still be the same.
        self._versions[contact_id] = contact.version
        previewed = self._previewed_versions
        if previewed is not None and previewed.get(contact_id) != contact.version:
            raise _invalid_id("This contact was changed after the preview. Please upload the file again.")

    def _event(self, contact: Contact) -> JsonObject:
        if contact._state.adding:
            return audit_hook.row_change("add", contact, after=audit_values(contact, Contact.api_fields().values()))
        return audit_hook.row_change("change", contact, before=self._before, after=audit_values(contact, self._changed))

    def _preview_cell(self, name: str, row: SheetCells) -> SafeString:
        """The unchanged value, or the old value next to the new one."""
        column = Contact.api_fields()[name]
        if column not in self._changed:
            return format_html("{}", as_text(row.get(name)) or "")
        return format_html("<del>{}</del> <ins>{}</ins>", _shown(self._before.get(name)), _shown(self._changed[column]))

    # --- Export -------------------------------------------------------------------------------

    def export_field(self, field: Field, instance: Contact, **kwargs: object) -> str:
        value = getattr(instance, field.attribute)
        if isinstance(value, bool):
            return str(value).lower()
        return guard_formulas(replace_invalid_characters(_shown(value)))


def as_text(cell: object) -> str | None:
    """The text that the user entered, without surrounding blanks; None for an empty cell."""
    if cell is None or isinstance(cell, InvalidCell):
        return None
    if isinstance(cell, bool):
        return str(cell).lower()
    return trim(unguard_formulas(str(cell))) or None


def _shown(value: object) -> str:
    return "" if value is None else str(value)


def _assign(contact: Contact, values: Body) -> None:
    for column, value in values.items():
        setattr(contact, column, value)


def _validated_body(row: SheetCells, before: Contact | None) -> Body:
    """The row as the body of a PUT. Columns that the sheet does not have are absent."""
    values: JsonObject = {}
    for name, cell in row.items():
        text = as_text(cell)
        if name == "id" or (text is None and name in _NEVER_EMPTY):
            continue
        stored = before and getattr(before, Contact.api_fields()[name])
        # What an export loses at the ends of a text, and in its composition, is no change.
        if isinstance(stored, str) and (trim(replace_invalid_characters(stored)) or None) == text:
            continue
        values[name] = text
    if "defaultAnonymous" in values:
        flag = values["defaultAnonymous"]
        values["defaultAnonymous"] = _FLAGS.get(flag.casefold(), flag)

    serializer = ContactSerializer(data=values)
    if not serializer.is_valid():
        raise DomainError(faults=tuple(flatten_errors(serializer.errors)))
    return dict(serializer.validated_data)


def _require_texts(row: SheetCells) -> None:
    """Refuse the cells whose text is unknown."""
    faults = []
    for name, cell in row.items():
        if isinstance(cell, InvalidCell):
            faults.append(Fault(cell.detail, pointer=f"#/{name}"))
        elif isinstance(cell, bool) and name != "defaultAnonymous":
            faults.append(Fault(f"The cell must contain text instead of {str(cell).upper()}.", pointer=f"#/{name}"))
    if faults:
        raise DomainError(faults=faults)


def _invalid_id(detail: str) -> DomainError:
    return DomainError(faults=[Fault(detail, pointer="#/id")])


def _to_validation_error(refusal: DomainError) -> ValidationError:
    """The errors by column, as import-export expects them."""
    errors: dict[str, list[str]] = {}
    for fault in refusal.faults or [Fault(refusal.detail)]:
        column = (fault.pointer or "").removeprefix("#/") or "__all__"
        errors.setdefault(column, []).append(fault.detail)
    return ValidationError(errors)
