"""Creates an API client with a token, or another token for an existing client."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from config.access import audit_hook
from config.access.actor import SERVICE
from config.access.models import User
from config.text import is_storable
from config.vocabulary import Right


class Command(BaseCommand):
    help = "Create an API client, or add groups and rights to an existing one, and print a new token on the last line."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the client's name, as shown in audit events")
        parser.add_argument("--group", action="append", default=[], help="code of a group to join (repeatable)")
        parser.add_argument("--right", action="append", default=[], choices=Right.values, help="a right (repeatable)")
        parser.add_argument("--token-name", default="", help="what the token is for (default: the client's name)")
        parser.add_argument("--days", type=int, help="days until the token expires (default: never)")

    @transaction.atomic
    def handle(self, *args: object, name: str, days: int | None, **options: Any) -> None:
        if days is not None and days < 1:
            raise CommandError("--days must be 1 or more.")

        if not is_storable(name):
            raise CommandError("NAME must be a username: it must not contain NUL.")

        # The client: a user that cannot log in with a password.
        client = User.objects.filter(username=name).first()
        created = client is None
        if client is None:
            client = _new_client(name)
        elif client.has_usable_password():
            raise CommandError(f"The user {name} has a password and is not an API client; choose another name.")
        for code in options["group"]:
            client.groups.add(Group.objects.get_or_create(name=code)[0])
        rights = Permission.objects.filter(content_type__app_label="access", codename__in=options["right"])
        client.user_permissions.add(*rights)

        # The token and the audit event.
        token = client.create_token(options["token_name"] or name, days=days)
        after = {"username": name, "groups": options["group"], "user_permissions": options["right"]}
        verb = "add" if created else "change"
        change = audit_hook.row_change(verb, client, after=after, note="manage.py create_client: a token")
        audit_hook.record_changes(change, actor=SERVICE, at=timezone.now())
        self.stdout.write(f"A new token for {name}, to be sent in the header 'Authorization: Token <token>':")
        self.stdout.write(token)


def _new_client(name: str) -> User:
    """A client of this name; `CommandError` if the name is not allowed for a user."""
    client = User(username=name)
    client.set_unusable_password()
    try:
        client.full_clean()
    except ValidationError as error:
        raise CommandError(f"NAME must be a username: {' '.join(error.messages)}") from None
    client.save()
    return client
