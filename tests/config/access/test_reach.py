"""Who may change an identity: no permission on users, groups, tokens and second factors gives its holder more."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import transaction
from django.test import Client, RequestFactory
from django_otp.plugins.otp_totp.models import TOTPDevice

from config.access.models import ApiToken, User
from config.access.reach import Identity, identity_of, within_reach
from tests.people import ANA, CODES

PASSWORD = "a-good-password"
BACKEND = "django.contrib.auth.backends.ModelBackend"
IDENTITY_MODELS = ("access", "auth", "otp_totp", "axes", "contenttypes", "admin", "sessions")

pytestmark = pytest.mark.django_db


class Cast:
    """A clerk with a group, a superuser, a person, clients with and without rights, and what belongs to them."""

    def __init__(self) -> None:
        self.legal = Group.objects.create(name="legal")
        self.other = Group.objects.create(name="other")
        self.clerk = User.objects.create_user("clerk", "clerk@example.org", PASSWORD, is_staff=True)
        self.clerk.groups.add(self.legal)
        self.boss = User.objects.create_superuser("boss", "boss@example.org", PASSWORD)
        self.ana = User.objects.create_user("ana", country="LV", personal_code=CODES[ANA])
        self.plain = User.objects.create_user("plain", is_staff=True)
        self.portal = User.objects.create_user("portal", is_active=False)
        self.portal.user_permissions.add(permission("administer"))
        self.member = User.objects.create_user("member")
        self.member.groups.add(self.other)
        self.colleague = User.objects.create_user("colleague", is_staff=True)
        self.colleague.user_permissions.add(permission("change_contact"))
        for user in self.others:
            user.create_token("old", days=None)
            TOTPDevice.objects.create(user=user, name="app", key="ab" * 20)

    @property
    def others(self) -> list[User]:
        return [self.boss, self.ana, self.plain, self.portal, self.member, self.colleague]

    def browser(self, user: User) -> Client:
        client = Client()
        client.force_login(user, backend=BACKEND)
        return client


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


def user_form(user: User, **changes: str) -> dict[str, Any]:
    form = {"username": user.username, "email": user.email, "country": user.country}
    form |= {"personal_code": user.personal_code} | ({"is_active": "on"} if user.is_active else {})
    return form | changes


def device_form(user: User) -> dict[str, Any]:
    form = {"user": user.pk, "name": "x", "confirmed": "on", "key": "cd" * 20, "step": 30, "t0": 0, "digits": 6}
    return form | {"tolerance": 1, "drift": 0, "throttling_failure_count": 0}


def writes(cast: Cast) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every write of the pages of these models that gives a staff member something, as path and form."""
    # Users: their names, persons, rights, passwords and tokens, and the end of a user.
    users = "/admin/access/user"
    for user in cast.others:
        page = f"{users}/{user.pk}"
        yield f"{page}/change/", user_form(user, email="clerk2@example.org", is_active="on")
        yield f"{page}/change/", user_form(user, username=f"{user.username}-renamed")
        yield f"{page}/password/", {"usable_password": "true", "password1": "Xq81-zebra", "password2": "Xq81-zebra"}
        yield f"{page}/make-token/", {"name": "new"}
        yield f"{page}/revoke-token/", {"token": str(user.api_tokens.get().pk)}
        yield f"{page}/delete/", {"post": "yes"}
        yield f"{users}/", {"action": "delete_selected", "_selected_action": user.pk, "post": "yes"}
    own = f"{users}/{cast.clerk.pk}/change/"
    yield own, user_form(cast.clerk, country="LV", personal_code=CODES[ANA])
    yield own, user_form(cast.clerk, username="initiator-without-account")
    yield own, user_form(cast.clerk, email=cast.boss.email.upper())
    yield own, user_form(cast.clerk, is_superuser="on", is_staff="on", groups=str(cast.other.pk))
    yield own, user_form(cast.clerk, user_permissions=str(permission("administer").pk))
    new = {"usable_password": "true", "password1": "Xq81-zebra", "password2": "Xq81-zebra"}
    yield f"{users}/add/", {"username": "initiator-without-account"} | new

    # Groups: their names and permissions, and the end of a group.
    groups = "/admin/auth/group"
    yield f"{groups}/add/", {"name": "new-group", "permissions": permission("administer").pk}
    for group in (cast.legal, cast.other):
        yield f"{groups}/{group.pk}/change/", {"name": group.name, "permissions": permission("administer").pk}
        yield f"{groups}/{group.pk}/change/", {"name": f"{group.name}-renamed"}
    yield f"{groups}/{cast.other.pk}/delete/", {"post": "yes"}
    yield f"{groups}/", {"action": "delete_selected", "_selected_action": cast.other.pk, "post": "yes"}

    # Second factors.
    devices = "/admin/otp_totp/totpdevice"
    yield f"{devices}/add/", device_form(cast.boss)
    for user in cast.others:
        device = TOTPDevice.objects.get(user=user)
        yield f"{devices}/{device.pk}/change/", device_form(cast.clerk)
        yield f"{devices}/{device.pk}/change/", device_form(user)
        yield f"{devices}/{device.pk}/delete/", {"post": "yes"}
        yield f"{devices}/", {"action": "delete_selected", "_selected_action": device.pk, "post": "yes"}


