"""Processes in named states, made by the actions themselves."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth.models import Group, Permission
from django.test import Client

from config.access.actor import Actor
from config.access.models import ApiToken, User
from config.versioned import actions as versioned
from config.vocabulary import SignerStatus
from contacts.models import Contact
from contacts.serializers import ContactSerializer
from signing import actions
from signing.models import Process, Signer
from signing.serializers import ProcessSerializer
from templates_app.actions import create_profile
from templates_app.models import DocumentAttribute, DocumentProfile, Template
from templates_app.serializers import AttributeSerializer, TemplateSerializer
from templates_app.serializers import ProfileSerializer as DocumentProfileSerializer
from tests.people import ANA, BEN, ILZE, body

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
OWNER = Actor(client=ILZE, subject=ILZE)


BOSS = Actor(client="boss", subject="boss", rights=frozenset({"administer"}))


def kept_as(shape: Any, wire: dict[str, Any]) -> dict[str, Any]:
    serializer = shape(data=wire)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def contact_of(actor: Actor = OWNER, **wire: Any) -> Contact:
    body = kept_as(ContactSerializer, {"name": ANA, **wire})
    return versioned.create_row(Contact, body, actor=actor, at=NOON)


def template_of(actor: Actor = OWNER, **wire: Any) -> Template:
    body = kept_as(TemplateSerializer, {"name": "Lease", **wire})
    return versioned.create_row(Template, body, actor=actor, at=NOON)


def attribute_of(name: str, type: str = "TEXT", **wire: Any) -> DocumentAttribute:
    body = kept_as(AttributeSerializer, {"name": name, "type": type, **wire})
    return versioned.create_row(DocumentAttribute, body, actor=BOSS, at=NOON)


def profile_of(document_type: str, **wire: Any) -> DocumentProfile:
    body = kept_as(DocumentProfileSerializer, {"documentType": document_type, **wire})
    return create_profile(body, actor=BOSS, at=NOON)


def validated(wire: dict[str, Any]) -> dict[str, Any]:
    serializer = ProcessSerializer(data=wire)
    serializer.is_valid(raise_exception=True)
    return dict(serializer.validated_data)


def process_of(wire: dict[str, Any], *, actor: Actor = OWNER, at: datetime = NOON) -> Process:
    return actions.create(validated(wire), actor=actor, at=at).process


def draft_process(steps: list[list[Any]] | None = None, **changes: Any) -> Process:
    return process_of(body(steps or [[ANA], [BEN]], status="PENDING", **changes))


def started_process(
    steps: list[list[Any]] | None = None, *, signed: Sequence[str] = (), actor: Actor = OWNER, **changes: Any
) -> Process:
    process = process_of(body(steps or [[ANA], [BEN]], **changes), actor=actor)
    for name in signed:
        sign(process, name)
    process.refresh_from_db()
    return process


def completed_process(**changes: Any) -> Process:
    return started_process([[ANA]], signed=[ANA], **changes)


def canceled_process(**changes: Any) -> Process:
    return actions.cancel(started_process([[ANA]], **changes), actor=OWNER, at=NOON).process


def declined_process(**changes: Any) -> Process:
    process = started_process([[ANA]], **changes)
    sign(process, ANA, SignerStatus.DECLINED)
    process.refresh_from_db()
    return process


def row_of(process: Process, name: str) -> Signer:
    return process.signers.get(name=name)


def sign(
    process: Process, name: str, status: str = SignerStatus.SIGNED, *, at: datetime = NOON, **said: Any
) -> Process:
    report = {"status": status, **said}
    return actions.act(process, row_of(process, name).id, report, actor=OWNER, at=at).process


def client_user(
    name: str = ILZE,
    *,
    groups: Sequence[str] = (),
    rights: Sequence[str] = (),
    code: str = "",
    country: str = "LV",
) -> User:
    user, _ = User.objects.get_or_create(
        username=name, defaults={"personal_code": code, "country": country if code else ""}
    )
    user.groups.add(*(Group.objects.get_or_create(name=group)[0] for group in groups))
    user.user_permissions.add(*Permission.objects.filter(content_type__app_label="access", codename__in=rights))
    return user


def token_of(user: User, **more: Any) -> str:
    return ApiToken.objects.create(user, name="test", **more)[1]


def staff(name: str = "boss", *rights: str, superuser: bool = False) -> Client:
    """A browser that is logged in to the back office."""
    user = client_user(name)
    user.user_permissions.add(*Permission.objects.filter(codename__in=rights))
    User.objects.filter(pk=user.pk).update(is_staff=True, is_superuser=superuser)
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client
