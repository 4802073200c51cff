"""The back office's door: lock-out, second factor, sessions that call the API."""

import base64
import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.access.models import ApiToken, User
from config.access.resolver import client_address
from config.access.sso import StaffBackend
from tests.builders import process_of
from tests.people import ANA, CODES, SECRETS, address, body

PASSWORD = "a-good-password"
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


def test_wrong_logins_lock_out_this_name_from_this_address(boss: User, settings: Any) -> None:
    client = Client()
    codes = [login(client, "wrong").status_code for _ in range(settings.AXES_FAILURE_LIMIT)]
    assert codes == [200] * (settings.AXES_FAILURE_LIMIT - 1) + [429]
    assert login(client, PASSWORD).status_code == 429
    assert login(client, PASSWORD)["Retry-After"] == "900"
    elsewhere = Client(REMOTE_ADDR="203.0.113.7")
    assert login(elsewhere, PASSWORD).status_code == 302


@pytest.mark.services
@pytest.mark.django_db(transaction=True)
def test_a_hundred_wrong_logins_at_once(boss: User, settings: Any) -> None:
    def attempt(_: int) -> int:
        try:
            return login(Client(), "wrong").status_code
        finally:
            connection.close()

    with ThreadPoolExecutor(10) as pool:
        codes = list(pool.map(attempt, range(100)))

    assert codes.count(200) <= settings.AXES_FAILURE_LIMIT + 10  # the limit, give or take those in flight
    assert login(Client(), PASSWORD).status_code == 429


def addresses(patterns: list[Any], prefix: str = "") -> list[str]:
    """Every address below these patterns, with something in place of each part."""
    found = []
    for pattern in patterns:
        path = prefix + str(pattern.pattern).replace("<path:object_id>", "1").replace("^", "").replace("$", "")
        if isinstance(pattern, URLResolver):
            found += addresses(pattern.url_patterns, path)
        elif isinstance(pattern, URLPattern):
            found.append("/" + path)
    return found


class TestSecondFactor:
    @pytest.fixture(autouse=True)
    def enforced(self, settings: Any) -> None:
        settings.STAFF_SECOND_FACTOR = True

    def test_no_address_of_the_back_office_opens_without_it(self, browser: Client) -> None:
        walked = [path for path in addresses(get_resolver().url_patterns) if path.startswith("/admin/")]
        assert len(walked) > 30
        closed = [path for path in walked if not path.startswith(("/admin/log", "/admin/jsi18n", "/admin/second"))]
        for path in closed:
            for answer in (browser.get(path), browser.post(path)):
                assert answer.status_code == 302, path
                assert answer["Location"].startswith("/admin/second-factor/"), path

    def secret(self, client: Client) -> bytes:
        page = client.get("/admin/second-factor/")
        assert "no-store" in page["Cache-Control"]
        (text,) = re.findall(r"<code>([A-Z2-7]+)</code>", page.content.decode())
        return base64.b32decode(text)

    def test_it_is_set_up_at_the_first_login_and_asked_for_after(self, boss: User, browser: Client) -> None:
        key = self.secret(browser)
        assert key == self.secret(browser)
        assert b"not right" in browser.post("/admin/second-factor/", {"code": "000000"}).content
        assert not TOTPDevice.objects.exists()

        code = f"{totp(key):06d}"
        done = browser.post("/admin/second-factor/", {"code": code, "next": "/admin/signing/process/"})
        assert done["Location"] == "/admin/signing/process/"
        assert browser.get("/admin/signing/process/").status_code == 200

        again = Client()
        again.force_login(boss, backend=BACKEND)
        assert b"data:image/svg" not in again.get("/admin/second-factor/").content
        assert b"not right" in again.post("/admin/second-factor/", {"code": code}).content  # used already
        device = TOTPDevice.objects.get()
        device.throttle_reset()
        TOTPDevice.objects.update(last_t=-1)
        assert again.post("/admin/second-factor/", {"code": f"{totp(key):06d}"}).status_code == 302

    def test_a_secret_belongs_to_the_session_that_was_shown_it(self, boss: User, browser: Client) -> None:
        other = Client()
        other.force_login(boss, backend=BACKEND)
        seen, own = self.secret(other), self.secret(browser)
        assert seen != own
        assert browser.post("/admin/second-factor/", {"code": f"{totp(own):06d}"}).status_code == 302
        assert b"not right" in other.post("/admin/second-factor/", {"code": f"{totp(seen):06d}"}).content

    def test_it_sends_nobody_elsewhere(self, browser: Client) -> None:
        code = f"{totp(self.secret(browser)):06d}"
        done = browser.post("/admin/second-factor/", {"code": code, "next": "https://evil.example.org/"})
        assert done["Location"] == "/admin/"

    def test_it_holds_below_a_prefix_too(self, browser: Client) -> None:
        answer = browser.get("/admin/access/user/", SCRIPT_NAME="/paraph")
        assert answer.status_code == 302
        assert "second-factor" in answer["Location"]

    def test_nor_does_the_api_take_a_session_without_it(self, browser: Client) -> None:
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


