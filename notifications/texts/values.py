"""The values that a text may speak of, and samples of them to hold a text against."""

from typing import Any

VARIABLES: dict[str, Any] = {
    "process": {"name": None, "id": None, "type": None, "initiator": None, "comment": None},
    "step": {"number": None},
    "signer": {"name": None},
    "initiator": {"name": None},
    "actor": {"name": None, "reason": None, "self": False},
    "failure": {"event": None, "role": None, "audit": None},
    "dueDate": None,
    "personalComment": None,
    "link": None,
    "tasks": [],
    "waiting": None,
}
"""Every variable; what a message's context leaves out is nothing."""

TASK = {"name": None, "initiator": None, "dueDate": None, "comment": None, "link": None}
"""A task of a reminder about one document or several."""

KNOWN: dict[str, Any] = {**VARIABLES, "tasks": [TASK]}

_LINK = "https://portal.example.org/sign/…"
SAMPLE: dict[str, Any] = {
    "process": {
        "name": "Nomas līgums, Brīvības iela 12",
        "id": "DOC-2026-0117",
        "type": "LEASE",
        "initiator": "Ilze Kalniņa",
        "comment": "The keys are handed over on Monday.",
    },
    "step": {"number": 1},
    "signer": {"name": "Jānis Bērziņš"},
    "initiator": {"name": "Ilze Kalniņa"},
    "actor": {"name": "Ona Žukauskienė", "reason": "The amount is not what we agreed.", "self": False},
    "failure": {"event": "TASK_STARTED", "role": "SIGNER", "audit": None},
    "dueDate": "2026-03-05T15:00:00Z",
    "personalComment": "Please look at clause 7.",
    "link": _LINK,
    "tasks": [
        {
            "name": "Nomas līgums",
            "initiator": "Ilze Kalniņa",
            "dueDate": "2026-03-05T15:00:00Z",
            "comment": None,
            "link": _LINK,
        },
        {"name": "Sutartis", "initiator": None, "dueDate": None, "comment": None, "link": _LINK},
    ],
    "waiting": "Jānis Bērziņš, Ona Žukauskienė",
}
"""Much of everything; `EMPTY` is nothing of anything. A text must do with both."""

EMPTY = VARIABLES
