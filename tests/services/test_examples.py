"""Each process in `examples/` runs to its end, with a running server, a real worker and a real SMTP sink.

Every mail and every audit event is checked, in order.
"""

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import Any

import pytest

from tests.services.stack import ROOT, Stack

JANIS, ONA, MARTINS = "janis.berzins@example.org", "ona.zukauskiene@example.org", "martins.ozols@example.org"
ILZE, KADRI, PAWEL = "ilze.kalnina@example.org", "kadri.tamm@example.org", "pawel.lukasiewicz@example.org"
LIGA, DESK = "liga.liepa@example.org", "reception@example.org"
LEASE = "Nomas līgums, Brīvības iela 12"


@dataclass
class Moment:
    """An act, and the emails and audit events that follow from it, in order."""

    do: tuple[Any, ...]
    mails: list[tuple[str, str]]
    events: list[str]
    status: str
    says: dict[str, list[str]] = field(default_factory=dict)


STORIES: dict[str, list[Moment]] = {
    "two-step-contract": [
        Moment(
            ("create",),
            [
                (ILZE, f"Started: {LEASE}"),
                (JANIS, f"Lūdzu, parakstiet: {LEASE}"),
                (ONA, f"Prašome pasirašyti: {LEASE}"),
            ],
            ["PROCESS_STARTED", "TASK_STARTED", "TASK_STARTED"],
            "STARTED",
            {JANIS: ["2027. gada 1. marts, 17:00 EET", "Please look at clause 7.", "keys are handed over", "{link}"]},
        ),
        Moment(("act", ONA, "SIGNED"), [], ["SIGNER_SIGNED"], "STARTED"),
        Moment(
            ("act", JANIS, "SIGNED"),
            [(MARTINS, f"Lūdzu, parakstiet: {LEASE}")],
            ["SIGNER_SIGNED", "TASK_STARTED"],
            "STARTED",
        ),
        Moment(("remind",), [(MARTINS, f"Atgādinājums – lūdzu, parakstiet: {LEASE}")], ["REMINDER"], "STARTED"),
        Moment(
            ("act", MARTINS, "SIGNED"),
            [
                (ILZE, f"Completed: {LEASE}"),
                (JANIS, f"Parakstīšana pabeigta: {LEASE}"),
                (ONA, f"Pasirašymas baigtas: {LEASE}"),
                (MARTINS, f"Parakstīšana pabeigta: {LEASE}"),
            ],
            ["SIGNER_SIGNED", "PROCESS_COMPLETED"],
            "COMPLETED",
        ),
    ],
    "board-decision": [
        Moment(
            ("create",),
            [
                (ILZE, "Started: Board decision 8/2026: budget"),
                (KADRI, "Palun kinnitage: Board decision 8/2026: budget"),
            ],
            ["PROCESS_STARTED", "TASK_STARTED"],
            "STARTED",
        ),
        Moment(
            ("act", KADRI, "DECLINED", "The budget of item 3 is not covered."),
            [(ILZE, "Not approved by Kadri Tamm: Board decision 8/2026: budget")],
            ["APPROVER_DECLINED"],
            "DECLINED",
            {ILZE: ["Reason: The budget of item 3 is not covered."]},
        ),
    ],
    "initiator-first-contract": [
        Moment(
            ("create",),
            [(ILZE, "Started: Non-disclosure agreement"), (ILZE, "Please sign: Non-disclosure agreement")],
            ["PROCESS_STARTED", "TASK_STARTED"],
            "STARTED",
        ),
        Moment(
            ("act", ILZE, "SIGNED"),
            [
                (PAWEL, "Prosimy o podpis: Non-disclosure agreement"),
                (LIGA, "For your information: Non-disclosure agreement"),
            ],
            ["SIGNER_SIGNED", "TASK_STARTED", "TASK_STARTED"],
            "STARTED",
            {LIGA: ["For your file.", "No action is needed."], PAWEL: ["15 lutego 2027, 12:00 EET"]},
        ),
        Moment(("act", LIGA, "VIEWED"), [], ["PROCESS_OPENED"], "STARTED"),
        Moment(
            ("act", PAWEL, "SIGNED"),
            [
                (ILZE, "Completed: Non-disclosure agreement"),
                (ILZE, "Completed: Non-disclosure agreement"),
                (PAWEL, "Zakończono podpisywanie: Non-disclosure agreement"),
                (LIGA, "Completed: Non-disclosure agreement"),
            ],
            ["SIGNER_SIGNED", "PROCESS_COMPLETED"],
            "COMPLETED",
        ),
    ],
    "anonymous-signer": [
        Moment(
            ("create",),
            [(ILZE, "Started: Consent form"), (DESK, "Please sign: Consent form")],
            ["PROCESS_STARTED", "TASK_STARTED"],
            "STARTED",
        ),
        Moment(
            ("act", DESK, "SIGNED", None, {"signerName": "Visitor", "signerCountry": "EE", "signerPersonalCode": "1"}),
            [(ILZE, "Completed: Consent form"), (DESK, "Completed: Consent form")],
            ["SIGNER_SIGNED", "PROCESS_COMPLETED"],
            "COMPLETED",
            {DESK: ["Hello Visitor,"]},
        ),
    ],
    "draft": [
        Moment(("create",), [], ["PROCESS_UPDATED"], "PENDING"),
        Moment(("complete the signer",), [], ["PROCESS_UPDATED"], "PENDING"),
        Moment(
            ("start",),
            [(ILZE, "Started: Offer, not sent yet"), (JANIS, "Please sign: Offer, not sent yet")],
            ["PROCESS_STARTED", "TASK_STARTED"],
            "STARTED",
        ),
        Moment(
            ("cancel", "We found another supplier."),
            [(ILZE, "Canceled: Offer, not sent yet"), (JANIS, "Canceled: Offer, not sent yet")],
            ["PROCESS_CANCELED"],
            "CANCELED",
            {JANIS: ["Reason: We found another supplier."]},
        ),
    ],
}


