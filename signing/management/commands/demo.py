"""`manage.py demo`: creates demo data once, and prints where to look and how to log in."""

import json
import secrets
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from knox.crypto import hash_token
from rest_framework.serializers import Serializer

from config.access.actor import Actor
from config.access.grants import actor_of_user
from config.access.models import ApiToken, User
from config.api_values import Body
from config.versioned import actions as versioned
from config.vocabulary import Right, SignerStatus
from contacts.models import Contact
from contacts.serializers import ContactSerializer
from signing import actions
from signing.serializers import ProcessSerializer
from templates_app.actions import create_profile
from templates_app.models import DocumentAttribute, Template
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer

EXAMPLES = settings.BASE_DIR / "examples"
LOGIN_FILE = settings.VAR / "demo.json"
DEMO_GROUP = "legal"

SIGNED: Body = {"status": SignerStatus.SIGNED}
DECLINED: Body = {"status": SignerStatus.DECLINED, "comment": "The budget of item 3 is not covered."}

# The acts that are reported in each example process, in the order of its signers.
EXAMPLE_ACTS: dict[str, list[Body]] = {
    "two-step-contract": [SIGNED],
    "board-decision": [DECLINED],
    "initiator-first-contract": [SIGNED, SIGNED],
    "anonymous-signer": [],
    "draft": [],
}

# Folder of examples -> its serializer and the function that creates a row.
SETUP: dict[str, tuple[type[Serializer], Callable[..., object]]] = {
    "contacts": (ContactSerializer, partial(versioned.create_row, Contact)),
    "templates": (TemplateSerializer, partial(versioned.create_row, Template)),
    "document-attributes": (AttributeSerializer, partial(versioned.create_row, DocumentAttribute)),
    "document-profiles": (ProfileSerializer, create_profile),
}


class Command(BaseCommand):
    help = "Create demo data once, and print the URLs, a login and an API token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default="8000", help="the port in the printed URLs")

    def handle(self, *, port: str, **options: object) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo must not run in production.")
        login = self._login()
        emails = _describe_emails()
        curl = CURL.format(port=port, **login)
        self.stdout.write(WELCOME.format(port=port, emails=emails, curl=curl, **login))

    @transaction.atomic
    def _login(self) -> dict[str, str]:
        """Return the login of the first run; make a new one if the database does not have it."""
        login = _stored_login()
        if login is not None and ApiToken.objects.filter(digest=hash_token(login["token"])).exists():
            return login

        # The staff user.
        password = secrets.token_urlsafe(9)
        staff, is_first_run = User.objects.get_or_create(
            username="admin", defaults={"is_staff": True, "is_superuser": True, "email": "admin@example.org"}
        )
        staff.set_password(password)
        staff.save(update_fields=["password"])

        # The API client.
        client, _ = User.objects.get_or_create(username="demo-client")
        client.set_unusable_password()
        client.save(update_fields=["password"])
        group, _ = Group.objects.get_or_create(name=DEMO_GROUP)
        client.groups.add(group)
        _, token = ApiToken.objects.create(client, name="demo")

        if is_first_run:
            actor = actor_of_user(client)
            create_processes(actor, at=timezone.now())
            administrator = replace(actor, rights=frozenset({Right.MANAGE_PROFILES}))
            create_setup(administrator, at=timezone.now())
        login = {"user": "admin", "password": password, "token": token}
        _store(login)
        return login


def create_processes(actor: Actor, *, at: datetime) -> None:
    """Create each example process and report its acts."""
    for name, acts in EXAMPLE_ACTS.items():
        body = _validated(EXAMPLES / f"{name}.json", ProcessSerializer)
        rows = actions.create({**body, "owner_group": DEMO_GROUP}, actor=actor, at=at)
        for signer, act in zip(rows.signers, acts, strict=False):
            actions.act(rows.process, signer.id, act, actor=actor, at=at)


def create_setup(actor: Actor, *, at: datetime) -> None:
    """Create the example contacts, templates, attributes and profiles."""
    for folder, (serializer, create) in SETUP.items():
        for file in sorted((EXAMPLES / folder).glob("*.json")):
            create(_validated(file, serializer), actor=actor, at=at)


def _validated(file: Path, serializer_class: type[Serializer]) -> Body:
    serializer = serializer_class(data=json.loads(file.read_text(encoding="utf-8")))
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _describe_emails() -> str:
    """Where emails go, in words."""
    if settings.EMAIL_FILE_PATH:
        return f"written to files in {settings.EMAIL_FILE_PATH}"
    if settings.EMAIL_HOST:
        return f"sent through {settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    if "console" in settings.EMAIL_BACKEND:
        return "printed here"
    return "not sent"


def _stored_login() -> dict[str, str] | None:
    if not LOGIN_FILE.exists():
        return None
    login: dict[str, str] = json.loads(LOGIN_FILE.read_text(encoding="utf-8"))
    return login


def _store(login: dict[str, str]) -> None:
    LOGIN_FILE.parent.mkdir(parents=True, exist_ok=True)
    LOGIN_FILE.touch(mode=0o600)
    LOGIN_FILE.write_text(json.dumps(login), encoding="utf-8")


CURL = (
    "curl -X POST http://localhost:{port}/api/processes -H 'Authorization: Token {token}' "
    "-H 'Content-Type: application/json' -d @examples/two-step-contract.json"
)
WELCOME = """
Paraph is starting at http://localhost:{port}

  Back office   http://localhost:{port}/admin/     user {user}, password {password}
  API docs      http://localhost:{port}/api/docs/
  Emails        {emails}
  API token     {token}

Create a process:

{curl}

Press Ctrl-C to stop.
"""
