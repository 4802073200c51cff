"""The back office's page of erasure and retention: a person is looked for, what would go is shown, and then erased."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from config.access.actor import MissingRight
from config.access.backoffice import show_refusal, staff_actor
from config.errors import DomainError
from config.vocabulary import Right
from signing.erasure import retention
from signing.erasure.known import known_as
from signing.erasure.person import Plan, erase, look


class PersonForm(forms.Form):
    country = forms.CharField(max_length=2, required=False, label="Country of the personal code")
    code = forms.CharField(max_length=64, required=False, label="Personal code")
    address = forms.EmailField(max_length=254, required=False, label="Or a mail address")


def erasure_page(request: HttpRequest) -> HttpResponse:
    """What is asked comes in the body, never in the address: addresses stand in logs."""
    actor = staff_actor(request)
    if not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "Erasing a person")
    form = PersonForm(request.POST or None)
    plan: Plan | None = None
    if request.method == "POST" and form.is_valid():
        try:
            person = known_as(**form.cleaned_data)
            if "erase" in request.POST:
                plan = erase(person, actor=actor, at=timezone.now())
                gone = sum(plan.counts.values())
                kept = f" VersionedModel: {len(plan.kept)}; look again to see what." if plan.kept else ""
                messages.success(request, f"Erased; rows and values that went: {gone}.{kept}")
                return redirect("admin:signing_erasure")
            plan = look(person)
        except DomainError as refusal:
            show_refusal(request, refusal)
    shown: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": "Erasure and retention",
        "form": form,
        "plan": plan,
        "counts": [(what, count) for what, count in plan.counts.items() if count] if plan else [],
        "due": retention.preview(at=timezone.now()),
    }
    page = render(request, "signing/erasure.html", shown)
    page.headers["Cache-Control"] = "no-store"
    return page
