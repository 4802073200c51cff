"""The contacts' pages in the back office, with the import and export of sheets."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST
from import_export.admin import ImportExportMixin
from import_export.forms import ConfirmImportForm
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.contrib.import_export.forms import ExportForm, ImportForm
from unfold.decorators import display

from config.access.backoffice import staff_actor
from config.addresses import address_key
from config.personal_codes import personal_code_warnings, with_code
from config.text import plain
from config.versioned.admin import VersionedAdmin
from contacts.formats import COLUMNS, SheetCSV, SheetXLSX
from contacts.models import Contact, Upload
from contacts.rows import UnreadableSheet
from contacts.sheets import ContactSheet, SheetResult
from contacts.uploads import UploadStorage, lock_upload
from notifications.outbox import refused_addresses

# A request body has at most 8 MB, of which the form needs a little.
MAX_SHEET_MEGABYTES = 7


class SheetForm(ImportForm):
    def clean_import_file(self) -> UploadedFile:
        file = self.cleaned_data["import_file"]
        if file.size > MAX_SHEET_MEGABYTES * 2**20:
            raise forms.ValidationError(f"The file must not be larger than {MAX_SHEET_MEGABYTES} MB.")
        return file


class SheetConfirmForm(ConfirmImportForm):
    """Checks the hidden fields, which import-export uses as indexes."""

    format = forms.ChoiceField(choices=[("0", "CSV"), ("1", "XLSX")], widget=forms.HiddenInput)
    resource = forms.ChoiceField(choices=[("0", "contacts")], required=False, widget=forms.HiddenInput)


@admin.register(Contact)
class ContactAdmin(ImportExportMixin, VersionedAdmin):
    list_display = ["name", "email", "phone", "role", "scope", "owner", "group", "created_at"]
    list_display_links = ["name", "email"]
    list_filter = ["scope", "role", ("owner", FieldTextFilter), ("group", FieldTextFilter)]
    list_filter_submit = True
    search_help_text = "Part of the name or email address (ignoring case and diacritics), or a whole personal code."
    fieldsets = (
        (
            None,
            {"fields": ("name", ("country", "personal_code"), "email", "refused", "phone", "language", "seen_version")},
        ),
        ("In processes", {"fields": ("role", "default_anonymous")}),
        ("Visibility", {"fields": ("scope", "owner", "group")}),
    )
    readonly_fields = ["refused"]
    resource_classes = [ContactSheet]
    import_form_class = SheetForm
    confirm_form_class = SheetConfirmForm
    export_form_class = ExportForm
    formats = [SheetCSV, SheetXLSX]
    # Spreadsheets recognize UTF-8 by its byte order mark.
    to_encoding = "utf-8-sig"
    import_template_name = "contacts/import.html"
    tmp_storage_class = UploadStorage
    # Each contact has its own history.
    skip_admin_log = True

    @display(description="Refused by the mail server")
    def refused(self, contact: Contact) -> str:
        row = refused_addresses([contact.email]).get(address_key(contact.email))
        return f"{row.refused_at:%Y-%m-%d %H:%M}: {row.response}" if row else "no"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Contact], search_term: str
    ) -> tuple[QuerySet[Contact], bool]:
        if not search_term:
            return queryset, False
        matches = with_code(search_term)
        text = plain(search_term)
        if text:
            matches |= Q(name_plain__contains=text) | Q(email_plain__contains=text)
        return queryset.filter(matches), False

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        for warning in personal_code_warnings(obj.country, obj.personal_code, "#/personalCode"):
            messages.warning(request, warning.detail)

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.get_username(), **super().get_changeform_initial_data(request)}

    # --- Import and export: a preview, then the import of the same upload ---------------------

    def has_import_permission(self, request: HttpRequest) -> bool:
        return self.has_add_permission(request) and self.has_change_permission(request)

    def has_export_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def import_action(self, request: HttpRequest, **kwargs: object) -> HttpResponse:
        """Show the preview. Only uploads that can be imported are kept."""
        page = super().import_action(request, **kwargs)
        # import-export adds this attribute to the file when it has stored it.
        upload_id = getattr(request.FILES.get("import_file"), "tmp_storage_name", None)
        if upload_id is None:
            return page
        upload = Upload.objects.filter(pk=upload_id)
        if "confirm_form" in page.context_data:
            versions = page.context_data["result"].versions
            upload.update(previewed_versions=versions, created_by=request.user.get_username())
        else:
            upload.delete()
        return page

    @method_decorator(require_POST)
    @transaction.atomic
    def process_import(self, request: HttpRequest) -> HttpResponse:
        """Import the upload. Its lock and its deletion are in the same transaction, so it is imported only once."""
        if not self.has_import_permission(request):
            raise PermissionDenied
        upload_id = request.POST.get("import_file_name", "")
        upload = lock_upload(upload_id, created_by=request.user.get_username(), at=timezone.now())
        return super().process_import(request, upload=upload)

    def process_result(self, result: SheetResult, request: HttpRequest) -> HttpResponse:
        """Go to the list, or show the errors of rows that were valid in the preview but no longer are."""
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

    def add_data_read_fail_error_to_form(self, form: SheetForm, e: Exception) -> None:
        if isinstance(e, UnreadableSheet):
            form.add_error("import_file", e.detail)
        else:
            super().add_data_read_fail_error_to_form(form, e)

    def get_import_context_data(self, **kwargs: object) -> dict[str, object]:
        return {"columns": COLUMNS}

    def get_import_data_kwargs(self, **kwargs: object) -> dict[str, object]:
        return {**super().get_import_data_kwargs(**kwargs), "rollback_on_validation_errors": True}

    def get_resource_kwargs(self, request: HttpRequest, **kwargs: object) -> dict[str, object]:
        return {"actor": staff_actor(request), "at": timezone.now()}

    def get_import_resource_kwargs(
        self, request: HttpRequest, *, upload: Upload | None = None, **kwargs: object
    ) -> dict[str, object]:
        """The arguments of `ContactSheet`; `process_import` passes the upload, the preview has none."""
        versions = upload and upload.previewed_versions
        return {**self.get_resource_kwargs(request), "preview": upload is None, "previewed_versions": versions}
