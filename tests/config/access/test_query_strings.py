"""No query string of the back office causes a server error, and no name that a client gives breaks a page."""

import pytest
from axes.models import AccessAttempt
from django.contrib import admin
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils.http import urlencode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.access.models import User
from notifications.models import ReminderSettings
from tests.builders import NOON, contact_of, draft_process, profile_of, started_process, template_of
from tests.builders import staff as staff_member
from tests.conftest import Outbox
from tests.people import BEN

LISTS = sorted(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist" for model in admin.site._registry)
PREVIEW = "/admin/notifications/messagetemplate/preview/?event=TASK_STARTED&role=SIGNER"
LOOKUPS = ("", "exact", "year", "month", "day", "date", "gte", "lt", "regex", "in", "isnull", "range", "contains", "no")
LOOKUPS += ("icontains", "id__exact", "contained_by", "year__gte")
VALUES = st.one_of(
    st.sampled_from(["", "0", "-1", "10000", "99999", "9" * 400, "1e999", "nan", "(", "[", "*", "2026-02-30", "\0"]),
    st.sampled_from(["9999-12-31T23:59:59+14:00", "0001-01-01", "12:61", "\ufffd", "\U0010ffff", "²", "%", "'"]),
    st.integers().map(str),
    st.text(max_size=20, alphabet=st.characters(exclude_categories=["Cs"])),
)


@st.composite
def query_strings(draw: st.DrawFn, columns: list[str]) -> str:
    lookups = st.tuples(st.sampled_from(columns), st.sampled_from(LOOKUPS)).map(
        lambda pair: "__".join(filter(None, pair))
    )
    others = st.one_of(
        st.sampled_from(["q", "p", "o", "all", "e", "stuck", "_facets", "_popup", "_to_field", "group", "process"]),
        st.text(min_size=1, max_size=8, alphabet=st.characters(exclude_categories=["Cs"])),
    )
    # Mostly one lookup alone, because one unknown name among the parameters ends the request early.
    parameters = [(draw(lookups), draw(VALUES))]
    if draw(st.integers(0, 3)) == 0:
        parameters = draw(st.lists(st.tuples(others, VALUES), min_size=1, max_size=2))
    query = urlencode(parameters)
    # Bytes that are not UTF-8, and the encoding of a lone surrogate.
    return query + draw(st.sampled_from(["", "%ff", "%ED%A0%80"]))


@pytest.fixture
def rows(db: None) -> None:
    """A row in the lists, so that the database evaluates the conditions."""
    contact_of(name="Ana")
    template_of(name="Lease")
    profile_of("LEASE")
    started_process([[BEN]])


def statuses(browser: Client, url: str) -> int:
    # PostgreSQL refuses further queries of a transaction in which one failed.
    with transaction.atomic():
        response = browser.get(url)
        transaction.set_rollback(True)
    return response.status_code


@pytest.mark.parametrize("name", LISTS)
def test_no_query_string_of_a_list_is_a_server_error(rows: None, name: str) -> None:
    browser = staff_member(superuser=True)
    model_name = name.removeprefix("admin:").removesuffix("_changelist")
    model = next(m for m in admin.site._registry if f"{m._meta.app_label}_{m._meta.model_name}" == model_name)
    columns = [field.name for field in model._meta.fields]
    for list_filter in admin.site._registry[model].list_filter:
        column = (
            list_filter[0] if isinstance(list_filter, tuple) else getattr(list_filter, "parameter_name", list_filter)
        )
        columns += [str(column)] * 3

    @settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
    @given(query_strings(columns))
    def answers(query: str) -> None:
        assert statuses(browser, f"{reverse(name)}?{query}") in (200, 302, 400, 403)

    answers()


@pytest.mark.parametrize("year", ["0", "9999", "10000", "9" * 30])
def test_a_year_beyond_the_calendar_opens_the_list_without_filters(rows: None, year: str) -> None:
    followed = staff_member(superuser=True).get(f"/admin/signing/process/?created_at__year={year}", follow=True)
    assert followed.status_code == 200
    assert followed.redirect_chain == [("/admin/signing/process/?e=1", 302)]


@pytest.mark.parametrize(
    "lookup", ["document_id", "created_at__contained_by", "status__regex", "created_at__range", "pk", "steps__comment"]
)
def test_a_filter_that_the_list_does_not_offer_is_400(rows: None, lookup: str) -> None:
    browser = staff_member(superuser=True)
    assert statuses(browser, f"/admin/signing/process/?{lookup}=1") == 400


@pytest.mark.parametrize(
    "query",
    [
        "signing/process/?created_at__year=2026&created_at__month=5&created_at__day=4",
        "signing/process/?created_at__gte=2026-05-01T00:00:00Z&created_at__lt=2027-01-01T00:00:00Z&status__exact=STARTED",
        "audit/auditevent/?created_at_from_0=2026-01-01&created_at_to_1=12:00&event_type__exact=TASK_STARTED",
        "contacts/contact/?owner__icontains=x&scope__exact=GLOBAL",
        "notifications/message/?stuck=yes",
        "access/user/?groups__id__exact=1&is_active__exact=1",
    ],
)
def test_the_filters_of_the_lists_work(rows: None, query: str) -> None:
    assert statuses(staff_member(superuser=True), f"/admin/{query}") == 200


def test_a_refused_page_does_not_redirect_to_itself(db: None) -> None:
    browser = staff_member(superuser=True)
    url = "http://testserver/admin/notifications/messagetemplate/preview/?event=x"
    response = browser.get(url, headers={"Referer": url})
    assert response.url == "/admin/"


@pytest.mark.parametrize("attribute", ["items", "keys", "values", "name", "0", "get", "pop", " "])
def test_an_attribute_may_have_any_name(db: None, attribute: str) -> None:
    process = draft_process(attributes={attribute: "a-value"})
    page = staff_member(superuser=True).get(f"/admin/signing/process/{process.pk}/change/")
    assert page.status_code == 200
    assert "a-value" in page.content.decode()


@pytest.mark.parametrize("language", ["x" * 36, "lv-" * 11 + "latvia", "l", "²²", "lv LV"])
def test_a_test_email_must_have_a_language_tag(outbox: Outbox, language: str) -> None:
    browser = staff_member(superuser=True)
    User.objects.filter(username="boss").update(email="boss@example.org")
    page = browser.post(PREVIEW, {"language": language}, follow=True)
    assert "The language must be a language tag" in page.content.decode()


def test_looking_for_reminder_settings_without_permission_writes_no_row(db: None) -> None:
    ReminderSettings.objects.all().delete()
    assert staff_member().get("/admin/notifications/remindersettings/").status_code == 403
    assert not ReminderSettings.objects.exists()


def test_the_list_of_lockouts_offers_only_actions_that_work(db: None) -> None:
    lockout = AccessAttempt.objects.create(username="x", failures_since_start=5, attempt_time=NOON)
    entered = {"action": "cleanup_expired_attempts", "_selected_action": [lockout.pk]}
    assert staff_member(superuser=True).post("/admin/axes/accessattempt/", entered).status_code in (200, 302)
