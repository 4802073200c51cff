"""A canary: a person whose data is put into every table, and looked for in a dump of the whole database."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from audit.chain import checkpoints
from audit.log import Event, record, report
from audit.models import AuditEvent
from config.text import plain
from config.versioned import actions as versioned
from config.vocabulary import EventType
from notifications.delivery.send import send_due
from notifications.models import RefusedAddress
from signing import actions
from signing.erasure.erase import NothingFound, erase, preview
from signing.erasure.person import Person, find_person
from signing.evidence.replay import contradictions
from signing.models import Process
from tests.builders import BOSS, NOON, OWNER, contact_of, row_of, sign, started_process, template_of
from tests.conftest import Api
from tests.people import BEN, body, signer

NAME, CODE, ADDRESS = "Kanārija Putniņa", "150385-12345", "kanarija.putnina@example.net"
KEY = "lv:15038512345"
MARKS = [NAME, CODE, CODE.replace("-", ""), ADDRESS, "Putniņa", "putnina", "Putni\\u0146a"]
BY_CODE = {"country": "LV", "code": CODE}
BY_ADDRESS = {"address": ADDRESS}
CANARY = {"signerName": NAME, "signerPersonalCode": CODE, "signerEmail": ADDRESS, "signerCountry": "LV"}
NO_IDENTITY = {"signerName": None, "signerCountry": None, "signerPersonalCode": None}

# Texts in the places that an erasure does not search.
NOT_SEARCHED = {
    "document name": f"Lease of {NAME}",
    "document id": f"DOC {CODE}",
    "name of an attribute": f"Flat of {NAME}",
    "name of a template": f"Lease for {ADDRESS}",
    "contents of a template": f"{NAME}, {CODE}, writes to {ADDRESS}",
    "comment of a process without the person": f"Ask {NAME} or {ADDRESS}",
    "note of an event that belongs to no process": f"{NAME} has called",
    "contact with a name only": f"{NAME} of the bakery",
}


def canary(**changes: Any) -> dict[str, Any]:
    """The person as a signer."""
    return signer(BEN, **{**CANARY, **changes})


def act(process: Process, name: str, status: str = "SIGNED", **columns: Any) -> None:
    actions.act(process, row_of(process, name).pk, {"status": status, **columns}, actor=OWNER, at=NOON)


def finished(**changes: Any) -> Process:
    """A completed process with the person and Ben, all emails sent."""
    process = started_process([[canary()], [BEN]], **changes)
    act(process, NAME, comment=f"I, {NAME}, agree.")
    sign(process, BEN)
    send_due()
    process.refresh_from_db()
    return process


def canceled(steps: list[list[Any]], *, reason: str | None = None, **changes: Any) -> Process:
    """A canceled process, all emails sent."""
    process = started_process(steps, **changes)
    actions.cancel(process, actor=OWNER, at=NOON, reason=reason)
    send_due()
    process.refresh_from_db()
    return process


def replace_signer(api: Api, process: Process, name: str, **changes: Any) -> None:
    """Change a signer's row in a PUT of the whole process."""
    whole = api.get(f"/api/processes/{process.pk}").json()
    row_id = str(row_of(process, name).pk)
    rows = [row for step in whole["signingProcessSteps"] for row in step["processStepSigners"] if row["id"] == row_id]
    rows[0].update(changes)
    assert api.put(f"/api/processes/{process.pk}", whole).status_code == 200