def test_every_example_has_a_test() -> None:
    assert {file.stem for file in (ROOT / "examples").glob("*.json")} == STORIES.keys()


@pytest.mark.parametrize("name", STORIES)
def test_an_example_runs_to_its_end(stack: Stack, name: str) -> None:
    process: dict[str, Any] = {}
    events: list[str] = []
    mails: list[str] = []
    for moment in STORIES[name]:
        seen = len(stack.sink.emails)
        process = do(stack, name, process, *moment.do)
        events += moment.events
        came = stack.sink.wait_for(seen + len(moment.mails))[seen:]

        assert Counter(map(tag, came)) == Counter(moment.mails)
        mails += [to for to, _ in moment.mails]
        assert written(stack, process) == mails
        assert process["status"] == moment.status
        assert audited(stack, process["id"]) == events
        for to, words in moment.says.items():
            check(next(mail for mail in came if mail["To"].addresses[0].addr_spec == to), words, process)
    assert stack.call("DELETE", f"/api/processes/{process['id']}").status == 204
    assert audited(stack, process["id"]) == [*events, "PROCESS_DELETED"]
    statuses = stack.rows("SELECT DISTINCT status FROM notifications_message WHERE process_id = ?", key(stack, process))
    assert {status for (status,) in statuses} <= {"SENT"}
    logs = "".join(file.read_text() for file in stack.folder.glob("*.log"))
    told = [
        value
        for s in process["signers"]
        for value in (s["signerPersonalCode"], s["signerEmail"])
        if value and value != "1"
    ]
    assert not [secret for secret in (*told, ILZE, stack.token) if secret in logs]


def do(stack: Stack, name: str, process: dict[str, Any], what: str, *words: Any) -> dict[str, Any]:
    url = f"/api/processes/{process.get('id')}"
    match what:
        case "create":
            body = json.loads((ROOT / "examples" / f"{name}.json").read_text(encoding="utf-8"))
            answer = stack.call("POST", "/api/processes", body)
            assert answer.status == 201
            return answer.body
        case "act":
            to, status, comment, person = (*words, None, None)[:4]
            act = {"signingStatus": status, "signerComment": comment, **(person or {})}
            (signer_id,) = (s["id"] for s in process["signers"] if s["signerEmail"] == to)
            assert stack.call("POST", f"/api/signers/{signer_id}/act", act).status == 200
        case "complete the signer":
            row = process["signingProcessSteps"][0]["processStepSigners"][0]
            row |= {"signerEmail": JANIS, "signerCountry": "LV", "signerPersonalCode": "010190-12345"}
            assert stack.call("POST", f"{url}/start").status == 400
            assert stack.call("PUT", url, process).status == 200
        case "cancel":
            assert stack.call("POST", f"{url}/cancel", {"reason": words[0]}).status == 200
        case _:
            assert stack.call("POST", f"{url}/{what}", {}).status == 200
    return stack.call("GET", url).body


def tag(mail: EmailMessage) -> tuple[str, str]:
    return mail["To"].addresses[0].addr_spec, str(mail["Subject"]).strip()


def written(stack: Stack, process: dict[str, Any]) -> list[str]:
    """The recipients of the process's messages, in the order in which they were queued."""
    rows = stack.rows("SELECT address FROM notifications_message WHERE process_id = ? ORDER BY id", key(stack, process))
    return [address for (address,) in rows]


def check(mail: EmailMessage, words: list[str], process: dict[str, Any]) -> None:
    text, html = mail.get_body(["plain"]), mail.get_body(["html"])
    assert text is not None
    assert html is not None
    to = mail["To"].addresses[0].addr_spec
    signer = next((s for s in process["signers"] if s["signerEmail"] == to), {"id": "none"})
    for expected in words:
        said = expected.replace("{link}", f"https://portal.example.org/sign/{signer['id']}")
        assert said in text.get_content()
        assert said in html.get_content()
    codes = [s["signerPersonalCode"] for s in process["signers"] if len(s["signerPersonalCode"] or "") > 5]
    assert not any(code in text.get_content() + html.get_content() for code in codes)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert re.fullmatch(r"<[0-9a-f]{32}@localhost>", mail["Message-ID"])


def audited(stack: Stack, process_id: str) -> list[str]:
    rows = stack.rows(
        "SELECT event_type, creator.value, client_app_name, address.value FROM audit_event "
        "JOIN audit_value creator ON creator.event_id = number AND creator.part = 'creator' "
        "JOIN audit_value address ON address.event_id = number AND address.part = 'ipAddress' "
        "WHERE process_id = ? AND event_type <> 'PROCESS_GETONE' ORDER BY number",
        process_id,
    )
    assert {row[1:] for row in rows} == {("portal", "portal", "127.0.0.1")}
    return [row[0] for row in rows]


def key(stack: Stack, process: dict[str, Any]) -> str:
    return process["id"] if stack.postgres else process["id"].replace("-", "")
