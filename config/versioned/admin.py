"""Kept rows in the back office: the same rules, versions and histories as over the API."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from simple_history.admin import SimpleHistoryAdmin

from config.access.actor import Actor
from config.access.backoffice import WithButtons, staff_actor
from config.api_values import is_id
from config.errors import DomainError
from config.text import plain
from config.versioned import actions
from config.versioned.models import VersionedModel


class VersionedForm(forms.ModelForm):
    """Holds what is entered against the row's own rules; `settled` are the columns to write."""

    actor: Actor
    seen_version = forms.IntegerField(widget=forms.HiddenInput, required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["seen_version"].initial = self.instance.version
        self._before = None
        if self.is_bound:
            self._meta.model.lock_all_writers()
            self._before = self._meta.model.objects.select_for_update().filter(pk=self.instance.pk).first()
        for field in self.fields.values():
            if isinstance(field, forms.CharField):
                field.strip = False

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self._before is not None and cleaned.get("seen_version") != self._before.version:
            raise forms.ValidationError(
                "Somebody else has changed this meanwhile. Open it again and repeat your change."
            )
        if self.errors:
            return cleaned
        columns = [column for column in self._meta.model.api_fields().values() if column in cleaned]
        cleaned |= {column: self._as_entered(column, cleaned[column]) for column in columns}
        said = {column: cleaned[column] for column in columns}
        try:
            self.changes = self._meta.model.validate_change(said, actor=self.actor, before=self._before)
        except DomainError as refusal:
            self._show(refusal)
            return cleaned
        return cleaned | self.changes

    def _as_entered(self, column: str, value: Any) -> Any:
        """A text without the line ends that browsers make of it; to the byte as it was, if nobody touched it."""
        if not isinstance(value, str):
            return value
        before, entered = getattr(self._before, column, None), value.replace("\r\n", "\n")
        untouched = isinstance(before, str) and before.replace("\r\n", "\n") == entered
        return before if untouched else entered

    def _show(self, refusal: DomainError) -> None:
        for fault in refusal.faults:
            field = self._meta.model.api_fields().get((fault.pointer or "").removeprefix("#/"), "")
            self.add_error(field if field in self.fields else None, fault.detail)
        if not refusal.faults:
            self.add_error(None, refusal.detail)


class VersionedAdmin(SimpleHistoryAdmin, WithButtons):
    """Staff see and change what they could through the API, if they have the permission of the page too."""

    form = VersionedForm
    show_full_result_count = False
    search_fields = ("name_plain",)
    search_help_text = "Part of the name, without case and diacritics."

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return self.model.objects.visible_to(staff_actor(request)).order_by(*self.model._meta.ordering)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"actor": staff_actor(request)})

    def get_search_results(self, request: HttpRequest, queryset: Any, search_term: str) -> tuple[Any, bool]:
        return (self.found(queryset, search_term) if search_term else queryset), False

    def found(self, rows: Any, term: str) -> Any:
        return rows.filter(name_plain__contains=plain(term))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return super().has_add_permission(request) and self.model.creatable_by(staff_actor(request))

    def has_change_permission(self, request: HttpRequest, obj: VersionedModel | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_change(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: VersionedModel | None = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_change(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        actor, now = staff_actor(request), timezone.now()
        obj.require_changeable(actor) if change else type(obj).require_creatable(actor)
        if not change:
            for column, value in {**form.changes, "created_at": now}.items():
                setattr(obj, column, value)
            actions.insert(obj, actor=actor, at=now)
        elif form.changes:
            actions.write(obj, form.changes, actor=actor, at=now)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        actions.delete(obj, actor=staff_actor(request), at=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        for row in queryset:
            self.delete_model(request, row)

    def history_view(self, request: HttpRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        """The history of what the caller may see; of what is gone, administrators alone."""
        self._require_history(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def get_history_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """The versions that the caller might have seen in their time."""
        return (
            super().get_history_queryset(request, *args, **kwargs).filter(self.model.visibility(staff_actor(request)))
        )

    def history_form_view(
        self, request: HttpRequest, object_id: str, version_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """One version, to look at: going back is an edit like any other."""
        if request.method not in ("GET", "HEAD"):
            return HttpResponse("A version is looked at, not changed.", status=405, headers={"Allow": "GET"})
        self._require_history(request, object_id)
        seen = self.model.history.filter(self.model.visibility(staff_actor(request)), id=object_id)
        if not (version_id.isascii() and version_id.isdigit() and seen.filter(history_id=version_id).exists()):
            raise Http404
        return super().history_form_view(request, object_id, version_id, extra_context)

    def _require_history(self, request: HttpRequest, object_id: str) -> None:
        gone = is_id(object_id) and staff_actor(request).administers
        if not gone and self.get_object(request, object_id) is None:
            raise Http404


def _may_change(request: HttpRequest, obj: VersionedModel | None) -> bool:
    return obj is None or obj.changeable_by(staff_actor(request))
