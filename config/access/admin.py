"""Users, API clients, groups, rights and tokens in the back office."""

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt
from django import forms
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

from config.access.backoffice import AuditedAdmin, WithButtons, staff_actor
from config.access.models import ApiToken, User
from config.access.resolver import actor_of_user
from config.errors import Forbidden, Invalid

LONGEST_LIFETIME_DAYS = 3650

for _model in (Group, TOTPDevice, AccessAttempt):
    admin.site.unregister(_model)


class TokenForm(forms.Form):
    name = forms.CharField(max_length=255)
    days = forms.IntegerField(min_value=1, max_value=LONGEST_LIFETIME_DAYS, required=False)


class ApiTokenInline(TabularInline):
    """A client's tokens: listed and revoked here, created with the form above."""

    model = ApiToken
    fields = ["name", "created", "expiry", "last_used_at"]
    readonly_fields = ["name", "created", "last_used_at"]
    extra = 0
    tab = True

    def has_add_permission(self, request: HttpRequest, obj: object = None) -> bool:
        return False


@admin.register(User)
class UserAdmin(AuditedAdmin, DjangoUserAdmin, WithButtons):
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
    change_form_outer_before_template = "access/make_token.html"  # type: ignore[assignment]  # unfold declares it as None
    buttons = ("make_token",)

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only superusers grant rights, so that no user can extend their own."""
        if request.user.is_superuser:
            return self.readonly_fields
        return [*self.readonly_fields, "is_staff", "is_superuser", "groups", "user_permissions"]

    def make_token(self, request: HttpRequest, user: User) -> HttpResponse:
        """Create a token for this client. Only the returned page shows it."""
        if not request.user.has_perm("access.add_apitoken") or not _has_all_rights_of(request, user):
            raise Forbidden("Creating a token requires the permission for it, and all rights and groups of its user.")
        form = TokenForm(request.POST)
        if not form.is_valid():
            raise Invalid(
                f"A token must have a name. Its lifetime must be 1 to {LONGEST_LIFETIME_DAYS} days, or empty if "
                "the token never expires."
            )

        # The token and its audit event.
        name = form.cleaned_data["name"]
        token = user.create_token(name, days=form.cleaned_data["days"])
        self.log_change(request, user, f"Created the API token '{name}'.")
        context = {**self.admin_site.each_context(request), "title": "New API token", "token": token, "client": user}
        page = render(request, "access/token.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page


@admin.register(Group)
class GroupAdmin(AuditedAdmin, DjangoGroupAdmin):
    pass


@admin.register(TOTPDevice)
class DeviceAdmin(AuditedAdmin, TOTPDeviceAdmin):
    """Second factors. If a user has lost the phone, delete the device here: the next login asks for a new one."""

    _HIDDEN = (*AuditedAdmin._HIDDEN, "key")


@admin.register(AccessAttempt)
class LockedOutAdmin(AuditedAdmin, AccessAttemptAdmin):
    """User names locked out after failed logins. Deleting a row ends the lockout."""

    _HIDDEN = (*AuditedAdmin._HIDDEN, "get_data", "post_data", "http_accept", "user_agent")


def _has_all_rights_of(request: HttpRequest, user: User) -> bool:
    """Whether the staff member has all rights and groups of the user, so that a token gives no more rights."""
    if request.user.is_superuser:
        return True
    if user.is_superuser:
        return False
    own = staff_actor(request)
    granted = actor_of_user(user)
    return granted.rights <= own.rights and granted.groups <= own.groups
