"""The second factor of staff: a time-based code (TOTP, RFC 6238). Users enroll at the first login that needs it."""

import base64
import io

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.contrib.auth.models import AnonymousUser
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.utils.http import urlencode
from django.views.decorators.cache import never_cache
from django_otp import devices_for_user, match_token
from django_otp import login as otp_login
from django_otp.middleware import is_verified
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.qr import write_qrcode_image
from django_otp.util import random_hex

from config.access.backoffice import local_url
from config.access.enrollment import announce_second_factor
from config.access.logins import record_login
from config.access.models import User
from config.vocabulary import EventType

# Paths without the prefix under which the service is mounted.
_GUARDED_PREFIX = "/admin/"
_OPEN_PREFIXES = ("/admin/login/", "/admin/logout/", "/admin/jsi18n/", "/admin/second-factor/")
_SESSION_KEY = "second_factor_key"
_STARTED_KEY = "second_factor_started"


def lacks_second_factor(user: User | AnonymousUser) -> bool:
    """Whether a second factor is required, and the user has not entered a code in this session."""
    return settings.STAFF_SECOND_FACTOR and not is_verified(user)


class RequireSecondFactor(MiddlewareMixin):
    """Middleware: redirect every back office page to the code form until the code has been entered."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        path = request.path_info
        if not path.startswith(_GUARDED_PREFIX) or path.startswith(_OPEN_PREFIXES):
            return None
        if request.user.is_authenticated and lacks_second_factor(request.user):
            return redirect(f"{reverse('second-factor')}?{urlencode({'next': request.path})}")
        return None


class CodeForm(forms.Form):
    # ASCII digits only, because `int` reads the digits of every script.
    code = forms.RegexField(
        r"^[0-9]{6}\Z",
        label="Code from your authenticator app",
        error_messages={"invalid": "The code must be six digits."},
    )


@never_cache
@login_required(login_url="admin:login")
def verify_second_factor(request: HttpRequest) -> HttpResponse:
    """The page that asks for the code, and first shows a secret to users without a device.

    The secret stays in this session until its first correct code, so that an attacker who only has the password
    cannot learn a secret that the user enrolls in another session.
    """
    assert isinstance(request.user, User)
    username = request.user.username
    is_enrolling = not any(devices_for_user(request.user))
    if not request.session.get(_STARTED_KEY):
        request.session[_STARTED_KEY] = True
        record_login(EventType.AUTH_START, request, username)

    # A correct code completes the login. Codes that are not compared are not recorded.
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        code = form.cleaned_data["code"]
        if not is_enrolling and _is_throttled(request.user):
            form.add_error("code", "Too many incorrect codes. Please wait before you try again.")
        elif device := _enroll(request, code) if is_enrolling else match_token(request.user, code):
            otp_login(request, device)
            record_login(EventType.AUTH_COMPLETED, request, username, "A device was added." if is_enrolling else "")
            record_login(EventType.AUDIT_LOGIN_COMPLETED, request, username)
            return redirect(local_url(request, request.POST.get("next", "")) or "admin:index")
        else:
            record_login(EventType.AUDIT_LOGIN_FAULT, request, username, "Incorrect second-factor code.")
            form.add_error("code", "The code is incorrect or has already been used. Wait for the next one.")

    # Otherwise show the form, with the secret if there is no device yet.
    context = admin.site.each_context(request)
    context |= {"title": "Second factor", "form": form, "next": request.GET.get("next", "")}
    if is_enrolling:
        context |= _secret(request)
    return render(request, "access/second_factor.html", context)


def _is_throttled(user: User) -> bool:
    """Whether no code is compared now, because the previous ones were wrong."""
    return not any(device.verify_is_allowed()[0] for device in devices_for_user(user))


def _secret(request: HttpRequest) -> dict[str, str]:
    """The secret of this session, as text and as a QR code in a data: URL."""
    key = request.session.setdefault(_SESSION_KEY, random_hex())
    device = TOTPDevice(user_id=request.user.pk, key=key)
    svg = io.BytesIO()
    write_qrcode_image(device.config_url, svg)
    picture = base64.b64encode(svg.getvalue()).decode()
    return {"secret": base64.b32encode(device.bin_key).decode(), "picture": f"data:image/svg+xml;base64,{picture}"}


def _enroll(request: HttpRequest, code: str) -> TOTPDevice | None:
    """A new device with the session's secret, if the code is correct. The user is notified of it."""
    assert isinstance(request.user, User)
    key: str = request.session.get(_SESSION_KEY, "")
    totp = TOTP(bytes.fromhex(key))
    if not key or not totp.verify(int(code), tolerance=1):
        return None
    del request.session[_SESSION_KEY]
    # Storing the time step prevents a second login with the same code.
    time_step = totp.t() + totp.drift
    with transaction.atomic():
        device = TOTPDevice.objects.create(user=request.user, name="app", key=key, confirmed=True, last_t=time_step)
        announce_second_factor(request.user, at=timezone.now())
    return device
