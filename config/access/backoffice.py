"""What the back office's pages share: the staff member as an actor, refusals as messages, audited and read-only rows,
and buttons that call actions."""

import logging
import re
from typing import ClassVar
from urllib.parse import unquote

from django.contrib import messages
from django.contrib.admin.models import LogEntry
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.db import DataError
from django.db.models import Model, QuerySet
from django.db.models.constants import LOOKUP_SEP
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin

from config import api_values
from config.access import audit_hook
from config.access.actor import Actor
from config.access.grants import actor_of_user
from config.access.models import User
from config.access.resolver import client_address
from config.api_values import JsonObject
from config.errors import DomainError, Forbidden

logger = logging.getLogger(__name__)

# Columns of any model that no page shows.
SECRET_COLUMNS = frozenset(
    {"password", "key", "digest", "token_key", "session_key", "session_data", "session_hash", "get_data", "post_data"}
)


def staff_actor(request: HttpRequest) -> Actor:
    """The logged-in staff member with rights and IP address. Queried once per request."""
    if not isinstance(request.user, User):
        raise Forbidden("You must be logged in.")
    actor: Actor | None = getattr(request, "_staff_actor", None)
    if actor is None:
        actor = actor_of_user(request.user, address=client_address(request))
        request._staff_actor = actor  # type: ignore[attr-defined]  # our own attribute
    return actor


class RejectNul(MiddlewareMixin):
    """Middleware: respond with 400 to NUL in back office URLs and forms, because PostgreSQL cannot store it."""

    def process_view(self, request: HttpRequest, view: object, *args: object) -> HttpResponse | None:
        """After the CSRF check, so that no unchecked body is read."""
        if not _is_backoffice(request):
            return None
        if "\0" in request.path_info or "\0" in unquote(request.META.get("QUERY_STRING", "")):
            return _bad_request("URLs must not contain NUL.")
        if any("\0" in text for name, values in request.POST.lists() for text in (name, *values)):
            return _bad_request("Forms must not contain NUL.")
        return None


def _bad_request(text: str) -> HttpResponse:
    return HttpResponse(text, status=400, content_type="text/plain; charset=utf-8")


class ShowRefusals(MiddlewareMixin):
    """Middleware: show a refusal in the back office as a message on the page that the request came from."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError) or not _is_backoffice(request):
            return None
        show_refusal(request, exception)
        previous_page = local_url(request, request.headers.get("Referer", ""))
        # A page that is refused again must not redirect to itself.
        if previous_page == request.build_absolute_uri() and request.method != "POST":
            previous_page = ""
        return redirect(previous_page or "admin:index")


def show_refusal(request: HttpRequest, refusal: DomainError) -> None:
    """Show a refusal with its faults on the next page."""
    faults = " ".join(fault.detail for fault in refusal.faults)
    messages.error(request, f"{refusal.detail} {faults}".strip())


def _is_backoffice(request: HttpRequest) -> bool:
    return request.path_info.startswith("/admin/")


def local_url(request: HttpRequest, url: str) -> str:
    """The URL, or the empty string unless it is an absolute path, or a URL on this host."""
    is_absolute = url.startswith(("/", f"{request.scheme}://"))
    if is_absolute and url_has_allowed_host_and_scheme(url, {request.get_host()}, require_https=request.is_secure()):
        return url
    return ""


class GuardedAdmin(ModelAdmin):
    """Admin pages whose lists can be filtered only as they offer it."""

    # The lookups of the filters that the lists have. `id` belongs to those by related rows.
    _LOOKUPS = frozenset({"exact", "id", "isnull", "icontains", "gte", "lt", "year", "month", "day"})
    # The parts of a date and time range.
    _RANGE = re.compile("_(?:from|to)_[01]$")

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Refuse other lookups. They would reveal secrets one character at a time, or fail in the database."""
        offered: set[object] = {self.date_hierarchy}
        for list_filter in self.get_list_filter(request):
            if isinstance(list_filter, tuple | list):
                offered.add(str(list_filter[0]))
            else:
                offered.add(getattr(list_filter, "parameter_name", list_filter))
        column, *lookups = lookup.split(LOOKUP_SEP)
        if self._RANGE.sub("", column) not in offered or not self._LOOKUPS.issuperset(lookups):
            return False
        return super().lookup_allowed(lookup, value, request)

    def get_changelist_instance(self, request: HttpRequest) -> ChangeList:
        """The list with its number of rows; `IncorrectLookupParameters` if the query string has a bad value.

        Django does not catch dates beyond the calendar, or numbers beyond the range of the database.
        """
        try:
            return super().get_changelist_instance(request)
        except (OverflowError, ValueError, DataError) as error:
            # Without the text of the error, which may contain values of the query string.
            logger.warning("%s: the query string failed with %s", request.path_info, type(error).__name__)
            raise IncorrectLookupParameters from error


