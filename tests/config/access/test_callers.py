from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import CommandError, call_command
from django.utils import timezone

from audit.models import AuditEvent
from config.access.models import ApiToken, User
from config.access.resolver import principal
from config.vocabulary import Right
from tests.builders import client_user, token_of
from tests.conftest import Api

pytestmark = pytest.mark.django_db


def created(capsys: pytest.CaptureFixture[str], *args: str) -> str:
    call_command("create_client", *args)
    return capsys.readouterr().out.splitlines()[-1]


def test_a_client_is_created_and_its_token_works(capsys: pytest.CaptureFixture[str], nobody: Api) -> None:
    token = created(capsys, "portal", "--group", "legal", "--group", "sales", "--right", "on_behalf")

    assert nobody.get("/api/processes", Authorization=f"Token {token}").status_code == 200
    client = User.objects.get(username="portal")
    assert not client.has_usable_password()
    actor = principal(client)
    assert (actor.groups, actor.rights) == (frozenset({"legal", "sales"}), frozenset({"on_behalf"}))
    assert token not in str(ApiToken.objects.values())
    event = AuditEvent.objects.get(method=f"add access.user {client.pk}")
    told = {"username": "portal", "groups": ["legal", "sales"], "user_permissions": ["on_behalf"]}
    assert (event.creator, event.after) == ("paraph", told)


def test_a_second_token_lets_the_first_be_rotated(capsys: pytest.CaptureFixture[str], nobody: Api) -> None:
    first, second = created(capsys, "portal"), created(capsys, "portal")
    ApiToken.objects.order_by("created").first().delete()  # type: ignore[union-attr]
    assert nobody.get("/api/processes", Authorization=f"Token {first}").status_code == 401
    assert nobody.get("/api/processes", Authorization=f"Token {second}").status_code == 200


def test_a_person_is_no_machine_client() -> None:
    User.objects.create_user("ilze", password="secret")
    with pytest.raises(CommandError, match="person"):
        call_command("create_client", "ilze")


@pytest.mark.parametrize("header", ["Token", "Token x", "Token a b", "Bearer x", "Token \xff", "Basic eDp5"])
def test_credentials_that_are_none(nobody: Api, header: str) -> None:
    response = nobody.get("/api/processes", Authorization=header)
    assert (response.status_code, response["WWW-Authenticate"]) == (401, "Token")


def test_an_expired_token_and_a_switched_off_client(nobody: Api) -> None:
    user = client_user("ilze")
    expired = token_of(user, expiry=timedelta(seconds=-1))
    assert nobody.get("/api/processes", Authorization=f"Token {expired}").status_code == 401
    valid = token_of(user)
    user.is_active = False
    user.save()
    assert nobody.get("/api/processes", Authorization=f"Token {valid}").status_code == 401


def test_the_last_use_is_noted_to_the_minute(api: Api) -> None:
    api.get("/api/processes")
    token = ApiToken.objects.get()
    assert token.last_used_at is not None
    token.note_use(token.last_used_at + timedelta(seconds=59))
    assert ApiToken.objects.get().last_used_at == token.last_used_at
    token.note_use(timezone.now() + timedelta(minutes=2))
    assert ApiToken.objects.get().last_used_at != token.last_used_at


def test_rights_come_from_users_and_groups() -> None:
    user = client_user("ilze", groups=["auditors"])
    Group.objects.get().permissions.add(Permission.objects.get(codename="audit_read"))
    assert principal(user).rights == {"audit_read"}
    user.is_superuser = True
    assert principal(user).rights == set(Right.values)
