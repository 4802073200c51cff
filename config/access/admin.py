"""Users, API clients, groups, rights and tokens in the back office. `config.access.reach` decides who changes which."""

from collections.abc import Iterable

from axes.admin import AccessAttemptAdmin
from axes.models import AccessAttempt, AccessFailureLog, AccessLog
from django import forms
from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import Model
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django_otp.plugins.otp_totp.admin import TOTPDeviceAdmin
from django_otp.plugins.otp_totp.models import TOTPDevice
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from config.access.backoffice import AuditedAdmin, WithButtons
from config.access.enrollment import announce_second_factor
from config.access.models import User
from config.access.reach import (
    OutOfReach,
    is_email_within_reach,
    is_row_within_reach,
    staff_identity,
    within_reach,
)
from config.api_values import Body
from config.errors import Forbidden, Invalid

LONGEST_LIFETIME_DAYS = 3650

for _model in (Group, TOTPDevice, AccessAttempt, AccessLog, AccessFailureLog):
    admin.site.unregister(_model)


class DaysField(forms.IntegerField):
    """A number of days in ASCII digits, because `int` reads the digits of every script."""

    def to_python(self, value: object) -> int | None:
        if not str(value).isascii():
            raise forms.ValidationError("This must be a number.")
        return super().to_python(value)


class TokenForm(forms.Form):
    name = forms.CharField(max_length=255)
    days = DaysField(min_value=1, max_value=LONGEST_LIFETIME_DAYS, required=False)


class WithinReachAdmin(AuditedAdmin):
    """Users, groups and second factors: staff change rows within their reach, and the result must be within it too."""

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return super().has_change_permission(request, obj) and self._is_within_reach(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Also asked for each row of the action "delete selected", and for rows that another deletion would delete."""
        return super().has_delete_permission(request, obj) and self._is_within_reach(request, obj)

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Iterable[object], change: bool) -> None:
        """Refuse a change whose result is out of reach: the page's transaction is rolled back."""
        staff_identity(request)
        super().save_related(request, form, formsets, change)
        if not is_row_within_reach(staff_identity(request), form.instance):
            raise OutOfReach

    def _is_within_reach(self, request: HttpRequest, row: Model | None) -> bool:
        return row is None or is_row_within_reach(staff_identity(request), row)


@admin.register(User)
class UserAdmin(WithinReachAdmin, DjangoUserAdmin, WithButtons):
    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    fieldsets = (
        (None, {"fields": ("username", "password")}),
        ("Person", {"fields": ("first_name", "last_name", "email", "country", "personal_code")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups", "user_permissions")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    readonly_fields = ["last_login", "date_joined"]
    change_form_outer_before_template = "access/tokens.html"  # type: ignore[assignment]  # unfold declares it as None
    buttons = ("make_token", "revoke_token")

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> list[str]:
        """Only superusers grant rights, so that no user can extend their own."""
        if request.user.is_superuser:
            return self.readonly_fields
        return [*self.readonly_fields, "is_staff", "is_superuser", "groups", "user_permissions"]

    def make_token(self, request: HttpRequest, user: User) -> HttpResponse:
        """Create a token for this client. Only the returned page shows it."""
        self._check_token_permission(request, user, "add")
        form = TokenForm(request.POST)
        if not form.is_valid():
            raise Invalid(
                f"A token must have a name. Its lifetime must be 1 to {LONGEST_LIFETIME_DAYS} days, or empty if "
                "the token never expires."
            )

        # The token and its audit event.
        name = form.cleaned_data["name"]
        with transaction.atomic():
            token = user.create_token(name, days=form.cleaned_data["days"])
            self.log_change(request, user, f"Created the API token '{name}'.")
        context = {**self.admin_site.each_context(request), "title": "New API token", "token": token, "client": user}
        page = render(request, "access/token.html", context)
        page.headers["Cache-Control"] = "no-store"
        return page

    def revoke_token(self, request: HttpRequest, user: User) -> str:
        """Delete one of this client's tokens, which is then rejected."""
        self._check_token_permission(request, user, "delete")
        number = request.POST.get("token", "")
        token = None
        if number.isascii() and number.isdigit():
            token = user.api_tokens.filter(pk=int(number[:18])).first()
        if token is None:
            raise Invalid("The token must be one of this user's tokens.")
        with transaction.atomic():
            token.delete()
            self.log_change(request, user, f"Revoked the API token '{token.name}'.")
        return f"The API token '{token.name}' has been revoked."

    def render_change_form(
        self,
        request: HttpRequest,
        context: Body,
        add: bool = False,
        change: bool = False,
        form_url: str = "",
        obj: User | None = None,
    ) -> HttpResponse:
        """Show the user's tokens to staff who may see them, and the buttons that they may press."""
        if obj is not None:
            is_within_reach = within_reach(staff_identity(request), obj)
            context["may_make_token"] = is_within_reach and request.user.has_perm("access.add_apitoken")
            context["may_revoke_token"] = is_within_reach and request.user.has_perm("access.delete_apitoken")
            if request.user.has_perm("access.view_apitoken") or context["may_revoke_token"]:
                context["tokens"] = obj.api_tokens.all()
        return super().render_change_form(request, context, add, change, form_url, obj)

    def save_related(self, request: HttpRequest, form: ModelForm, formsets: Iterable[object], change: bool) -> None:
        super().save_related(request, form, formsets, change)
        if not is_email_within_reach(staff_identity(request), form.instance):
            raise OutOfReach("The email address must not belong to a user whom you are not allowed to change.")

    def _check_token_permission(self, request: HttpRequest, user: User, verb: str) -> None:
        if not request.user.has_perm(f"access.{verb}_apitoken"):
            raise Forbidden(f"This requires the permission '{verb}_apitoken'.")
        if not within_reach(staff_identity(request), user):
            raise OutOfReach


@admin.register(Group)
class GroupAdmin(WithinReachAdmin, DjangoGroupAdmin):
    pass


@admin.register(TOTPDevice)
class DeviceAdmin(WithinReachAdmin, TOTPDeviceAdmin):
    """Second factors. If a user has lost the phone, delete the device here: the next login asks for a new one."""

    def save_model(self, request: HttpRequest, obj: Model, form: forms.Form, change: bool) -> None:
        super().save_model(request, obj, form, change)
        assert isinstance(obj, TOTPDevice)
        if not change or "user" in form.changed_data:
            announce_second_factor(obj.user, at=timezone.now())


@admin.register(AccessAttempt)
class LockedOutAdmin(AuditedAdmin, AccessAttemptAdmin):
    """Usernames locked out after failed logins. Deleting a row ends the lockout."""

    _HIDDEN = (*AuditedAdmin._HIDDEN, "http_accept", "user_agent")
    fieldsets = (  # type: ignore[assignment]  # the type inferred from axes is narrower
        (None, {"fields": ("username", "ip_address", "attempt_time", "failures_since_start", "path_info")}),
    )
    # The action of axes to clean up works only during a login.
    actions = []

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False
