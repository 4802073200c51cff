"""The texts of emails: an overview of all of them, and for each text a preview, its history and a test email."""

from dataclasses import replace

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.access.backoffice import staff_actor
from config.access.models import User
from config.api.fields import is_language_tag
from config.api.limits import count_test_email
from config.api_values import JsonObject
from config.errors import DomainError, Forbidden, Invalid
from config.versioned import actions
from config.versioned.admin import VersionedAdmin, VersionedForm
from config.versioned.models import VersionedQuerySet
from config.vocabulary import EventType, Right, Role
from notifications.admin.matrix import Matrix, page_query
from notifications.admin.preview import fictional_draft, preview_draft, previews
from notifications.drafts import Draft
from notifications.models import MessageTemplate
from notifications.sample_email import send_test_email
from notifications.texts.email_types import EMAIL_TYPES
from notifications.texts.shipped import LANGUAGES, shipped_text

VERSIONS_SHOWN = 20
_PARTS = ("subject", "html", "text")


class MessageTemplateForm(VersionedForm):
    class Meta:
        widgets = {
            "subject": UnfoldAdminTextInputWidget(attrs={"class": "max-w-4xl"}),
            "html": UnfoldAdminTextareaWidget(attrs={"rows": 24, "spellcheck": "false", "class": "font-mono"}),
            "text": UnfoldAdminTextareaWidget(attrs={"rows": 16, "class": "font-mono"}),
        }


@admin.register(MessageTemplate)
class MessageTemplateAdmin(VersionedAdmin):
    form = MessageTemplateForm
    list_display = ["__str__", "active", "subject", "version"]
    list_filter = ["event", "role", "language", "active"]
    search_fields = ("subject",)
    search_help_text = "Part of the subject."
    fieldsets = (
        (None, {"fields": (("event", "role"), ("language", "owner_group"), "active", "seen_version")}),
        ("Text", {"fields": _PARTS}),
    )
    # unfold declares both as None.
    change_form_outer_before_template = "notifications/template_before.html"  # type: ignore[assignment]
    change_form_outer_after_template = "notifications/template_after.html"  # type: ignore[assignment]
    buttons = ("send_test", "restore")

    def found(self, rows: VersionedQuerySet, term: str) -> VersionedQuerySet:
        return rows.filter(subject__icontains=term)

    def get_readonly_fields(self, request: HttpRequest, obj: MessageTemplate | None = None) -> list[str]:
        if obj is None:
            return []
        return ["event", "role", "language", "owner_group"]

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        pages = [
            path("list/", wrap(self.plain_list), name="notifications_messagetemplate_list"),
            path("preview/", wrap(self.preview), name="notifications_messagetemplate_preview"),
        ]
        return pages + super().get_urls()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, str | list[str]]:
        """A new text starts as a copy of the text that it replaces."""
        columns = {name: request.GET.get(name, "") for name in ("event", "role", "language", "owner_group")}
        event = columns["event"]
        role = columns["role"]
        language = columns["language"]
        general = MessageTemplate.objects.filter(event=event, role=role, language=language, owner_group=None).first()
        source = general or shipped_text(event, role, language) or shipped_text(event, role, LANGUAGES[0])
        if source is not None:
            columns |= {"subject": source.subject, "html": source.html, "text": source.text}
        return {**columns}

    def changelist_view(self, request: HttpRequest, extra_context: JsonObject | None = None) -> TemplateResponse:
        """The matrix of events, roles and languages; the plain list has its own URL."""
        if not self.has_view_permission(request):
            raise Forbidden
        group = request.GET.get("group", "").strip()
        groups = self.model.objects.exclude(owner_group=None).order_by("owner_group")
        context = {
            **self.admin_site.each_context(request),
            "title": "Email texts",
            "opts": self.model._meta,
            "group": group,
            "groups": groups.values_list("owner_group", flat=True).distinct(),
            "matrix": Matrix(group or None),
        }
        return TemplateResponse(request, "notifications/matrix.html", context)

    def plain_list(self, request: HttpRequest) -> HttpResponse:
        return super().changelist_view(request)

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: JsonObject | None = None
    ) -> HttpResponse:
        template = self.get_object(request, object_id)
        context = extra_context or {}
        if template is not None:
            versions = template.history.order_by("-history_date", "-history_id")
            context["earlier"] = versions[1 : VERSIONS_SHOWN + 1]
            context["preview_query"] = page_query(template.event, template.role, group=template.owner_group)
            if template.outdated:
                context["new_shipped_text"] = shipped_text(template.event, template.role, template.language)
        return super().change_view(request, object_id, form_url, context)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """An email in every language and at two widths, with sample values or those of a process. POST sends it."""
        if not (self.has_view_permission(request) and staff_actor(request).may(Right.ADMINISTER)):
            raise Forbidden("Only administrators can see previews, because previews contain data from processes.")

        # Which message to preview.
        event = request.GET.get("event", "")
        role = request.GET.get("role", "")
        if (event, role) not in EMAIL_TYPES:
            raise Invalid("There is no email about this event for this role.")
        group = request.GET.get("group", "")
        process = request.GET.get("process", "").strip()
        can_be_several = event == EventType.REMINDER and role != Role.INITIATOR
        several = can_be_several and request.GET.get("several") == "on"
        draft = preview_draft(event, role, group=group or None, process=process, several=several)

        if request.method == "POST":
            language = request.POST.get("language", "")
            if not is_language_tag(language):
                raise Invalid("The language must be a language tag, for example lv or lv-LV.")
            draft = replace(draft, language=language)
            self.message_user(request, _send_test_email(request, draft))
            return redirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "title": f"{event} to {role}",
            "opts": self.model._meta,
            "event": event,
            "role": role,
            "group": group,
            "process": process,
            "several": several,
            "can_be_several": can_be_several,
            "previews": previews(draft),
        }
        return TemplateResponse(request, "notifications/preview.html", context)

    def send_test(self, request: HttpRequest, template: MessageTemplate) -> str:
        draft = fictional_draft(template.event, template.role, language=template.language, group=template.owner_group)
        return _send_test_email(request, draft)

    def restore(self, request: HttpRequest, template: MessageTemplate) -> str:
        """Save an earlier version as the newest one, by today's rules."""
        version = request.POST.get("version")
        earlier = next((row for row in template.history.all() if str(row.history_id) == version), None)
        if earlier is None:
            raise Invalid("There is no such version.")
        body = {name: getattr(earlier, name) for name in (*_PARTS, "active")}
        row = actions.replace_row(template, body, actor=staff_actor(request), at=timezone.now())
        return f"Version {earlier.version} was restored as version {row.version}."


def _send_test_email(request: HttpRequest, draft: Draft) -> str:
    """Send the draft to the user of this request; returns the confirmation."""
    address = request.user.email if isinstance(request.user, User) else ""
    if not address:
        raise Invalid("Your account must have an email address to receive test emails.")
    actor = staff_actor(request)
    count_test_email(actor.client)
    test_email = send_test_email(draft, to=address, actor=actor, at=timezone.now())
    if not test_email.sent:
        raise DomainError(test_email.reason)
    return f"A test email was sent to you: {test_email.subject}"
