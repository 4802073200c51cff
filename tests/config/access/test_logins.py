"""Back office logins: their limits, their lockout, what is stored of them, and the email about a new second factor."""

import ipaddress
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.contrib.auth import hashers
from django.core.cache import cache
from django.test import Client
from django_otp.oath import totp
from django_otp.plugins.otp_totp.models import TOTPDevice
from hypothesis import given
from hypothesis import strategies as st

from audit.models import AuditEvent
from config.access.models import User
from config.access.prefixes import address_prefix
from notifications.texts.render import build_email
from tests.conftest import Outbox

PASSWORD = "a-good-password"
BACKEND = "django.contrib.auth.backends.ModelBackend"
LOGIN = "/admin/login/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def separate_cache(settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": "logins"}}
    cache.clear()


@pytest.fixture
def boss() -> User:
    return User.objects.create_superuser("boss", "boss@example.org", PASSWORD)


def attempt(username: str = "boss", password: str = "wrong", address: str = "127.0.0.1", **form: str) -> Any:
    client = Client(REMOTE_ADDR=address)
    return client.post(LOGIN, {"username": username, "password": password} | form)


def faults() -> list[str]:
    events = AuditEvent.objects.filter(event_type="AUDIT_LOGIN_FAULT").order_by("number")
    return [event.note for event in events]