def test_every_list_is_registered() -> None:
    assert {model.__name__ for model in admin.site._registry} >= {"Process", "Message", "AuditEvent", "User", "Group"}


class TestHeaders:
    def test_the_api_allows_a_browser_nothing(self, browser: Client) -> None:
        answer = browser.get("/api/processes")
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert answer["Referrer-Policy"] == "same-origin"

    def test_only_the_back_office_may_evaluate(self, browser: Client) -> None:
        assert "'unsafe-eval'" in browser.get("/admin/")["Content-Security-Policy"]
        for path in ("/api/docs/", "/api/schema", "/health/", "/nowhere"):
            assert "unsafe-eval" not in browser.get(path)["Content-Security-Policy"], path


class TestTokens:
    def test_a_token_is_made_and_shown_once(self, browser: Client) -> None:
        client = User.objects.create_user("portal", password=None)
        path = f"/admin/access/user/{client.pk}"
        page = browser.post(f"{path}/make-token/", {"name": "nightly", "days": "90"})

        (token,) = re.findall(r"<code[^>]*>([0-9a-f]{64})</code>", page.content.decode())
        assert "no-store" in page["Cache-Control"]
        made = ApiToken.objects.get()
        assert (made.name, made.user) == ("nightly", client)
        assert made.expiry is not None
        assert Client().get("/api/processes", headers={"Authorization": f"Token {token}"}).status_code == 200
        assert token not in browser.get(f"{path}/change/").content.decode()
        assert token not in str(list(LogEntry.objects.values()))

    @pytest.mark.parametrize("asked", [{}, {"name": "x", "days": "0"}, {"name": "x", "days": "soon"}])
    def test_a_token_without_a_name_or_with_no_life_is_not_made(self, browser: Client, boss: User, asked: Any) -> None:
        browser.post(f"/admin/access/user/{boss.pk}/make-token/", asked)
        assert not ApiToken.objects.exists()

    @pytest.mark.parametrize("more", [[], ["change_user"], ["change_user", "add_apitoken"]])
    def test_nor_by_staff_who_have_less_than_its_user(self, boss: User, more: list[str]) -> None:
        clerk = User.objects.create_user("clerk", password=PASSWORD, is_staff=True)
        clerk.user_permissions.add(*_view_permissions(), *Permission.objects.filter(codename__in=more))
        client = Client()
        client.force_login(clerk, backend=BACKEND)
        client.post(f"/admin/access/user/{boss.pk}/make-token/", {"name": "x"})
        assert not ApiToken.objects.exists()
        assert b"_superuser" not in client.get(f"/admin/access/user/{clerk.pk}/change/").content


def test_who_is_no_longer_staff_keeps_no_session_for_the_api(boss: User, browser: Client) -> None:
    assert browser.get("/api/processes").status_code == 200
    User.objects.update(is_staff=False)
    assert browser.get("/api/processes").status_code == 401


def test_bad_credentials_beside_a_session_are_401(browser: Client) -> None:
    assert browser.get("/api/processes", headers={"Authorization": "Bearer x"}).status_code == 401


@pytest.mark.parametrize(
    ("forwarded", "is_read_as"),
    [
        ("198.51.100.4:1234", "198.51.100.4"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ("2001:DB8::1", "2001:db8::1"),
        ("unknown", "127.0.0.1"),
        ("' OR 1=1", "127.0.0.1"),
    ],
)
def test_a_forwarded_address_is_an_address(settings: Any, forwarded: str, is_read_as: str) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", headers={"X-Forwarded-For": forwarded})
    assert client_address(request) == is_read_as


def test_the_admins_log_holds_nobodys_code_or_address(browser: Client, boss: User) -> None:
    person = User.objects.create_user("ana")
    form = {
        "username": "ana",
        "email": address(ANA),
        "country": "LV",
        "personal_code": CODES[ANA],
        "is_active": "on",
        "api_tokens-TOTAL_FORMS": "0",
        "api_tokens-INITIAL_FORMS": "0",
    }
    assert browser.post(f"/admin/access/user/{person.pk}/change/", form).status_code == 302
    person.refresh_from_db()
    assert person.personal_code == CODES[ANA]
    entry = str(list(LogEntry.objects.values()))
    assert "Personal code" in entry
    assert not [secret for secret in SECRETS if secret in entry]


class TestSingleSignOn:
    @pytest.mark.parametrize(
        ("claims", "found"),
        [
            ({"email": "Boss@Example.org", "email_verified": True}, 1),
            ({"email": "boss@example.org", "email_verified": False}, 0),
            ({"email": "boss@example.org"}, 0),
            ({"email": "boss@example.org", "email_verified": "false"}, 0),
            ({"email": "other@example.org", "email_verified": True}, 0),
            ({"email": "", "email_verified": True}, 0),
            ({"email": "client@example.org", "email_verified": True}, 0),
        ],
    )
    def test_it_knows_staff_by_their_verified_address_and_makes_nobody(
        self, boss: User, claims: dict[str, Any], found: int
    ) -> None:
        User.objects.create_user("client", "client@example.org")
        backend = StaffBackend.__new__(StaffBackend)
        assert backend.filter_users_by_claims(claims).count() == found
