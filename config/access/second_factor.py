"""The second factor of staff: a time-based code (TOTP, RFC 6238), set up at the first login that needs it."""

import base64
import io
from collections.abc import Callable
from typing import Any

import qrcode
import qrcode.image.svg
from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.cache import never_cache
from django_otp import devices_for_user, match_token
from django_otp import login as otp_login
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp.models import TOTPDevice
from django_otp.util import random_hex

from config.access.logins import came
from config.access.models import User
from config.vocabulary import EventType

# Addresses below where the service is mounted.
_GUARDED, _OPEN = "/admin/", ("/admin/login/", "/admin/logout/", "/admin/jsi18n/", "/admin/second-factor/")
_KEY = "second_factor_key"


def needs_second_factor() -> bool:
    """Whether the setting asks staff for a second factor."""
    return bool(settings.STAFF_SECOND_FACTOR)


def lacks_second_factor(user: Any) -> bool:
    """Whether a second factor is needed and this session has not shown one."""
    return needs_second_factor() and not user.is_verified()


class SecondFactor:
    """Middleware: no page of the back office opens before the code was given."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        path = request.path_info
        guarded = path.startswith(_GUARDED) and not path.startswith(_OPEN)
        if guarded and request.user.is_authenticated and lacks_second_factor(request.user):
            return redirect(f"{reverse('second-factor')}?{urlencode({'next': request.path})}")
        return self.get_response(request)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=6,
        min_length=6,
        label="Code of your authenticator app",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


@never_cache
@login_required(login_url="admin:login")
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for the code; somebody who has no device yet is shown a secret first.

    The secret lives in this session until its first code was right: who has the password alone learns nothing
    that anybody else will use.
    """
    assert isinstance(request.user, User)
    new = not any(devices_for_user(request.user))
    if request.method == "GET":
        came(EventType.AUTH_START, request, request.user)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        code = form.cleaned_data["code"]
        device = _enrolled(request, code) if new else match_token(request.user, code)
        if device is not None:
            otp_login(request, device)
            came(EventType.AUTH_COMPLETED, request, request.user, "A device was set up." if new else "")
            came(EventType.AUDIT_LOGIN_COMPLETED, request, request.user)
            return redirect(_next(request))
        came(EventType.AUDIT_LOGIN_FAULT, request, request.user, "The code of the second factor was not right.")
        form.add_error("code", "This code is not right, or it was used already. Wait for the next one.")
    context = {
        **admin.site.each_context(request),
        "title": "Second factor",
        "form": form,
        "next": request.GET.get("next", ""),
        **(_secret(request) if new else {}),
    }
    return render(request, "access/second_factor.html", context)


def _secret(request: HttpRequest) -> dict[str, str]:
    """The session's own new secret, as text and as a picture."""
    key = request.session.setdefault(_KEY, random_hex())
    device = TOTPDevice(user_id=request.user.pk, key=key)
    return {"secret": base64.b32encode(device.bin_key).decode(), "picture": _picture(device.config_url)}


def _enrolled(request: HttpRequest, code: str) -> TOTPDevice | None:
    """The device of the session's secret, made now that its first code is right."""
    key: str = request.session.get(_KEY, "")
    clock = TOTP(bytes.fromhex(key)) if key else None
    if clock is None or not code.isdigit() or not clock.verify(int(code), tolerance=1):
        return None
    del request.session[_KEY]
    last = clock.t() + clock.drift  # that code is used up
    return TOTPDevice.objects.create(user_id=request.user.pk, name="app", key=key, confirmed=True, last_t=last)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    here = {request.get_host()}
    return wanted if url_has_allowed_host_and_scheme(wanted, here, request.is_secure()) else reverse("admin:index")


def _picture(address: str) -> str:
    """The QR code as a data: address."""
    out = io.BytesIO()
    qrcode.make(address, image_factory=qrcode.image.svg.SvgPathImage, box_size=12).save(out)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