def identities() -> dict[str, Any]:
    """All columns and relations of the rows that make up identities, apart from times."""
    times = {"last_login", "last_used_at", "date_joined"}
    state: dict[str, Any] = {}
    for model in (User, Group, ApiToken, TOTPDevice):
        for row in model._default_manager.all():
            columns = {f.attname: getattr(row, f.attname) for f in row._meta.concrete_fields if f.name not in times}
            related = {f.name: sorted(r.pk for r in getattr(row, f.name).all()) for f in row._meta.many_to_many}
            state[f"{model.__name__} {row.pk}"] = columns | related
    return state


def differences_after_walk(browser: Client, cast: Cast) -> list[str]:
    """What the writes together have changed."""
    before = identities()
    for path, form in list(writes(cast)):
        browser.post(path, form)
    after = identities()
    return [name for name in before | after if before.get(name) != after.get(name)]


def permissions_of_identities() -> list[str]:
    """Every permission of these apps; a model added to them adds permissions here."""
    rows = Permission.objects.filter(content_type__app_label__in=IDENTITY_MODELS).exclude(codename__startswith="view_")
    return sorted(f"{row.content_type.app_label}.{row.codename}" for row in rows)


def grant(user: User, *names: str) -> None:
    for name in names:
        app, _, codename = name.partition(".")
        user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=codename))


RIGHTS = {"access.administer", "access.on_behalf", "access.audit_read", "access.audit_write"}


def test_no_permission_gives_its_holder_more_than_the_holder_had() -> None:
    """Each permission alone, and with all permissions to view, without which most pages do not open."""
    cast = Cast()
    names = [name for name in permissions_of_identities() if name not in RIGHTS]
    assert {"access.change_user", "auth.change_group", "access.add_apitoken", "otp_totp.add_totpdevice"} <= set(names)
    views = Permission.objects.filter(codename__startswith="view_")
    for name in names:
        cast.clerk.user_permissions.clear()
        cast.clerk.user_permissions.add(*views)
        grant(cast.clerk, name)
        assert differences_after_walk(cast.browser(cast.clerk), cast) == [], name


def test_all_permissions_together_give_their_holder_no_more_either() -> None:
    cast = Cast()
    grant(cast.clerk, *(name for name in permissions_of_identities() if name not in RIGHTS))
    cast.clerk.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    assert differences_after_walk(cast.browser(cast.clerk), cast) == []


def test_every_write_of_the_walk_changes_something_for_a_superuser() -> None:
    cast = Cast()
    before = identities()
    for path, form in list(writes(cast)):
        with transaction.atomic():
            cast.browser(cast.boss).post(path, form)
            assert identities() != before, f"{path} {form}"
            transaction.set_rollback(True)