class TestAddressPrefix:
    @pytest.mark.parametrize(
        ("address", "prefix"),
        [
            ("203.0.113.7", "203.0.113.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
            ("2001:db8:1:2::", "2001:db8:1:2::"),
            ("2001:db8:1:3::", "2001:db8:1:3::"),
            ("::ffff:203.0.113.7", "203.0.113.7"),
            ("fe80::1%eth0", "fe80::"),
            ("unknown", "unknown"),
        ],
    )
    def test_it_is_an_ipv4_address_or_a_64_network(self, address: str, prefix: str) -> None:
        assert address_prefix(address) == prefix

    @given(network=st.integers(0x2001 << 48, (0x2002 << 48) - 1), hosts=st.tuples(*[st.integers(0, 2**64 - 1)] * 2))
    def test_all_addresses_of_a_64_network_have_one_prefix(self, network: int, hosts: tuple[int, int]) -> None:
        addresses = [str(ipaddress.IPv6Address((network << 64) | host)) for host in hosts]
        prefixes = {address_prefix(address) for address in addresses}
        assert prefixes == {str(ipaddress.IPv6Address(network << 64))}


class TestLimit:
    def test_logins_of_an_address_are_limited_before_a_password_is_hashed(
        self, boss: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.LOGINS_PER_ADDRESS = 3
        hashed: list[str] = []
        original = hashers.PBKDF2PasswordHasher.encode
        monkeypatch.setattr(
            hashers.PBKDF2PasswordHasher, "encode", lambda *args, **kw: hashed.append("") or original(*args, **kw)
        )
        codes = [attempt(f"name-{n}").status_code for n in range(6)]
        assert codes == [200, 200, 200, 429, 429, 429]
        assert len(hashed) <= 3
        assert len(faults()) == 3
        assert attempt(password=PASSWORD)["Retry-After"]
        assert attempt(password=PASSWORD, address="203.0.113.7").status_code == 302

    def test_addresses_of_one_ipv6_network_are_counted_together(self, boss: User, settings: Any) -> None:
        settings.LOGINS_PER_ADDRESS = 3
        codes = [attempt(f"name-{n}", address=f"2001:db8:1:2::{n + 1}").status_code for n in range(5)]
        assert codes == [200, 200, 200, 429, 429]
        assert attempt(address="2001:db8:1:3::1").status_code == 200

    def test_requests_of_one_ipv6_network_are_counted_together(self, settings: Any) -> None:
        settings.REQUESTS_PER_ADDRESS = 2
        codes = [Client(REMOTE_ADDR=f"2001:db8:1:2::{n}").get("/api/processes").status_code for n in (1, 2, 3)]
        assert codes == [401, 401, 429]

    @pytest.mark.parametrize("path", ["/admin/second-factor/", "/admin/password_change/"])
    def test_codes_and_password_changes_are_limited_too(self, boss: User, settings: Any, path: str) -> None:
        settings.LOGINS_PER_ADDRESS = 2
        client = Client()
        client.force_login(boss, backend=BACKEND)
        codes = [client.post(path, {"code": "000000", "old_password": "x"}).status_code for _ in range(4)]
        assert codes == [200, 200, 429, 429]
        assert client.get(path).status_code == 200


class TestLockout:
    def test_addresses_of_one_ipv6_network_are_locked_together(self, boss: User, settings: Any) -> None:
        count = settings.AXES_FAILURE_LIMIT
        codes = [attempt(address=f"2001:db8:1:2::{n + 1}").status_code for n in range(count)]
        assert codes == [200] * (count - 1) + [429]
        assert attempt(password=PASSWORD, address="2001:db8:1:2:ffff::1").status_code == 429
        assert attempt(password=PASSWORD, address="2001:db8:1:3::1").status_code == 302

    @pytest.mark.parametrize("username", ["boss", "unknown-name"])
    def test_attempts_during_a_lockout_leave_no_event(self, boss: User, settings: Any, username: str) -> None:
        for _ in range(settings.AXES_FAILURE_LIMIT + 7):
            attempt(username)
        recorded = faults()
        assert len(recorded) == settings.AXES_FAILURE_LIMIT
        assert ["now locked" in note for note in recorded] == [False] * (len(recorded) - 1) + [True]

    @pytest.mark.parametrize("typed", ["my-pässword typed here", "ben@example.org", "150385-12345"])
    def test_nothing_that_was_typed_is_stored_of_an_unknown_username(self, boss: User, typed: str) -> None:
        for _ in range(2):
            attempt(typed, next="/admin/?typed")
        row = AccessAttempt.objects.get()
        assert row.username.startswith("unknown-")
        assert row.failures_since_start == 2
        assert (row.get_data, row.post_data) == ("", "")
        assert typed not in str(AccessAttempt.objects.values())

    def test_the_name_of_an_existing_user_is_stored(self, boss: User) -> None:
        attempt()
        assert AccessAttempt.objects.get().username == "boss"

    @pytest.mark.parametrize("length", [151, 255, 256, 5000])
    def test_a_username_that_is_too_long_is_refused_and_not_stored(self, boss: User, length: int) -> None:
        response = attempt("x" * length)
        assert response.status_code == 200
        assert "at most 150 characters" in response.content.decode()
        assert not AccessAttempt.objects.exists()
        assert faults() == []

    def test_a_password_that_is_too_long_is_refused(self, boss: User) -> None:
        assert "at most 1024 characters" in attempt(password="x" * 1025).content.decode()

    def test_the_list_of_lockouts_has_no_actions_of_its_own_and_no_rows_can_be_changed(self, boss: User) -> None:
        attempt()
        client = Client()
        client.force_login(boss, backend=BACKEND)
        page = client.get("/admin/axes/accessattempt/").content.decode()
        assert "boss" in page
        assert "Clean up" not in page
        row = AccessAttempt.objects.get()
        client.post(f"/admin/axes/accessattempt/{row.pk}/change/", {"failures_since_start": "99"})
        row.refresh_from_db()
        assert row.failures_since_start == 1
        assert client.get(f"/admin/axes/accessattempt/{row.pk}/change/").status_code == 200


def test_a_login_with_a_foreign_next_ends_in_the_back_office(boss: User) -> None:
    for url in ("https://evil.example.org/", "//evil.example.org", "javascript:alert(1)"):
        response = Client().post(f"{LOGIN}?next={url}", {"username": "boss", "password": PASSWORD, "next": url})
        assert response["Location"] == "/admin/", url


class TestSecondFactor:
    KEY = "ab" * 20

    @pytest.fixture
    def browser(self, boss: User, settings: Any) -> Client:
        settings.STAFF_SECOND_FACTOR = True
        client = Client()
        client.force_login(boss, backend=BACKEND)
        return client

    @pytest.mark.parametrize(
        "code", ["²²²²²²", "١٢٣٤٥٦", "１２３４５６", "12345", "1234567", "12345a", "12345\n", "+12345"]
    )
    def test_only_six_ascii_digits_are_a_code(self, boss: User, browser: Client, code: str) -> None:
        for _ in ("while a device is set up", "with a device"):
            response = browser.post("/admin/second-factor/", {"code": code})
            assert response.status_code == 200
            assert "must be six digits" in response.content.decode()
            TOTPDevice.objects.get_or_create(user=boss, key=self.KEY)
        assert faults() == []

    def test_codes_that_are_not_compared_are_not_recorded(self, boss: User, browser: Client) -> None:
        TOTPDevice.objects.create(user=boss, key=self.KEY)
        code = f"{(totp(bytes.fromhex(self.KEY)) + 500_000) % 1_000_000:06d}"
        pages = [browser.post("/admin/second-factor/", {"code": code}).content.decode() for _ in range(6)]
        assert "is incorrect" in pages[0]
        assert "Too many incorrect codes" in pages[-1]
        assert len(faults()) == sum("is incorrect" in page for page in pages) < 6

    def test_reading_the_page_again_leaves_no_event(self, browser: Client) -> None:
        for _ in range(3):
            browser.get("/admin/second-factor/")
        assert AuditEvent.objects.filter(event_type="AUTH_START").count() == 1

    @pytest.mark.parametrize("url", ["foo", "admin:index", "//evil.example.org", "?a", ""])
    def test_it_continues_to_paths_only(self, boss: User, browser: Client, url: str) -> None:
        TOTPDevice.objects.create(user=boss, key=self.KEY)
        code = f"{totp(bytes.fromhex(self.KEY)):06d}"
        response = browser.post("/admin/second-factor/", {"code": code, "next": url})
        assert (response.status_code, response["Location"]) == (302, "/admin/")

    def test_the_user_is_notified_of_a_new_second_factor(self, browser: Client, outbox: Outbox) -> None:
        browser.get("/admin/second-factor/")
        key = bytes.fromhex(browser.session["second_factor_key"])
        browser.post("/admin/second-factor/", {"code": "000000"})
        assert list(outbox) == []
        assert browser.post("/admin/second-factor/", {"code": f"{totp(key):06d}"}).status_code == 302
        (message,) = outbox
        assert (message.event, message.role, message.address) == ("AUTH_COMPLETED", "ADMINISTRATOR", "boss@example.org")
        assert "Contact an administrator immediately" in str(build_email(message).body)

    def test_the_user_is_notified_of_a_device_that_another_user_added(self, boss: User, outbox: Outbox) -> None:
        ana = User.objects.create_user("ana", "ana@example.org", is_staff=True)
        client = Client()
        client.force_login(boss, backend=BACKEND)
        form = {"user": ana.pk, "name": "x", "key": self.KEY, "step": 30, "t0": 0, "digits": 6}
        form |= {"tolerance": 1, "drift": 0, "throttling_failure_count": 0}
        assert client.post("/admin/otp_totp/totpdevice/add/", form).status_code == 302
        assert outbox.recipients("AUTH_COMPLETED") == ["ana@example.org"]

    def test_a_user_without_an_email_address_can_set_up_a_second_factor(self, browser: Client, outbox: Outbox) -> None:
        User.objects.update(email="")
        browser.get("/admin/second-factor/")
        key = bytes.fromhex(browser.session["second_factor_key"])
        assert browser.post("/admin/second-factor/", {"code": f"{totp(key):06d}"}).status_code == 302
        assert list(outbox) == []
