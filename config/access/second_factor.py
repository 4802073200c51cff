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
from django.utils.http import url_has_allowed_host_and_scheme
from django_otp import login as otp_login
from django_otp.plugins.otp_totp.models import TOTPDevice

PATH = "/admin/second-factor/"
_OPEN = ("/admin/login/", "/admin/logout/", "/admin/jsi18n/", PATH)


def lacks_second_factor(user: Any) -> bool:
    """Whether the setting asks for a second factor and this session has not shown one."""
    return settings.STAFF_SECOND_FACTOR and not user.is_verified()


class SecondFactor:
    """Middleware: no page of the back office opens before the code was given."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        guarded = request.path.startswith("/admin/") and not request.path.startswith(_OPEN)
        if guarded and request.user.is_authenticated and lacks_second_factor(request.user):
            return redirect(f"{PATH}?next={request.path}")
        return self.get_response(request)


class CodeForm(forms.Form):
    code = forms.CharField(
        max_length=6,
        min_length=6,
        label="Code of your authenticator app",
        widget=forms.TextInput({"autocomplete": "one-time-code", "inputmode": "numeric", "autofocus": True}),
    )


@login_required(login_url="admin:login")
def verify(request: HttpRequest) -> HttpResponse:
    """Ask for the code; show the secret first to somebody who has no device yet."""
    user_id: int = request.user.pk or 0
    device, _ = TOTPDevice.objects.get_or_create(user_id=user_id, defaults={"name": "app", "confirmed": False})
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        if device.verify_is_allowed()[0] and device.verify_token(form.cleaned_data["code"]):
            if not device.confirmed:
                device.confirmed = True
                device.save(update_fields=["confirmed"])
            otp_login(request, device)
            return redirect(_next(request))
        form.add_error("code", "This code is not right, or it was used already. Wait for the next one.")
    context = {
        **admin.site.each_context(request),
        "title": "Second factor",
        "form": form,
        "secret": None if device.confirmed else base64.b32encode(device.bin_key).decode(),
        "picture": None if device.confirmed else _picture(device.config_url),
        "next": request.GET.get("next", ""),
    }
    return render(request, "access/second_factor.html", context)


def _next(request: HttpRequest) -> str:
    wanted = request.POST.get("next", "")
    here = {request.get_host()}
    return wanted if url_has_allowed_host_and_scheme(wanted, here, request.is_secure()) else "/admin/"


def _picture(address: str) -> str:
    """The QR code as a data: address."""
    out = io.BytesIO()
    qrcode.make(address, image_factory=qrcode.image.svg.SvgPathImage, box_size=12).save(out)
    return "data:image/svg+xml;base64," + base64.b64encode(out.getvalue()).decode()
