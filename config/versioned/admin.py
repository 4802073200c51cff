"""Versioned rows in the back office, with the rules, versions and histories of the API."""

import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from django import forms
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from config.access.actor import Actor
from config.access.backoffice import WithButtons, staff_actor
from config.api.lists.filters import containing
from config.api_values import Body, is_id
from config.errors import DomainError, Forbidden
from config.versioned import actions
from config.versioned.models import VersionedModel, VersionedQuerySet


class VersionedForm(forms.ModelForm):
    """Validates with the model's own rules. After validation, `changes` has the columns to write."""

    actor: Actor
    changes: Body
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version
        # The API does not trim text either.
        for field in self.fields.values():
            if isinstance(field, forms.CharField):
                field.strip = False

    def clean(self) -> Body:
        cleaned = super().clean() or self.cleaned_data
        # The instance still has the values in the database: Django sets the new ones after clean().
        before = None if self.instance._state.adding else self.instance
        if before is not None and cleaned.get("seen_version") != before.version:
            raise forms.ValidationError("This was changed after you opened it. Open it again and repeat your change.")
        if self.errors:
            return cleaned

        columns = [column for column in self._meta.model.api_fields().values() if column in cleaned]
        body = {column: self._without_browser_newlines(column, cleaned[column]) for column in columns}
        try:
            self.changes = self._meta.model.validate_change(body, actor=self.actor, before=before)
        except DomainError as error:
            self._show(error)
            return cleaned | body
        return cleaned | body | self.changes

    def _without_browser_newlines(self, column: str, value: object) -> object:
        """The entered value. A text that differs only in its line endings, which browsers change, is unchanged."""
        if not isinstance(value, str):
            return value
        before = getattr(self.instance, column)
        entered = value.replace("\r\n", "\n")
        if isinstance(before, str) and before.replace("\r\n", "\n") == entered:
            return before
        return entered

    def _show(self, error: DomainError) -> None:
        columns = self._meta.model.api_fields()
        for fault in error.faults:
            column = columns.get((fault.pointer or "").removeprefix("#/"))
            self.add_error(column if column in self.fields else None, fault.detail)
        if not error.faults:
            self.add_error(None, error.detail)


class VersionedAdmin(SimpleHistoryAdmin, WithButtons):
    """Staff see and change what they could through the API, if they also have Django's permission for the page."""

    form = VersionedForm
    show_full_result_count = False
    search_fields = ("name_plain",)
    search_help_text = "Part of the name. Case and diacritics are ignored."

    def get_queryset(self, request: HttpRequest) -> VersionedQuerySet:
        return self.model.objects.visible_to(staff_actor(request)).order_by(*self.model._meta.ordering)

    def get_form(self, request: HttpRequest, *args: Any, **kwargs: Any) -> type[VersionedForm]:
        form = super().get_form(request, *args, **kwargs)
        return type(form.__name__, (form,), {"actor": staff_actor(request)})

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[QuerySet[Any], bool]:
        if search_term:
            queryset = self.found(queryset, search_term)
        return queryset, False

    def found(self, rows: VersionedQuerySet, term: str) -> VersionedQuerySet:
        """The rows that match a search term."""
        return containing(rows, "name_plain", term)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and _is_allowed(request, self.model.require_creatable)

    def has_change_permission(self, request: HttpRequest, obj: VersionedModel | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: VersionedModel | None = None) -> bool:
        return super().has_delete_permission(request, obj) and self._may_change(request, obj)

    def _may_change(self, request: HttpRequest, obj: VersionedModel | None) -> bool:
        return obj is None or _is_allowed(request, obj.require_changeable)

    def changeform_view(self, request: HttpRequest, object_id: str | None = None, *args: Any, **kwargs: Any) -> Any:
        """Lock before Django reads the row, so that the form validates against the row that it replaces."""
        if request.method != "POST":
            return super().changeform_view(request, object_id, *args, **kwargs)
        with transaction.atomic():
            self.model.lock_all_writers()
            # Django itself reports an id that is not a UUID.
            with suppress(ValueError):
                id = uuid.UUID(unquote(object_id or ""))
                self.model.objects.select_for_update().filter(pk=id).first()
            return super().changeform_view(request, object_id, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor = staff_actor(request)
        now = timezone.now()
        if change:
            obj.require_changeable(actor)
            if form.changes:
                actions.write(obj, form.changes, actor=actor, at=now)
        else:
            obj.require_creatable(actor)
            for column, value in {**form.changes, "created_at": now}.items():
                setattr(obj, column, value)
            actions.insert(obj, actor=actor, at=now)

    def delete_model(self, request: HttpRequest, obj: VersionedModel) -> None:
        actions.delete_row(obj, actor=staff_actor(request), at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def history_view(self, request: HttpRequest, object_id: str, *args: Any) -> HttpResponse:
        """The history of a row that the caller may see. Only administrators see the history of a deleted row."""
        self._require_history(request, object_id)
        return super().history_view(request, object_id, *args)

    def get_history_queryset(self, request: HttpRequest, *args: object) -> QuerySet[Any]:
        """The versions that the caller could have seen when they were current."""
        return super().get_history_queryset(request, *args).filter(self.model.visibility(staff_actor(request)))

    def history_form_view(self, request: HttpRequest, object_id: str, version_id: str, *args: object) -> HttpResponse:
        """One version, read-only: reverting to it is an edit like any other."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponse("Earlier versions are read-only.", status=405, headers={"Allow": "GET"})
        self._require_history(request, object_id)
        versions = self.model.history.filter(self.model.visibility(staff_actor(request)), id=object_id)
        is_number = version_id.isascii() and version_id.isdigit()
        if not is_number or not versions.filter(history_id=version_id).exists():
            raise Http404
        return super().history_form_view(request, object_id, version_id, *args)

    def _require_history(self, request: HttpRequest, object_id: str) -> None:
        may_see_deleted = is_id(object_id) and staff_actor(request).administers
        if not may_see_deleted and self.get_object(request, object_id) is None:
            raise Http404


def _is_allowed(request: HttpRequest, require: Callable[[Actor], None]) -> bool:
    try:
        require(staff_actor(request))
    except Forbidden:
        return False
    return True
