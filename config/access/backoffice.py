"""What the back office's pages share: the caller, read-only rows, and buttons that call actions."""

from collections.abc import Callable
from typing import Any, ClassVar

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from unfold.admin import ModelAdmin

from config import api_values
from config.access import audit_hook
from config.access.actor import Actor
from config.access.models import User
from config.access.resolver import client_address, principal
from config.errors import DomainError, Forbidden


def staff_actor(request: HttpRequest) -> Actor:
    """The person at the back office, with its rights and from its address. Asked once a request."""
    known: Actor | None = getattr(request, "_staff_actor", None)
    if known is None:
        if not isinstance(request.user, User):
            raise Forbidden("Nobody is logged in.")
        known = principal(request.user, address=client_address(request))
        request._staff_actor = known  # type: ignore[attr-defined]
    return known


class Refusals:
    """Middleware: a rule that says no in the back office is a message on the page that one came from."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path_info.startswith("/admin/") and any("\0" in v for vs in request.GET.lists() for v in vs[1]):
            return HttpResponse("An address holds no NUL.", status=400, content_type="text/plain; charset=utf-8")
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if not isinstance(exception, DomainError) or not request.path_info.startswith("/admin/"):
            return None
        tell(request, exception)
        return redirect(_own_address(request, request.headers.get("Referer", "")) or "admin:index")


def tell(request: HttpRequest, refusal: DomainError) -> None:
    """Show a refusal with its reasons on the next page."""
    reasons = " ".join(fault.detail for fault in refusal.faults)
    messages.error(request, f"{refusal.detail} {reasons}".strip())


def _own_address(request: HttpRequest, address: str) -> str:
    """The address, if it is one of this service; else nothing."""
    here = {request.get_host()}
    return address if url_has_allowed_host_and_scheme(address, here, require_https=request.is_secure()) else ""


class WithButtons(ModelAdmin):
    """`buttons` names methods (request, row) -> text or answer: each is an address that takes POST alone,
    calls the method, and shows its text or the reasons of a refusal."""

    buttons: tuple[str, ...] = ()

    def get_urls(self) -> list[URLPattern]:
        opts = self.model._meta
        pressed = [
            path(
                f"<path:object_id>/{name.replace('_', '-')}/",
                self.admin_site.admin_view(self._pressing(getattr(self, name))),
                name=f"{opts.app_label}_{opts.model_name}_{name}",
            )
            for name in self.buttons
        ]
        return pressed + super().get_urls()

    def _pressing(self, button: Callable[[HttpRequest, Any], str | HttpResponse]) -> Callable[..., HttpResponse]:
        def press(request: HttpRequest, object_id: str) -> HttpResponse:
            if request.method != "POST":
                return HttpResponse("This address takes POST alone.", status=405, headers={"Allow": "POST"})
            row = self.get_object(request, object_id)
            if row is None or not self.has_view_permission(request, row):
                raise Http404
            try:
                done = button(request, row)
                if isinstance(done, HttpResponse):
                    return done
                messages.success(request, done)
            except DomainError as refusal:
                tell(request, refusal)
            return redirect(self._back(request))

        return press

    def _back(self, request: HttpRequest) -> str:
        opts = self.model._meta
        came_from = _own_address(request, request.POST.get("next", ""))
        return came_from or f"admin:{opts.app_label}_{opts.model_name}_changelist"


class Recorded(ModelAdmin):
    """What is changed here is an event of the audit trail, with what it was before and after."""

    _HIDDEN: ClassVar[tuple[str, ...]] = ("password", "last_login")

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        row = super().get_object(request, object_id, from_field)
        request._before = None if row is None else self._values(row)  # type: ignore[attr-defined]
        return row

    def log_addition(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        self._record(request, audit_hook.change("add", obj, after=self._values(obj)))
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: Any, message: Any) -> Any:
        was, now = getattr(request, "_before", None) or {}, self._values(type(obj).objects.get(pk=obj.pk))
        names = [name for name in now if was.get(name) != now[name]]
        before, after = ({name: values.get(name) for name in names} for values in (was, now))
        note = message if isinstance(message, str) else _in_words(message)
        self._record(request, audit_hook.change("change", obj, before=before, after=after, note=note))
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        self._record(request, *(audit_hook.change("delete", row, before=self._values(row)) for row in queryset))
        return super().log_deletions(request, queryset)

    def _record(self, request: HttpRequest, *changes: dict[str, Any]) -> None:
        audit_hook.changed(*changes, actor=staff_actor(request), at=timezone.now())

    def _values(self, row: Any) -> dict[str, Any]:
        columns = [f.attname for f in row._meta.concrete_fields if f.name not in self._HIDDEN]
        lists = {f.name: sorted(map(str, getattr(row, f.name).all())) for f in row._meta.many_to_many}
        return {name: api_values.value(getattr(row, name)) for name in columns} | lists


def _in_words(message: list[dict[str, Any]]) -> str:
    """What Django's log says was changed, in short: fields, and rows of lists beside."""
    said = [
        f"{verb} {', '.join(of.get('fields', [])) or of.get('name', '')}" for m in message for verb, of in m.items()
    ]
    return "; ".join(said)[:1000]


class ReadOnlyAdmin(WithButtons):
    """Rows that are looked at, and changed by their buttons alone."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
