"""API clients and their tokens: creation, rotation, expiry and rights."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEvent
from config.access.grants import actor_of_user
from config.access.models import ApiToken, User
from config.vocabulary import Right
from tests.builders import client_user, token_of
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def create_client(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    """Run the command, and return the token that it prints."""
    call_command("create_client", *args)
    return capsys.readouterr().out.splitlines()[-1]


def test_a_client_is_created_and_its_token_works(capsys: pytest.CaptureFixture[str], nobody: Api) -> None:
    token = create_client(capsys, "portal", "--group", "legal", "--group", "sales", "--right", "on_behalf")

    assert nobody.get("/api/processes", Authorization=f"Token {token}").status_code == 200
    client = User.objects.get(username="portal")
    assert not client.has_usable_password()
    actor = actor_of_user(client)
    assert (actor.groups, actor.rights) == (frozenset({"legal", "sales"}), frozenset({"on_behalf"}))
    assert token not in str(ApiToken.objects.values())
    event = AuditEvent.objects.get(method=f"add access.user {client.pk}")
    expected = {"username": "portal", "groups": ["legal", "sales"], "user_permissions": ["on_behalf"]}
    assert (event.creator, event.after) == ("paraph", expected)


def test_a_second_token_lets_the_first_be_rotated(capsys: pytest.CaptureFixture[str], nobody: Api) -> None:
    first = create_client(capsys, "portal")
    second = create_client(capsys, "portal")
    ApiToken.objects.order_by("created").first().delete()  # type: ignore[union-attr]
    assert nobody.get("/api/processes", Authorization=f"Token {first}").status_code == 401
    assert nobody.get("/api/processes", Authorization=f"Token {second}").status_code == 200


def test_a_user_with_a_password_is_not_an_api_client() -> None:
    User.objects.create_user("ilze", password="secret")
    with pytest.raises(CommandError, match="has a password"):
        call_command("create_client", "ilze")


@pytest.mark.parametrize("header", ["Token", "Token x", "Token a b", "Bearer x", "Token \xff", "Basic eDp5"])
def test_malformed_credentials_are_401(nobody: Api, header: str) -> None:
    response = nobody.get("/api/processes", Authorization=header)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")


def test_an_expired_token_and_a_disabled_client_are_401(nobody: Api) -> None:
    user = client_user("ilze")
    expired = token_of(user, expiry=timedelta(seconds=-1))
    response = nobody.get("/api/processes", Authorization=f"Token {expired}")
    assert (response.status_code, response.json()["detail"]) == (401, "The token has expired.")
    valid = token_of(user)
    user.is_active = False
    user.save()
    response = nobody.get("/api/processes", Authorization=f"Token {valid}")
    assert (response.status_code, response.json()["detail"]) == (401, "This client is disabled.")


def test_a_token_expires_in_at_least_a_day(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError, match="--days must be 1 or more"):
        create_client(capsys, "portal", "--days", "0")
    create_client(capsys, "portal", "--days", "1")
    expiry = ApiToken.objects.get().expiry
    assert expiry is not None
    assert timedelta(hours=23) < expiry - timezone.now() <= timedelta(days=1)


@pytest.mark.parametrize(("seconds_ago", "is_recorded"), [(50, False), (70, True)])
def test_the_last_use_is_recorded_to_the_minute(api: Api, seconds_ago: int, is_recorded: bool) -> None:
    before = timezone.now() - timedelta(seconds=seconds_ago)
    ApiToken.objects.update(last_used_at=before)
    api.get("/api/processes")
    assert (ApiToken.objects.get().last_used_at != before) == is_recorded


def test_a_new_token_has_no_last_use_until_it_is_used(api: Api) -> None:
    token = ApiToken.objects.get()
    assert token.last_used_at is None
    api.get("/api/processes")
    token.refresh_from_db()
    assert token.last_used_at is not None


def test_a_revoked_token_a_disabled_user_and_a_lost_right_count_at_once(api: Api) -> None:
    client = ApiToken.objects.get().user
    client.user_permissions.add(Permission.objects.get(codename="audit_read"))
    assert api.get("/api/audit-events").status_code == 200
    client.user_permissions.clear()
    assert api.get("/api/audit-events").status_code == 403
    client.groups.add(Group.objects.create(name="auditors"))
    Group.objects.get(name="auditors").permissions.add(Permission.objects.get(codename="audit_read"))
    assert api.get("/api/audit-events").status_code == 200
    User.objects.filter(pk=client.pk).update(is_active=False)
    assert api.get("/api/audit-events").status_code == 401
    User.objects.filter(pk=client.pk).update(is_active=True)
    ApiToken.objects.get().delete()
    assert api.get("/api/audit-events").status_code == 401


def test_rights_come_from_users_and_groups() -> None:
    user = client_user("ilze", groups=["auditors"])
    Group.objects.get().permissions.add(Permission.objects.get(codename="audit_read"))
    assert actor_of_user(user).rights == {"audit_read"}
    user.is_superuser = True
    assert actor_of_user(user).rights == set(Right.values)


@pytest.mark.parametrize("name", ["a\nb", "a\rb", "a\0b", "", " ", "x" * 151, "a b", "a\u2028b"])
def test_a_clients_name_must_be_a_username(db: None, name: str) -> None:
    with pytest.raises(CommandError, match="NAME must be a username"):
        call_command("create_client", name)
    assert not User.objects.exists()