def put_everywhere(api: Api, portal: Api) -> Process:
    """A finished process with the person, and the person in every other table; see also `NOT_SEARCHED`."""
    process = finished(
        comment=f"For:\n{NAME}\r\n{CODE}\t{ADDRESS}",
        documentName=NOT_SEARCHED["document name"],
        documentId=NOT_SEARCHED["document id"],
        attributes={NOT_SEARCHED["name of an attribute"]: f"{NAME}, {CODE}"},
    )

    # Other ends, and other roles: declined, initiated, added to a process and removed again, a deleted draft.
    declined = started_process([[canary()], [BEN]])
    act(declined, NAME, "DECLINED", comment="No.")
    canceled([[BEN]], reason=f"{NAME} has changed her mind", initiatorName=NAME, processInitiatorEmail=ADDRESS.upper())
    edited = started_process([[BEN]])
    steps = api.get(f"/api/processes/{edited.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].append(canary())
    api.put(f"/api/processes/{edited.pk}", {"signingProcessSteps": steps})
    steps = api.get(f"/api/processes/{edited.pk}").json()["signingProcessSteps"]
    steps[0]["processStepSigners"].pop()
    api.put(f"/api/processes/{edited.pk}", {"signingProcessSteps": steps})
    api.post(f"/api/processes/{edited.pk}/cancel", {})
    draft = api.post("/api/processes", body([[canary()]], status="PENDING"), Idempotency_Key="canary")
    api.delete(f"/api/processes/{draft.json()['id']}")
    send_due()

    # Contacts with histories, in the trail as far as an administrator has changed them.
    contact = contact_of(name=NAME, email=ADDRESS, country="LV", personalCode=CODE)
    api.put(f"/api/contacts/{contact.pk}", {"phone": "+37129123456"})
    for minute, name in enumerate(("K. P.", NAME), 1):
        versioned.replace_row(contact, {"name": name}, actor=BOSS, at=later(minute))
    versioned.delete_row(contact_of(BOSS, name=NAME, email=ADDRESS), actor=BOSS, at=NOON)

    # Everything else that is recorded about the person.
    RefusedAddress.objects.create(address=ADDRESS, response="550 no", refused_at=NOON)
    portal.get(f"/api/signer-tasks?country=LV&personalCode={CODE}")
    report(
        [{"event_type": EventType.SIGNATURE, "customer_personal_code": CODE, "process_id": "of another system"}],
        actor=OWNER,
        at=NOON,
    )
    record([Event(EventType.FAILURE, process.pk, note=f"{NAME} could not be reached")], actor=OWNER, at=NOON)

    # What is not searched.
    template_of(
        name=NOT_SEARCHED["name of a template"], data=json.dumps({"comment": NOT_SEARCHED["contents of a template"]})
    )
    started_process([[BEN]], comment=NOT_SEARCHED["comment of a process without the person"])
    note = NOT_SEARCHED["note of an event that belongs to no process"]
    record([Event(EventType.FAILURE, note=note)], actor=OWNER, at=NOON)
    contact_of(name=NOT_SEARCHED["contact with a name only"])
    checkpoints.make(at=NOON)
    return process


def dump() -> str:
    """All rows of the database, as text."""
    rows = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith(("django_session", "django_migrations")):
                continue
            cursor.execute(f'SELECT * FROM "{table}"')
            rows += [f"{table}: {row!r}" for row in cursor.fetchall()]
    return "\n".join(rows).replace("\\\\", "\\")


def spellings(text: str) -> list[str]:
    """The text as columns, search columns and JSON columns have it."""
    return [text, plain(text), json.dumps(text)[1:-1]]


def without_unsearched(text: str) -> str:
    for unsearched in NOT_SEARCHED.values():
        for spelling in spellings(unsearched):
            text = text.replace(spelling, "")
    return text


def hits(text: str) -> list[str]:
    """The lines that name the person, except for the texts that are not searched."""
    lines = without_unsearched(text).splitlines()
    return [line[:300] for line in lines if any(mark.casefold() in line.casefold() for mark in MARKS)]


def require_erased(identifier: dict[str, str]) -> None:
    """Erase the person by this identifier, and check that nothing is left."""
    kept = erase(find_person(**identifier), actor=BOSS, at=NOON + timedelta(days=1)).kept
    assert not kept, kept
    left = hits(dump())
    assert not left, left
    with pytest.raises(NothingFound):
        preview(find_person(**identifier))


def erase_canary(**identifier: str) -> Any:
    """Erase the person by this identifier, by default the code."""
    return erase(find_person(**(identifier or BY_CODE)), actor=BOSS, at=NOON)


def contradiction(process: Process) -> str:
    """The first difference between the rows of a process and its trail; empty if there is none."""
    row = Process.objects.get(pk=process.pk)
    events = AuditEvent.objects.of_process(row.pk).filter(seq__isnull=False).order_by("seq")
    return next(contradictions(row, row.steps.all(), row.signers.all(), events), "")


def events_of(process: Process) -> list[AuditEvent]:
    return list(AuditEvent.objects.of_process(process.pk).in_order())


def person_of(key: str = KEY, address: str = ADDRESS) -> Person:
    return Person(frozenset({key}), frozenset({address}))


def later(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)
