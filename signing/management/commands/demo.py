"""Something to look at: a staff user, a client and the example processes in different states."""

import json
import secrets
from argparse import ArgumentParser
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction
from django.utils import timezone
from knox.crypto import hash_token

from config.access.actor import Actor
from config.access.models import ApiToken, User
from config.access.resolver import principal
from config.versioned import actions as versioned
from config.vocabulary import Right, SignerStatus
from contacts.models import Contact
from contacts.serializers import ContactSerializer
from signing import actions
from signing.models import Process
from signing.serializers import ProcessSerializer
from templates_app.actions import create_profile
from templates_app.models import DocumentAttribute, Template
from templates_app.serializers import AttributeSerializer, ProfileSerializer, TemplateSerializer

EXAMPLES = settings.BASE_DIR / "examples"
KEPT = settings.VAR / "demo.json"
GROUP = "legal"
S = SignerStatus

# What has been reported of each example, by signer's place.
STORY: dict[str, list[tuple[int, dict[str, str]]]] = {
    "two-step-contract": [(0, {"status": S.SIGNED})],
    "board-decision": [(0, {"status": S.DECLINED, "comment": "The budget of item 3 is not covered."})],
    "initiator-first-contract": [(0, {"status": S.SIGNED}), (1, {"status": S.SIGNED})],
    "anonymous-signer": [],
    "draft": [],
}


KEPT_AS: dict[str, tuple[Any, Callable[..., Any]]] = {
    "contacts": (ContactSerializer, partial(versioned.create, Contact)),
    "templates": (TemplateSerializer, partial(versioned.create, Template)),
    "document-attributes": (AttributeSerializer, partial(versioned.create, DocumentAttribute)),
    "document-profiles": (ProfileSerializer, create_profile),
}


class Command(BaseCommand):
    help = "Put in demo data once, and print where to look and with which login and token."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", default="8000", help="the port that the printed addresses name")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError("The demo is not for production.")
        login = self._login()
        self.stdout.write(
            WELCOME.format(
                port=options["port"], mails=_mails(), curl=CURL.format(port=options["port"], **login), **login
            )
        )

    @transaction.atomic
    def _login(self) -> dict[str, str]:
        """The demo's login as it was made the first time; made anew when the database does not know it."""
        kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.exists() else {}
        if ApiToken.objects.filter(digest=hash_token(kept.get("token", ""))).exists():
            return kept
        password = secrets.token_urlsafe(9)
        staff, first = User.objects.get_or_create(
            username="admin", defaults={"is_staff": True, "is_superuser": True, "email": "admin@example.org"}
        )
        staff.set_password(password)
        staff.save(update_fields=["password"])
        client, _ = User.objects.get_or_create(username="demo-client")
        client.set_unusable_password()
        client.save(update_fields=["password"])
        client.groups.add(Group.objects.get_or_create(name=GROUP)[0])
        _, token = ApiToken.objects.create(client, name="demo")
        if first:
            tell(principal(client), at=timezone.now())
            keep(replace(principal(client), rights=frozenset({Right.MANAGE_PROFILES})), at=timezone.now())
        kept = {"user": "admin", "password": password, "token": token}
        KEPT.parent.mkdir(parents=True, exist_ok=True)
        KEPT.touch(mode=0o600)
        KEPT.write_text(json.dumps(kept), encoding="utf-8")
        return kept


def tell(actor: Actor, *, at: datetime) -> None:
    """Create each example and report what has happened in it."""
    for name, reports in STORY.items():
        process = actions.create(_body(EXAMPLES / f"{name}.json", ownerGroup=GROUP), actor=actor, at=at).process
        for place, report in reports:
            actions.act(process, _signer(process, place), dict(report), actor=actor, at=at)


def keep(actor: Actor, *, at: datetime) -> None:
    """Create each example of what processes are made from."""
    for folder, (shape, create) in KEPT_AS.items():
        for file in sorted((EXAMPLES / folder).glob("*.json")):
            create(_body(file, shape), actor=actor, at=at)


def _body(file: Path, shape: Any = ProcessSerializer, **more: Any) -> dict[str, Any]:
    serializer = shape(data=json.loads(file.read_text(encoding="utf-8")) | more)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def _signer(process: Process, place: int) -> Any:
    return process.signers.order_by("step__process_order", "position").values_list("id", flat=True)[place]


def _mails() -> str:
    return getattr(settings, "EMAIL_FILE_PATH", None) or settings.EMAIL_BACKEND


CURL = (
    "curl -X POST http://localhost:{port}/api/processes -H 'Authorization: Token {token}' "
    "-H 'Content-Type: application/json' -d @examples/two-step-contract.json"
)
WELCOME = """
Paraph starts at http://localhost:{port}

  Back office   http://localhost:{port}/admin/     login {user}, password {password}
  API docs      http://localhost:{port}/api/docs/
  Mails         {mails}
  Client token  {token}

Create a process:

{curl}

Ctrl-C stops it.
"""
