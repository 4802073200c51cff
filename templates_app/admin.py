"""The back office pages of templates, document profiles and document attributes."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils import timezone
from unfold.admin import TabularInline
from unfold.contrib.filters.admin import FieldTextFilter
from unfold.widgets import UnfoldAdminTextareaWidget

from config.access.backoffice import staff_actor
from config.versioned.admin import VersionedAdmin, VersionedForm
from templates_app import actions
from templates_app.models import DocumentAttribute, DocumentProfile, ProfileAttribute, Template


class TemplateForm(VersionedForm):
    class Meta:
        widgets = {"data": UnfoldAdminTextareaWidget(attrs={"rows": 24, "spellcheck": "false"})}


@admin.register(Template)
class TemplateAdmin(VersionedAdmin):
    form = TemplateForm
    list_display = ["name", "scope", "owner", "group", "created_at"]
    list_filter = ["scope", ("owner", FieldTextFilter), ("group", FieldTextFilter)]
    list_filter_submit = True
    fields = ("name", "data", "scope", "owner", "group", "seen_version")

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        return {"owner": request.user.get_username(), **super().get_changeform_initial_data(request)}


@admin.register(DocumentAttribute)
class DocumentAttributeAdmin(VersionedAdmin):
    list_display = ["name", "type", "required", "created_at"]
    list_filter = ["type", "required"]
    fields = ("name", "type", "required", "seen_version")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        actions.update_profiles_with(obj, actor=staff_actor(request), at=timezone.now())


class ProfileAttributeInline(TabularInline):
    """The attributes of a profile, which can be dragged into order."""

    model = ProfileAttribute
    fields = ["attribute", "position"]
    ordering_field = "position"  # type: ignore[assignment]  # unfold declares it as None
    hide_ordering_field = True
    autocomplete_fields = ["attribute"]
    extra = 0
    verbose_name = "attribute"
    verbose_name_plural = "attributes, in order"


@admin.register(DocumentProfile)
class DocumentProfileAdmin(VersionedAdmin):
    list_display = ["__str__", "document_type", "owner_group", "asks_for", "is_seal_required", "profileorder"]
    list_filter = [("document_type", FieldTextFilter), ("owner_group", FieldTextFilter), "review_required"]
    list_filter_submit = True
    fieldsets = (
        (None, {"fields": ("name", ("document_type", "owner_group"), "profileorder", "seen_version")}),
        ("Retention", {"fields": ("retention_days",)}),
        ("Rules", {"fields": ("review_required", "continue_on_decline", ("is_seal_required", "seal"))}),
    )
    inlines = [ProfileAttributeInline]

    def save_related(self, request: HttpRequest, form: VersionedForm, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        # The inline rows have been saved without the profile's version and history.
        actions.update_summary(form.instance, actor=staff_actor(request), at=timezone.now())
