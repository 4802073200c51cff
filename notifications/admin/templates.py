"""The texts of mails: the whole matrix on one page, each text with its preview, its history and a test."""

from dataclasses import replace
from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.http import urlencode
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from config.access.backoffice import staff_actor
from config.api.limits import count_test_email
from config.errors import DomainError, Forbidden, Invalid
from config.versioned import actions
from config.versioned.admin import VersionedAdmin
from config.vocabulary import EventType, Right, Role
from notifications.admin.preview import draft_of, previews, sample_draft
from notifications.drafts import Draft
from notifications.models import MessageTemplate
from notifications.sample_email import send_trial
from notifications.texts.offer import OFFERED
from notifications.texts.shipped import LANGUAGES, shipped

SHIPPED, CHANGED, OFF, GENERAL, MISSING, NOBODY = "shipped", "changed", "off", "general", "missing", "nobody"
VERSIONS_SHOWN = 20
_TEXTS = ("subject", "html", "text")
_WIDGETS = {
    "subject": UnfoldAdminTextInputWidget(attrs={"class": "max-w-4xl"}),
    "html": UnfoldAdminTextareaWidget(attrs={"rows": 24, "spellcheck": "false", "class": "font-mono"}),
    "text": UnfoldAdminTextareaWidget(attrs={"rows": 16, "class": "font-mono"}),
}


@admin.register(MessageTemplate)
class MessageTemplateAdmin(VersionedAdmin):
    list_display = ["__str__", "active", "subject", "version"]
    list_filter = ["event", "role", "language", "active"]
    search_fields = ("subject",)
    search_help_text = "Part of the subject."
    fieldsets = (
        (None, {"fields": (("event", "role"), ("language", "owner_group"), "active", "seen_version")}),
        ("What is written", {"fields": ("subject", "html", "text")}),
    )
    change_form_outer_before_template = "notifications/template_before.html"  # type: ignore[assignment]
    change_form_outer_after_template = "notifications/template_after.html"  # type: ignore[assignment]
    buttons = ("send_test", "restore")

    def found(self, rows: Any, term: str) -> Any:
        return rows.filter(subject__icontains=term)

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name in _WIDGETS:
            return db_field.formfield(strip=False, widget=_WIDGETS[db_field.name], **kwargs)
        return super().formfield_for_dbfield(db_field, request, **kwargs)

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        return ["event", "role", "language", "owner_group"] if obj else []

    def get_urls(self) -> list[URLPattern]:
        pages = (("list/", self.whole_list, "list"), ("preview/", self.preview, "preview"))
        own = [path(p, self.admin_site.admin_view(v), name=f"notifications_messagetemplate_{n}") for p, v, n in pages]
        return own + super().get_urls()

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """A new text begins as the one that would be used without it."""
        given = {name: request.GET.get(name, "") for name in ("event", "role", "language", "owner_group")}
        rows = MessageTemplate.objects.filter(event=given["event"], role=given["role"], owner_group=None)
        general = rows.filter(language=given["language"]).first()
        ships = (shipped(given["event"], given["role"], language) for language in (given["language"], LANGUAGES[0]))
        source = general or next((source for source in ships if source), None)
        return {**given, **({name: getattr(source, name) for name in _TEXTS} if source else {})}

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """The matrix of event, role and language; the plain list has an address of its own."""
        if not self.has_view_permission(request):
            raise Forbidden
        group = request.GET.get("group", "").strip() or None
        languages, lines = matrix(group)
        context = {
            **self.admin_site.each_context(request),
            "title": "Texts of mails",
            "opts": self.model._meta,
            "group": group or "",
            "groups": self.model.objects.exclude(owner_group=None)
            .order_by("owner_group")
            .values_list("owner_group", flat=True)
            .distinct(),
            "languages": languages,
            "lines": lines,
            "missing": sum(cell["state"] == MISSING for line in lines for cell in line["cells"]),
        }
        return TemplateResponse(request, "notifications/matrix.html", context)

    def whole_list(self, request: HttpRequest) -> HttpResponse:
        return super().changelist_view(request)

    def change_view(self, request: HttpRequest, object_id: str, *args: Any, **kwargs: Any) -> HttpResponse:
        row = self.get_object(request, object_id)
        extra = {
            "earlier": row.history.order_by("-history_date", "-history_id")[1 : VERSIONS_SHOWN + 1] if row else [],
            "ships": shipped(row.event, row.role, row.language) if row and row.outdated else None,
            "preview_query": _query(row) if row else "",
        }
        kwargs["extra_context"] = {**(kwargs.get("extra_context") or {}), **extra}
        return super().change_view(request, object_id, *args, **kwargs)

    def preview(self, request: HttpRequest) -> HttpResponse:
        """A text in every language at both widths, with sample values or a process's; POST sends one as a test."""
        if not (self.has_view_permission(request) and staff_actor(request).may(Right.ADMINISTER)):
            raise Forbidden("Previews are for administrators: they show what processes hold.")
        event, role = request.GET.get("event", ""), request.GET.get("role", "")
        if (event, role) not in OFFERED:
            raise Invalid("No mail is written about this event to this role.")
        group, process = request.GET.get("group") or None, request.GET.get("process", "").strip()
        several = event == EventType.REMINDER and role != Role.INITIATOR and request.GET.get("several") == "on"
        draft = draft_of(event, role, group=group, process=process, several=several)
        if request.method == "POST":
            self.message_user(request, _tried(request, replace(draft, language=request.POST.get("language", ""))))
            return redirect(request.get_full_path())
        context = {
            **self.admin_site.each_context(request),
            "title": f"{event} to {role}",
            "opts": self.model._meta,
            "event": event,
            "role": role,
            "group": group or "",
            "process": process,
            "several": several,
            "may_be_several": event == EventType.REMINDER and role != Role.INITIATOR,
            "previews": previews(draft),
        }
        return TemplateResponse(request, "notifications/preview.html", context)

    def send_test(self, request: HttpRequest, template: MessageTemplate) -> str:
        draft = sample_draft(template.event, template.role, language=template.language, group=template.owner_group)
        return _tried(request, draft)

    def restore(self, request: HttpRequest, template: MessageTemplate) -> str:
        """Make the template what it was in an earlier version, by the rules of today."""
        earlier = template.history.filter(history_id=_number(request.POST.get("version", ""))).first()
        if earlier is None:
            raise Invalid("There is no such version.")
        body = {name: getattr(earlier, name) for name in (*_TEXTS, "active")}
        row = actions.replace(template, body, actor=staff_actor(request), at=timezone.now())
        return f"The text is what it was in version {earlier.version}; this is version {row.version}."