class WithButtons(GuardedAdmin):
    """Admin pages with buttons that call actions.

    `buttons` names methods `(request, row) -> str | HttpResponse`. Each one gets a URL that accepts only
    POST, calls the method, and shows the returned text or, if the action is refused, the reasons.
    """

    buttons: tuple[str, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        opts = self.model._meta
        button_urls = [
            path(
                f"<path:object_id>/{name.replace('_', '-')}/",
                self.admin_site.admin_view(self.press_button),
                {"name": name},
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for name in self.buttons
        ]
        return button_urls + super().get_urls()

    def press_button(self, request: HttpRequest, object_id: str, name: str) -> HttpResponse:
        """Call the method of this name on a row that the user may see."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"], "Only POST is allowed.")
        row = self.get_object(request, object_id)
        if row is None or not self.has_view_permission(request, row):
            raise Http404
        try:
            result = getattr(self, name)(request, row)
        except DomainError as refusal:
            show_refusal(request, refusal)
        else:
            # A page of its own, or a message on the page with the button.
            if isinstance(result, HttpResponse):
                return result
            messages.success(request, result)
        opts = self.model._meta
        previous_page = local_url(request, request.POST.get("next", ""))
        return redirect(previous_page or f"admin:{opts.app_label}_{opts.model_name}_changelist")


class AuditedAdmin(GuardedAdmin):
    """Records every change made here in the audit trail, with the values before and after."""

    # Columns that must not be in the audit trail.
    _HIDDEN: ClassVar[tuple[str, ...]] = (*SECRET_COLUMNS, "last_login")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Model | None:
        row = super().get_object(request, object_id, from_field)
        if row is not None:
            request._values_before = self._values(row)  # type: ignore[attr-defined]  # our own attribute
        return row

    def log_addition(self, request: HttpRequest, obj: Model, message: object) -> LogEntry:
        self._record(request, audit_hook.row_change("add", obj, after=self._values(obj)))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Model, message: object) -> LogEntry:
        # Read from the database again, because the form may have changed relations that `obj` has cached.
        before: JsonObject = getattr(request, "_values_before", {})
        after = self._values(type(obj)._default_manager.get(pk=obj.pk))
        changed = [name for name in after if before.get(name) != after[name]]
        old = {name: before.get(name) for name in changed}
        new = {name: after[name] for name in changed}
        entry = super().log_change(request, obj, message)
        note = entry.get_change_message()[:1000]
        self._record(request, audit_hook.row_change("change", obj, before=old, after=new, note=note))
        return entry

    def log_deletions(self, request: HttpRequest, queryset: QuerySet[Model]) -> list[LogEntry]:
        self._record(request, *(audit_hook.row_change("delete", row, before=self._values(row)) for row in queryset))
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, *changes: JsonObject) -> None:
        audit_hook.record_changes(*changes, actor=staff_actor(request), at=timezone.now())

    def _values(self, row: Model) -> JsonObject:
        """The row's columns and many-to-many relations."""
        columns = [field.attname for field in row._meta.concrete_fields if field.name not in self._HIDDEN]
        values = {name: api_values.value(getattr(row, name)) for name in columns}
        for field in row._meta.many_to_many:
            values[field.name] = sorted(str(related) for related in getattr(row, field.name).all())
        return values


class ReadOnlyAdmin(WithButtons):
    """Rows that staff can view, and change only with buttons."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
