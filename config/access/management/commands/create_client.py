"""Makes a machine client with a token, or a further token for one that exists."""

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone

from config.access import audit_hook
from config.access.actor import SERVICE
from config.access.models import ApiToken, User
from config.vocabulary import Right


class Command(BaseCommand):
    help = (
        "Make a machine client and print its API token, alone on the last line; it is not shown again. "
        "For a client that exists: add the groups and rights, and make a further token."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="the client's name, as audit events show it")
        parser.add_argument("--group", action="append", default=[], help="a group code it belongs to (repeatable)")
        parser.add_argument(
            "--right", action="append", default=[], choices=Right.values, help="a right to grant (repeatable)"
        )
        parser.add_argument("--token-name", default="", help="what the token is for (default: the client's name)")
        parser.add_argument("--days", type=int, help="days until the token expires (default: never)")

    @transaction.atomic
    def handle(self, *args: Any, name: str, **options: Any) -> None:
        if options["days"] is not None and options["days"] < 1:
            raise CommandError("--days is 1 or more.")
        client, made = User.objects.get_or_create(username=name)
        if made:
            client.set_unusable_password()
            client.save(update_fields=["password"])
        elif client.has_usable_password():
            raise CommandError(f"{name} is a person with a password; choose another name for the client.")
        for code in options["group"]:
            client.groups.add(Group.objects.get_or_create(name=code)[0])
        rights = Permission.objects.filter(content_type__app_label="access", codename__in=options["right"])
        client.user_permissions.add(*rights)
        lifetime = timedelta(days=options["days"]) if options["days"] else None
        _, token = ApiToken.objects.create(client, expiry=lifetime, name=options["token_name"] or name)
        granted = {"username": name, "groups": options["group"], "user_permissions": options["right"]}
        told = audit_hook.change(
            "add" if made else "change", client, after=granted, note="manage.py create_client: a token"
        )
        audit_hook.changed(told, actor=SERVICE, at=timezone.now())
        verb = "Made client" if made else "Made a further token for client"
        self.stdout.write(f"{verb} {name}. Send the header 'Authorization: Token ...' with this token:")
        self.stdout.write(token)