class TestWithinReach:
    def actor(self, cast: Cast, *names: str) -> Identity:
        grant(cast.clerk, *names)
        return identity_of(cast.clerk)

    def test_users_reach_themselves(self) -> None:
        cast = Cast()
        assert within_reach(self.actor(cast), cast.clerk)

    def test_superusers_reach_everyone(self) -> None:
        cast = Cast()
        boss = identity_of(cast.boss)
        assert all(within_reach(boss, user) for user in [*cast.others, cast.clerk])

    def test_another_username_requires_the_right_to_act_for_others(self) -> None:
        cast = Cast()
        assert not within_reach(self.actor(cast), cast.plain)
        assert within_reach(self.actor(cast, "access.on_behalf"), cast.plain)

    def test_persons_groups_permissions_and_superusers_must_be_the_actors_too(self) -> None:
        cast = Cast()
        actor = self.actor(cast, "access.on_behalf")
        assert [user.username for user in cast.others if within_reach(actor, user)] == ["plain"]
        cast.clerk.groups.add(cast.other)
        actor = self.actor(cast, "contacts.change_contact")
        assert [user.username for user in cast.others if within_reach(actor, user)] == ["plain", "member", "colleague"]

    def test_the_right_to_administer_includes_the_other_rights(self) -> None:
        cast = Cast()
        grant(cast.plain, "access.audit_read", "access.on_behalf")
        assert within_reach(self.actor(cast, "access.administer"), cast.plain)
        assert not within_reach(self.actor(cast, "access.administer"), cast.boss)

    def test_rights_of_inactive_users_and_of_groups_count(self) -> None:
        cast = Cast()
        actor = self.actor(cast, "access.on_behalf")
        assert not within_reach(actor, cast.portal)
        cast.legal.permissions.add(permission("audit_read"))
        cast.plain.groups.add(cast.legal)
        cast.clerk.groups.clear()
        assert not within_reach(identity_of(cast.clerk), cast.plain)


class TestStaffWithTheRightToActForOthers:
    @pytest.fixture
    def cast(self) -> Cast:
        cast = Cast()
        names = ["on_behalf", "view_user", "add_user", "change_user", "delete_user", "add_apitoken", "delete_apitoken"]
        grant(cast.clerk, *(f"access.{name}" for name in names), "otp_totp.delete_totpdevice")
        return cast

    def test_they_manage_clients_without_rights(self, cast: Cast) -> None:
        browser = cast.browser(cast.clerk)
        page = f"/admin/access/user/{cast.plain.pk}"
        browser.post(f"{page}/change/", user_form(cast.plain, email="new@example.org"))
        cast.plain.refresh_from_db()
        assert cast.plain.email == "new@example.org"
        assert cast.plain.api_tokens.count() == 1
        browser.post(f"{page}/make-token/", {"name": "new"})
        assert cast.plain.api_tokens.count() == 2
        browser.post(f"{page}/delete/", {"post": "yes"})
        assert not User.objects.filter(username="plain").exists()

    def test_they_cannot_take_a_name_person_or_address_beyond_their_reach(self, cast: Cast) -> None:
        browser = cast.browser(cast.clerk)
        page = f"/admin/access/user/{cast.plain.pk}/change/"
        for changes in ({"country": "LV", "personal_code": CODES[ANA]}, {"email": "BOSS@example.org"}):
            response = browser.post(page, user_form(cast.plain, **changes), follow=True)
            assert "must not be" in response.content.decode() or "You may only change" in response.content.decode()
        cast.plain.refresh_from_db()
        assert (cast.plain.person, cast.plain.email) == ("", "")

    def test_a_bulk_deletion_with_one_row_out_of_reach_deletes_no_row(self, cast: Cast) -> None:
        rows = [cast.plain.pk, cast.boss.pk]
        form = {"action": "delete_selected", "_selected_action": rows, "post": "yes"}
        assert cast.browser(cast.clerk).post("/admin/access/user/", form).status_code == 403
        assert User.objects.filter(pk__in=rows).count() == 2


class TestSecrets:
    @pytest.mark.parametrize("secret", ["password", "key", "digest", "token_key", "get_data", "post_data"])
    def test_no_list_can_be_filtered_sorted_or_searched_by_a_secret(self, secret: str) -> None:
        hops = ["", "user__", "api_tokens__", "totpdevice__", "user__api_tokens__", "user_set__", "logentry__user__"]
        request = RequestFactory().get("/")
        for model_admin in admin.site._registry.values():
            shown = [*model_admin.list_display, *model_admin.search_fields, *map(str, model_admin.list_filter)]
            assert secret not in {part for name in map(str, shown) for part in name.split("__")}
            for hop in hops:
                for lookup in ("", "__startswith", "__gt", "__regex", "__isnull"):
                    assert not model_admin.lookup_allowed(f"{hop}{secret}{lookup}", "a", request)

    def test_the_secret_of_a_second_factor_cannot_be_looked_up(self) -> None:
        cast = Cast()
        grant(cast.clerk, "otp_totp.view_totpdevice")
        path = "/admin/otp_totp/totpdevice/"
        browser = cast.browser(cast.clerk)
        assert browser.get(path).status_code == 200
        for lookup in ("key__startswith", "key", "key__gt", "user__password__startswith", "user__api_tokens__digest"):
            assert browser.get(path, {lookup: "ab"}).status_code == 400, lookup
