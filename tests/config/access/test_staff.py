"""Access of staff: lockout, second factor, sessions that call the API, tokens, single sign-on."""

import base64
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from audit.models import AuditEvent
from config.access.models import ApiToken, User
from config.access.sso import StaffBackend
from tests.builders import process_of
from tests.conftest import Api
from tests.people import ANA, CODES, SECRETS, address, body

PASSWORD = "a-good-password"
# Addresses that Unicode rules for case, or a collation of a database, treat as equal.
STRANGERS = [
    ("boss@firma.example", "boss@fırma.example"),
    ("boss@firma.example", "boss@fİrma.example"),
    ("kim@example.org", "\u212aim@example.org"),
    ("strasse@example.org", "straße@example.org"),
    ("bērziņš@example.org", "BĒRZIŅŠ@example.org"),
    ("a_b@example.org", "axb@example.org"),
]
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", "boss@example.org", PASSWORD)


@pytest.fixture
def browser(boss: User) -> Client:
    client = Client()
    client.force_login(boss, backend=BACKEND)
    return client


def login(client: Client, password: str) -> Any:
    return client.post("/admin/login/?next=/admin/", {"username": "boss", "password": password})


def test_failed_logins_lock_out_a_name_from_one_ip_address(boss: User, settings: Any) -> None:
    client = Client()
    codes = [login(client, "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert codes == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert login(client, PASSWORD).status_code == 429
    assert login(client, PASSWORD)["Retry-After"] == "900"
    elsewhere = Client(REMOTE_ADDR="203.0.113.7")
    assert login(elsewhere, PASSWORD).status_code == 302


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_a_hundred_failed_logins_at_once_lock_out(boss: User, settings: Any) -> None:
    def attempt(_: int) -> int:
        try:
            return login(Client(), "wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(attempt, range(100)))

    assert codes.count(200) <= settings.AXES_FAILURE_LIMIT + 10  # the limit, give or take those in flight
    assert login(Client(), PASSWORD).status_code == 429


def paths_below(patterns: list[Any], prefix: str = "") -> list[str]:
    """Every path of these URL patterns, with 1 in place of object ids."""
    paths = []
    for pattern in patterns:
        path = prefix + str(pattern.pattern).replace("<path:object_id>", "1").replace("^", "").replace("$", "")
        if isinstance(pattern, URLResolver):
            paths += paths_below(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            paths.append("/" + path)
    return paths


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def enforced(self, settings: Any) -> None:
        settings.STAFF_SECOND_FACTOR = True

    def test_no_back_office_page_opens_without_it(self, browser: Client) -> None:
        paths = [path for path in paths_below(get_resolver().url_patterns) if path.startswith("/admin/")]
        assert len(paths) > 30
        closed = [path for path in paths if not path.startswith(("/admin/log", "/admin/jsi18n", "/admin/second"))]
        for path in closed:
            for response in (browser.get(path), browser.post(path)):
                assert response.status_code == 302, path
                assert response["Location"].startswith("/admin/second-factor/"), path

    def secret(self, client: Client) -> bytes:
        page = client.get("/admin/second-factor/")
        assert "no-store" in page["Cache-Control"]
        (text,) = re.findall(r"<code>([A-Z2-7]+)</code>", page.content.decode())
        return base64.b32decode(text)

    def test_users_enroll_at_the_first_login_and_enter_a_code_after_that(self, boss: User, browser: Client) -> None:
        key = self.secret(browser)
        assert key == self.secret(browser)
        assert b"incorrect" in browser.post("/admin/second-factor/", {"code": "000000"}).content
        assert not TOTPDevice.objects.exists()

        code = f"{totp(key):06d}"
        done = browser.post("/admin/second-factor/", {"code": code, "next": "/admin/signing/process/"})
        assert done["Location"] == "/admin/signing/process/"
        assert browser.get("/admin/signing/process/").status_code == 200

        again = Client()
        again.force_login(boss, backend=BACKEND)
        assert b"data:image/svg" not in again.get("/admin/second-factor/").content
        assert b"incorrect" in again.post("/admin/second-factor/", {"code": code}).content  # already used
        device = TOTPDevice.objects.get()
        device.throttle_reset()
        TOTPDevice.objects.update(last_t=-1)
        assert again.post("/admin/second-factor/", {"code": f"{totp(key):06d}"}).status_code == 302

    def test_a_secret_can_be_enrolled_only_in_the_session_that_shows_it(self, boss: User, browser: Client) -> None:
        other = Client()
        other.force_login(boss, backend=BACKEND)
        seen = self.secret(other)
        own = self.secret(browser)
        assert seen != own
        assert browser.post("/admin/second-factor/", {"code": f"{totp(own):06d}"}).status_code == 302
        assert b"incorrect" in other.post("/admin/second-factor/", {"code": f"{totp(seen):06d}"}).content

    def test_it_does_not_redirect_to_other_hosts(self, browser: Client) -> None:
        code = f"{totp(self.secret(browser)):06d}"
        done = browser.post("/admin/second-factor/", {"code": code, "next": "https://evil.example.org/"})
        assert done["Location"] == "/admin/"

    def test_it_is_required_below_a_url_prefix_too(self, browser: Client) -> None:
        response = browser.get("/admin/access/user/", SCRIPT_NAME="/paraph")
        assert response.status_code == 302
        assert "second-factor" in response["Location"]

    def test_the_api_rejects_sessions_without_it(self, browser: Client) -> None:
        assert browser.get("/api/processes").status_code == 401


def test_a_session_calls_the_api_with_csrf(boss: User) -> None:
    process = process_of(body([[ANA]]))
    client = Client(enforce_csrf_checks=True)
    client.force_login(boss, backend=BACKEND)
    assert client.get("/api/processes").json()["totalElements"] == 1
    refused = client.post(f"/api/processes/{process.pk}/cancel", {}, content_type="application/json")
    assert (refused.status_code, refused["Content-Type"]) == (403, "application/problem+json")
    process.refresh_from_db()
    assert process.status == "STARTED"


def test_staff_without_rights_see_nothing(db: None) -> None:
    process = process_of(body([[ANA]]))
    clerk = User.objects.create_user("clerk", password=PASSWORD, is_staff=True)
    clerk.user_permissions.add(*_view_permissions())
    client = Client()
    client.force_login(clerk, backend=BACKEND)
    assert b"Contract" not in client.get("/admin/signing/process/").content
    assert client.get(f"/admin/signing/process/{process.pk}/change/").status_code == 302
    assert client.post(f"/admin/signing/process/{process.pk}/cancel/").status_code == 404
    assert address(ANA).encode() not in client.get("/admin/notifications/message/").content
    assert str(process.pk).encode() not in client.get("/admin/audit/auditevent/").content


def _view_permissions() -> Any:
    return Permission.objects.filter(codename__startswith="view_")


def test_every_list_is_in_the_back_office() -> None:
    assert {model.__name__ for model in admin.site._registry} >= {"Process", "Message", "AuditEvent", "User", "Group"}


class TestHeaders:
    def test_the_api_has_the_strict_policy(self, browser: Client) -> None:
        response = browser.get("/api/processes")
        assert "default-src 'none'" in response["Content-Security-Policy"]
        assert response["Cache-Control"] == "no-store"
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Frame-Options"] == "DENY"
        assert response["Referrer-Policy"] == "same-origin"

    def test_only_the_back_office_may_evaluate_scripts(self, browser: Client) -> None:
        assert "'unsafe-eval'" in browser.get("/admin/")["Content-Security-Policy"]
        for path in ("/api/docs/", "/api/schema", "/health/", "/nowhere"):
            assert "unsafe-eval" not in browser.get(path)["Content-Security-Policy"], path


class TestTokens:
    def test_a_token_is_created_and_shown_once(self, browser: Client) -> None:
        client = User.objects.create_user("portal", password=None)
        path = f"/admin/access/user/{client.pk}"
        page = browser.post(f"{path}/make-token/", {"name": "nightly", "days": "90"})

        (token,) = re.findall(r"<code[^>]*>([0-9a-f]{64})</code>", page.content.decode())
        assert "no-store" in page["Cache-Control"]
        api_token = ApiToken.objects.get()
        assert (api_token.name, api_token.user) == ("nightly", client)
        assert api_token.expiry is not None
        assert Client().get("/api/processes", headers={"Authorization": f"Token {token}"}).status_code == 200
        assert token not in browser.get(f"{path}/change/").content.decode()
        assert token not in str(list(LogEntry.objects.values()))

    @pytest.mark.parametrize(
        "form",
        [
            {},
            {"name": "  "},
            {"name": "x", "days": "0"},
            {"name": "x", "days": "3651"},
            {"name": "x", "days": "soon"},
            {"name": "x", "days": "²"},
            {"name": "x", "days": "٣"},
        ],
    )
    def test_an_invalid_form_creates_no_token(self, browser: Client, boss: User, form: Any) -> None:
        page = browser.post(f"/admin/access/user/{boss.pk}/make-token/", form, follow=True)
        assert (
            "A token must have a name. Its lifetime must be 1 to 3650 days, or empty if the token never expires."
            in page.content.decode()
        )
        assert not ApiToken.objects.exists()

    def test_a_token_without_days_never_expires(self, browser: Client, boss: User) -> None:
        browser.post(f"/admin/access/user/{boss.pk}/make-token/", {"name": "x", "days": ""})
        assert ApiToken.objects.get().expiry is None

    @pytest.mark.parametrize("permissions", [[], ["change_user"], ["change_user", "add_apitoken"]])
    def test_staff_with_fewer_rights_than_the_user_create_no_token(self, boss: User, permissions: list[str]) -> None:
        clerk = User.objects.create_user("clerk", password=PASSWORD, is_staff=True)
        clerk.user_permissions.add(*_view_permissions(), *Permission.objects.filter(codename__in=permissions))
        client = Client()
        client.force_login(clerk, backend=BACKEND)
        client.post(f"/admin/access/user/{boss.pk}/make-token/", {"name": "x"})
        assert not ApiToken.objects.exists()
        assert b"_superuser" not in client.get(f"/admin/access/user/{clerk.pk}/change/").content

    def test_a_user_who_has_a_token_can_be_saved(self, browser: Client, api_of: Callable[..., Api]) -> None:
        api_of("portal")
        portal = User.objects.get(username="portal")
        path = f"/admin/access/user/{portal.pk}/change/"
        form = browser.get(path).context["adminform"].form.initial
        saved = browser.post(path, {"username": form["username"], "email": "ops@example.org", "is_active": "on"})
        portal.refresh_from_db()
        assert (saved.status_code, portal.email) == (302, "ops@example.org")

    def test_a_revoked_token_is_401(self, browser: Client, api_of: Callable[..., Api]) -> None:
        api = api_of("portal")
        token = ApiToken.objects.get()
        page = f"/admin/access/user/{token.user.pk}"
        assert api.get("/api/processes").status_code == 200
        assert f'name="token" value="{token.pk}"' in browser.get(f"{page}/change/").content.decode()
        done = browser.post(f"{page}/revoke-token/", {"token": token.pk}, follow=True)
        assert "has been revoked" in done.content.decode()
        assert api.get("/api/processes").status_code == 401
        event = AuditEvent.objects.filter(method=f"change access.user {token.user.pk}").latest("number")
        assert "Revoked the API token" in event.note

    @pytest.mark.parametrize("token", ["", "0", "x", "²", "٣", "9" * 40, "-1"])
    def test_only_tokens_of_the_user_are_revoked(self, browser: Client, boss: User, token: str) -> None:
        other = User.objects.create_user("portal")
        other.create_token("nightly", days=None)
        page = f"/admin/access/user/{boss.pk}/revoke-token/"
        for value in (token, ApiToken.objects.get().pk):
            refused = browser.post(page, {"token": value}, follow=True)
            assert "must be one of this user&#x27;s tokens" in refused.content.decode()
        assert ApiToken.objects.count() == 1


def test_a_session_of_former_staff_is_401_in_the_api(boss: User, browser: Client) -> None:
    assert browser.get("/api/processes").status_code == 200
    User.objects.update(is_staff=False)
    assert browser.get("/api/processes").status_code == 401


def test_bad_credentials_next_to_a_session_are_401(browser: Client) -> None:
    assert browser.get("/api/processes", headers={"Authorization": "Bearer x"}).status_code == 401


def test_the_admin_log_contains_no_personal_data(browser: Client, boss: User) -> None:
    person = User.objects.create_user("ana")
    form = {
        "username": "ana",
        "email": address(ANA),
        "country": "LV",
        "personal_code": CODES[ANA],
        "is_active": "on",
    }
    assert browser.post(f"/admin/access/user/{person.pk}/change/", form).status_code == 302
    person.refresh_from_db()
    assert person.personal_code == CODES[ANA]
    entry = str(list(LogEntry.objects.values()))
    assert "Personal code" in entry
    assert not [secret for secret in SECRETS if secret in entry]


class TestSingleSignOn:
    @pytest.mark.parametrize(
        ("claims", "users"),
        [
            ({"email": "Boss@Example.org", "email_verified": True}, 1),
            ({"email": "boss@example.org", "email_verified": False}, 0),
            ({"email": "boss@example.org"}, 0),
            ({"email": "boss@example.org", "email_verified": "false"}, 0),
            ({"email": "other@example.org", "email_verified": True}, 0),
            ({"email": "", "email_verified": True}, 0),
            ({"email": "client@example.org", "email_verified": True}, 0),
            ({"email": "boss@exam\u017fple.org", "email_verified": True}, 0),
            ({"email": "bo\u017f\u017f@example.org", "email_verified": True}, 0),
            ({"email": "boss@example.org\0", "email_verified": True}, 0),
            ({"email": " boss@example.org", "email_verified": True}, 0),
            ({"email": ["boss@example.org"], "email_verified": True}, 0),
            ({"email": "%", "email_verified": True}, 0),
            ({"email": "boss@ex\u0101mple.org", "email_verified": True}, 0),
            ({"email": "bo\u017fs@example.org", "email_verified": True}, 0),
            ({"email": "boss@exampl\u200be.org", "email_verified": True}, 0),
        ],
    )
    def test_it_finds_existing_staff_by_their_verified_email(
        self, boss: User, claims: dict[str, Any], users: int
    ) -> None:
        User.objects.create_user("client", "client@example.org")
        backend = StaffBackend.__new__(StaffBackend)
        assert backend.filter_users_by_claims(claims).count() == users

    @pytest.mark.parametrize(("stored", "claimed"), STRANGERS)
    def test_it_matches_addresses_exactly_but_for_ascii_case(self, db: None, stored: str, claimed: str) -> None:
        User.objects.create_user("staff", stored, is_staff=True)
        backend = StaffBackend.__new__(StaffBackend)
        for email, users in ((stored, 1), (stored.upper() if stored.isascii() else stored, 1), (claimed, 0)):
            found = backend.filter_users_by_claims({"email": email, "email_verified": True})
            assert found.count() == users, email

    @pytest.mark.django_db
    @pytest.mark.parametrize(("claimed", "users"), [("Ona@xn--rma-1db.example", 0), ("ona@xn--frma-lza.example", 1)])
    def test_it_compares_the_address_to_which_emails_are_delivered(self, claimed: str, users: int) -> None:
        User.objects.create_user("ona", "ona@fırma.example", is_staff=True)
        User.objects.create_user("other", "ona@firma.example", is_staff=True)
        backend = StaffBackend.__new__(StaffBackend)
        found = backend.filter_users_by_claims({"email": claimed, "email_verified": True})
        assert [user.username for user in found] == ["ona"] * users


class TestRefusals:
    def test_a_search_for_nul_is_400(self, browser: Client) -> None:
        response = browser.get("/admin/signing/process/?q=%00")
        assert (response.status_code, response.content) == (400, b"URLs must not contain NUL.")
        assert browser.get("/admin/signing/process/?q=%2500").status_code == 200

    @pytest.mark.parametrize("form", [{"name": "a\0"}, {"name": "a", "\0": "x"}, {"name": "a", "next": "/\0"}])
    def test_nul_in_a_form_is_400(self, browser: Client, boss: User, form: dict[str, str]) -> None:
        for path in (f"/admin/access/user/{boss.pk}/make-token/", "/admin/login/", "/admin/second-factor/"):
            response = browser.post(path, form)
            assert (response.status_code, response.content) == (400, b"Forms must not contain NUL.")
        assert not ApiToken.objects.exists()

    def test_nul_in_a_path_is_400(self, browser: Client) -> None:
        assert browser.get("/admin/access/user/%00/change/").status_code == 400

    @pytest.mark.parametrize(
        "url", ["foo", "admin:index", "https://evil.example.org/", "//evil.example.org", "?a", "", "\\evil", "http:foo"]
    )
    def test_a_button_returns_to_the_list_unless_next_is_a_path_or_url_of_this_host(
        self, browser: Client, boss: User, url: str
    ) -> None:
        pressed = browser.post(f"/admin/access/user/{boss.pk}/make-token/", {"next": url})
        assert (pressed.status_code, pressed["Location"]) == (302, "/admin/access/user/")

    def test_buttons_accept_only_post(self, browser: Client, boss: User) -> None:
        response = browser.get(f"/admin/access/user/{boss.pk}/make-token/")
        assert (response.status_code, response["Allow"]) == (405, "POST")
        assert b"Only POST is allowed." in response.content

    def test_a_refusal_is_a_message_on_the_previous_page(self, browser: Client, boss: User) -> None:
        previous = f"/admin/access/user/{boss.pk}/change/"
        pressed = browser.post(f"/admin/access/user/{boss.pk}/make-token/", {"name": "", "next": previous})
        assert pressed["Location"] == previous
        elsewhere = {"name": "", "next": "https://evil.example.org/"}
        pressed = browser.post(f"/admin/access/user/{boss.pk}/make-token/", elsewhere)
        assert pressed["Location"] == "/admin/access/user/"