def _tried(request: HttpRequest, draft: Draft) -> str:
    """Send the draft as a test to whoever asks; what to say of it."""
    to = getattr(request.user, "email", "")
    if not to:
        raise Invalid("Your user has no address to send a test to.")
    count_test_email(staff_actor(request).client)
    trial = send_trial(draft, to=to, at=timezone.now())
    if not trial.sent:
        raise DomainError(trial.reason)
    return f"A test is on its way to you: {trial.subject}"


def matrix(group: str | None) -> tuple[list[str], list[dict[str, Any]]]:
    """The languages, and a line of cells for each event and role: what would be used, for a group or in general."""
    rows = {(r.event, r.role, r.language, r.owner_group or None): r for r in MessageTemplate.objects.defer(*_TEXTS[1:])}
    languages = list(dict.fromkeys([*LANGUAGES, *sorted({language for _, _, language, _ in rows})]))
    lines = []
    for event, role in OFFERED:
        cells = [_cell(rows, event, role, language, group) for language in languages]
        if all(cell["state"] == MISSING for cell in cells):
            cells = [{**cell, "state": NOBODY} for cell in cells]
        lines.append({"event": event, "role": role, "cells": cells, "query": _asked(event, role, group=group)})
    return languages, lines


def _cell(rows: dict[Any, MessageTemplate], event: str, role: str, language: str, group: str | None) -> dict[str, Any]:
    own, general = rows.get((event, role, language, group)), rows.get((event, role, language, None))
    row = own or general
    if row is not None:
        state = OFF if not row.active else CHANGED if row is own else GENERAL
    else:
        state = SHIPPED if shipped(event, role, language) else MISSING
    if own is not None:
        address = reverse("admin:notifications_messagetemplate_change", args=[own.pk])
    else:
        asked = _asked(event, role, language=language, owner_group=group)
        address = f"{reverse('admin:notifications_messagetemplate_add')}?{asked}"
    return {"state": state, "address": address, "outdated": own is not None and own.active and own.outdated}


def _query(row: MessageTemplate) -> str:
    return _asked(row.event, row.role, group=row.owner_group)


def _asked(event: str, role: str, **more: str | None) -> str:
    return urlencode({"event": event, "role": role, **{name: value for name, value in more.items() if value}})


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0
