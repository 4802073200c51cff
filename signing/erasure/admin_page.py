"""The page *Erasure and retention* of the back office: name a person, preview the erasure, and confirm it."""

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
from signing.erasure.erase import ErasureSummary, erase, preview
from signing.erasure.person import find_person
from signing.erasure.redactors import NOT_SEARCHED


class PersonForm(forms.Form):
    country = forms.CharField(max_length=2, required=False, label="Country of the personal code")
    code = forms.CharField(max_length=64, required=False, label="Personal code")
    address = forms.EmailField(max_length=254, required=False, label="Or email address")


def erasure_page(request: HttpRequest) -> HttpResponse:
    """The person is named in the request body only, because URLs are logged."""
    actor = staff_actor(request)
    if not actor.may(Right.ADMINISTER):
        raise MissingRight(Right.ADMINISTER, "Erasing a person")

    # Preview or erase.
    form = PersonForm(request.POST or None)
    summary: ErasureSummary | None = None
    if request.method == "POST" and form.is_valid():
        try:
            person = find_person(**form.cleaned_data)
            if "erase" in request.POST:
                _report(request, erase(person, actor=actor, at=timezone.now()))
                return redirect("admin:signing_erasure")
            summary = preview(person)
        except DomainError as refusal:
            show_refusal(request, refusal)

    context = {
        **admin.site.each_context(request),
        "title": "Erasure and retention",
        "form": form,
        "preview": summary,
        "not_searched": NOT_SEARCHED,
        "retention": retention.summarize(at=timezone.now()),
    }
    page = render(request, "signing/erasure.html", context)
    # The page names the person and must not be cached.
    page.headers["Cache-Control"] = "no-store"
    return page


def _report(request: HttpRequest, summary: ErasureSummary) -> None:
    text = f"Rows and values erased: {sum(summary.counts.values())}."
    if summary.kept:
        text += f" Kept: {len(summary.kept)} (see the preview for the reasons)."
    messages.success(request, text)
