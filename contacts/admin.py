"""Contacts in the back office, with import and export of sheets."""

import re
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from import_export.admin import ImportExportMixin
from import_export.forms import ConfirmImportForm
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from config.access.backoffice import staff_actor
from config.personal_codes import personal_code_warnings
from config.text import code_key, plain
from config.versioned.admin import VersionedAdmin
from contacts.formats import SheetCSV, SheetXLSX, UnreadableSheet
from contacts.models import Contact, Upload
from contacts.sheets import COLUMNS, ContactSheet, progress_key
from contacts.uploads import Uploads, taken
from notifications.outbox import refused_addresses

LARGEST_SHEET = 16 * 1024 * 1024
_TOKEN = re.compile(r"[0-9a-f]{32}")


class Watched(forms.Form):
    """`progress` is a name that the page makes, under which it asks how far the import has come."""

    progress = forms.RegexField(_TOKEN, required=False, widget=forms.HiddenInput)


class SheetForm(Watched, ImportForm):
    def clean_import_file(self) -> Any:
        file = self.cleaned_data["import_file"]
        if file.size > LARGEST_SHEET:
            raise forms.ValidationError(f"The file is larger than {LARGEST_SHEET // 2**20} MB.")
        return file


class SheetConfirmForm(Watched, ConfirmImportForm):
    format = forms.ChoiceField(choices=[("0", "CSV"), ("1", "XLSX")], widget=forms.HiddenInput)
    resource = forms.ChoiceField(choices=[("0", "contacts")], required=False, widget=forms.HiddenInput)


@admin.register(Contact)
class ContactAdmin(ImportExportMixin, VersionedAdmin):
    list_display = ["name", "email", "phone", "role", "scope", "owner", "group", "created_at"]
    list_display_links = ["name", "email"]
    list_filter = ["scope", "role", ("owner", FieldTextFilter), ("group", FieldTextFilter)]
    list_filter_submit = True
    search_help_text = "Part of the name or the address, without case and diacritics, or a personal code."
    fieldsets = (
        (
            None,
            {"fields": ("name", ("country", "personal_code"), "email", "refused", "phone", "language", "seen_version")},
        ),
        ("In a process", {"fields": ("role", "default_anonymous")}),
        ("Who sees it", {"fields": ("scope", "owner", "group")}),
    )
    readonly_fields = ["refused"]
    resource_classes = [ContactSheet]
    import_form_class = SheetForm
    confirm_form_class = SheetConfirmForm
    export_form_class = ExportForm
    import_formats = export_formats = [SheetCSV, SheetXLSX]
    to_encoding = "utf-8-sig"  # so that spreadsheets know it
    import_template_name = "contacts/import.html"
    tmp_storage_class = Uploads
    skip_admin_log = True  # each contact has its history

    @display(description="Refused by the mail server")
    def refused(self, contact: Contact) -> str:
        known = refused_addresses([contact.email]).get((contact.email or "").lower())
        return f"{known.refused_at:%Y-%m-%d %H:%M}: {known.answer}" if known else "no"

    def found(self, rows: Any, term: str) -> Any:
        by_name = rows.filter(name_plain__contains=plain(term))
        by_address = rows.filter(email_plain__contains=plain(term))
        code = code_key(term)
        return by_name | by_address | rows.filter(code_key=code) if code else by_name | by_address

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for doubt in personal_code_warnings(obj.country, obj.personal_code, "#/personalCode"):
            messages.warning(request, doubt.detail)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.get_username(), **super().get_changeform_initial_data(request)}

    def get_urls(self) -> list[URLPattern]:
        watch = self.admin_site.admin_view(self.import_progress)
        return [path("import/progress/", watch, name="contacts_contact_import_progress"), *super().get_urls()]

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and super(ImportExportMixin, self).has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def import_progress(self, request: HttpRequest) -> HttpResponse:
        """How far the import of that name has come: lines done, and lines in all."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        come = cache.get(progress_key(_own(request, request.GET.get("name", "")))) or {}
        return JsonResponse(come, headers={"Cache-Control": "no-store"})

    def get_import_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        form = kwargs.get("form")
        said = form.cleaned_data if form is not None and form.is_bound and form.is_valid() else {}
        return {
            "actor": staff_actor(request),
            "at": timezone.now(),
            "progress": _own(request, said.get("progress") or ""),
            "preview": "import_file" in said,
            "seen": request.__dict__.setdefault("_sheet_seen", {}),
        }

    def get_export_resource_kwargs(self, request: HttpRequest, **kwargs: Any) -> dict[str, Any]:
        return {"actor": staff_actor(request), "at": timezone.now()}

    def get_import_data_kwargs(self, **kwargs: Any) -> dict[str, Any]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def get_import_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return {"columns": COLUMNS}

    def add_data_read_fail_error_to_form(self, form: Any, e: Exception) -> None:
        if not isinstance(e, UnreadableSheet):
            return super().add_data_read_fail_error_to_form(form, e)
        return form.add_error("import_file", e.detail)

    def import_action(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The preview. What cannot be imported is not kept."""
        page = super().import_action(request, **kwargs)
        if isinstance(page, TemplateResponse) and page.context_data is not None and request.method == "POST":
            uploaded = getattr(request.FILES.get("import_file"), "tmp_storage_name", None)
            if uploaded and "confirm_form" not in page.context_data:
                Upload.objects.filter(pk=uploaded).delete()
        return page

    def create_confirm_form(self, request: HttpRequest, import_form: Any = None) -> Any:
        if import_form is not None:
            seen = request.__dict__.get("_sheet_seen", {})
            uploaded = Upload.objects.filter(pk=import_form.cleaned_data["import_file"].tmp_storage_name)
            uploaded.update(seen=seen, made_by=request.user.get_username())
        return super().create_confirm_form(request, import_form)

    @transaction.atomic
    def process_import(self, request: HttpRequest, **kwargs: Any) -> Any:
        """The import, once: the upload is taken in the import's own transaction."""
        if request.method == "POST" and self.has_import_permission(request):
            name = request.POST.get("import_file_name", "")
            upload = taken(name, by=request.user.get_username(), at=timezone.now())
            request.__dict__["_sheet_seen"] = upload.seen
        return super().process_import(request, **kwargs)

    def process_result(self, result: Any, request: HttpRequest) -> HttpResponse:
        """To the list, unless what could be imported when it was previewed cannot be any more."""
        if not (result.has_errors() or result.has_validation_errors()):
            return super().process_result(result, request)
        context = {
            **self.admin_site.each_context(request),
            **self.get_import_context_data(),
            "title": "Import",
            "form": self.create_import_form(request),
            "opts": self.model._meta,
            "result": result,
        }
        return TemplateResponse(request, self.import_template_name, context)


def _own(request: HttpRequest, name: str) -> str:
    """The name of a progress, for this user alone; empty if it is none."""
    return f"{request.user.pk}:{name}" if _TOKEN.fullmatch(name) else ""
