"""A canary person: put everywhere that a person can be, and looked for in all that the database holds."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection

from audit.chain import checkpoints
from audit.log import Event, record, report
from config.versioned import actions as versioned
from config.vocabulary import EventType
from notifications.delivery.send import send_due
from notifications.models import RefusedAddress
from signing import actions
from signing.erasure.known import known_as
from signing.erasure.people import NobodyFound
from signing.erasure.person import erase, look
from signing.models import Process
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, started_process, template_of
from tests.conftest import Api
from tests.people import BEN, body, signer

NAME, CODE, ADDRESS = "Kanārija Putniņa", "150385-12345", "kanarija.putnina@example.net"
MARKS = [NAME, CODE, CODE.replace("-", ""), ADDRESS, "Putniņa", "putnina", "Putni\\u0146a"]
CODED, WRITTEN = {"country": "LV", "code": CODE}, {"address": ADDRESS}
CANARY = {"signerName": NAME, "signerPersonalCode": CODE, "signerEmail": ADDRESS, "signerCountry": "LV"}


def canary(**more: Any) -> dict[str, Any]:
    return signer(BEN, **{**CANARY, **more})


def acted(process: Process, status: str, comment: str) -> None:
    said = {"status": status, "comment": comment}
    actions.act(process, row_of(process, NAME).pk, said, actor=OWNER, at=NOON)


def finished(api: Api, **more: Any) -> Process:
    process = started_process([[canary()], [BEN]], **more)
    acted(process, "SIGNED", f"I, {NAME}, agree.")
    sign(process, BEN)
    send_due()
    return process


def canceled(steps: list[Any], **more: Any) -> Process:
    """A process that ended, with its mails out."""
    process = started_process(steps, **more)
    actions.cancel(process, actor=OWNER, at=NOON)
    send_due()
    return process


def put_everywhere(api: Api, portal: Api) -> Process:
    """A finished process with the person, and the person wherever else one can be."""
    process = finished(api, comment=f"For:\n{NAME}\r\n{CODE}\t{ADDRESS}", documentName=f"Lease of {NAME}")
    declined = started_process([[canary()], [BEN]])
    acted(declined, "DECLINED", "No.")
    renamed = started_process([[BEN]])
    steps = api.get(f"/api/processes/{renamed.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].append(canary())
    api.put(f"/api/processes/{renamed.pk}", {"signingProcessSteps": steps})
    steps = api.get(f"/api/processes/{renamed.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].pop()
    api.put(f"/api/processes/{renamed.pk}", {"signingProcessSteps": steps})
    api.post(f"/api/processes/{renamed.pk}/cancel", {})
    send_due()
    answer = api.post("/api/processes", body([[canary()]], status="PENDING"), Idempotency_Key="canary")
    api.delete(f"/api/processes/{answer.json()['id']}")
    contact = contact_of(name=NAME, email=ADDRESS.upper().lower(), country="LV", personalCode=CODE)
    api.put(f"/api/contacts/{contact.pk}", {"phone": "+37129123456"})
    for minute, name in enumerate(("K. P.", NAME), 1):
        versioned.replace(contact, {"name": name}, actor=BOSS, at=NOON + timedelta(minutes=minute))
    versioned.delete(contact_of(BOSS, name=NAME, email=ADDRESS), actor=BOSS, at=NOON)
    template_of(name=f"Lease for {ADDRESS}", data=json.dumps(body([[canary(commentForSigner=f"Hi\n{NAME}"), BEN]])))
    RefusedAddress.objects.create(address=ADDRESS, answer="550 no", refused_at=NOON)
    portal.get(f"/api/signer-tasks?country=LV&personalCode={CODE}")
    report(
        [{"event_type": EventType.SIGNATURE, "customer_personal_code": CODE, "process_id": "of another system"}],
        actor=OWNER,
        at=NOON,
    )
    record([Event(EventType.FAILURE, process.pk, note=f"{NAME} could not be reached")], actor=OWNER, at=NOON)
    checkpoints.make(at=NOON)
    return process


def dump() -> str:
    """All that the database holds, as text."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("django_session", "django_migrations")):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(rows).replace("\\\\", "\\")


def hits(text: str) -> list[str]:
    return [line[:300] for line in text.splitlines() if any(mark.casefold() in line.casefold() for mark in MARKS)]


def gone(by: dict[str, str]) -> None:
    """Erase the person, and see that nothing is left."""
    erase(known_as(**by), actor=BOSS, at=NOON + timedelta(days=1))
    assert hits(dump()) == []
    with pytest.raises(NobodyFound):
        look(known_as(**by))


def later(minutes: float) -> Any:
    return NOON + timedelta(minutes=minutes)
