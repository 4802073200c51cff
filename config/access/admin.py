"""Users, machine clients, groups, rights and tokens in the back office."""

from datetime import timedelta

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.admin import TabularInline
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.access.backoffice import Recorded, WithButtons, staff_actor
from config.access.models import ApiToken, User
from config.access.resolver import principal
from config.errors import Forbidden, Invalid

LONGEST_LIFE_DAYS = 3650

for _model in (Group, TOTPDevice, AccessAttempt):
    admin.site.unregister(_model)


class ApiTokenInline(TabularInline):
    """A client's tokens: seen and revoked here, made by the button above."""

    model = ApiToken
    fields = ["name", "created", "expiry", "last_used_at"]
    readonly_fields = ["name", "created", "last_used_at"]
    extra = 0
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(Recorded, DjangoUserAdmin, WithButtons):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    inlines = [ApiTokenInline]
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "country", "personal_code")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ["last_login", "date_joined"]
    change_form_outer_before_template = "access/make_token.html"  # type: ignore[assignment]
    buttons = ("make_token",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only superusers grant: nobody gives itself more than it has."""
        granting = ["is_staff", "is_superuser", "groups", "user_permissions"]
        return [*self.readonly_fields, *([] if request.user.is_superuser else granting)]

    def make_token(self, request: HttpRequest, user: User) -> HttpResponse:
        """A further token for this client; the page that answers is the only one to show it."""
        if not request.user.has_perm("access.add_apitoken") or not _within_reach(request, user):
            raise Forbidden("Making a token needs the permission to add tokens, and no fewer rights than its user has.")
        name, days = request.POST.get("name", "").strip()[:255], request.POST.get("days", "").strip()
        if not name or not (days == "" or (days.isdigit() and 0 < int(days) <= LONGEST_LIFE_DAYS)):
            raise Invalid(f"A token has a name, and lives 1 to {LONGEST_LIFE_DAYS} days, or until it is revoked.")
        expiry = timedelta(days=int(days)) if days else None
        _, token = ApiToken.objects.create(user, expiry=expiry, name=name)
        self.log_change(request, user, f"Made the API token '{name}'.")
        shown = {**self.admin_site.each_context(request), "title": f"Token of {user}", "token": token, "client": user}
        page = render(request, "access/token.html", shown)
        page.headers["Cache-Control"] = "no-store"
        return page


@admin.register(Group)
class GroupAdmin(Recorded, DjangoGroupAdmin):
    pass


@admin.register(TOTPDevice)
class DeviceAdmin(Recorded, TOTPDeviceAdmin):
    """Second factors: who lost a phone has the device deleted here, and sets up another at the next login."""

    _HIDDEN = (*Recorded._HIDDEN, "key")


@admin.register(AccessAttempt)
class LockedOutAdmin(Recorded, AccessAttemptAdmin):
    """Names that are locked out after wrong logins: deleting a row lets its name in again."""

    _HIDDEN = (*Recorded._HIDDEN, "get_data", "post_data", "http_accept", "user_agent")


def _within_reach(request: HttpRequest, user: User) -> bool:
    """Whether the one at the back office has all that the user has, so that a token of it is no step up."""
    if user.is_superuser and not request.user.is_superuser:
        return False
    mine, theirs = staff_actor(request), principal(user)
    return request.user.is_superuser or (theirs.rights <= mine.rights and theirs.groups <= mine.groups)
