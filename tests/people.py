"""The cast of the tests: fixed names, email addresses and personal codes."""

from typing import Any

ANA, BEN, CLEO, DAN, EVE = "Ana", "Ben", "Cleo", "Dan", "Eve"
CODES = {ANA: "010190-12345", BEN: "020280-22222", CLEO: "030370-33333", DAN: "040460-44444", EVE: "050550-55555"}
ILZE = "ilze"


def address(name: str) -> str:
    return f"{name.lower()}@example.org"


SECRETS = (
    *CODES.values(),
    *(code.replace("-", "") for code in CODES.values()),
    *(f"{name.lower()}@example.org" for name in (*CODES, ILZE)),
)
"""Values that may be in rows and responses only: not in logs, problem bodies, the broker or the admin log."""


def signer(name: str, role: str = "SIGNER", **changes: Any) -> dict[str, Any]:
    """The JSON of a signer."""
    return {
        "signerName": name,
        "signerCountry": "LV",
        "signerPersonalCode": CODES[name],
        "signerEmail": address(name),
        "signerRole": role,
    } | changes


def body(steps: list[list[Any]], **changes: Any) -> dict[str, Any]:
    """The JSON of a process. Each step is a list of names or of signers."""
    rows = [[signer(s) if isinstance(s, str) else s for s in step] for step in steps]
    return {
        "documentId": "DOC-1",
        "documentName": "Contract",
        "initiatorName": "Ilze Kalniņa",
        "processInitiatorEmail": address(ILZE),
        "signingProcessSteps": [{"processStepSigners": row} for row in rows],
    } | changes


# The paths of all lists of the API.
LISTS = (
    "processes",
    "signer-tasks",
    "contacts",
    "templates",
    "document-profiles",
    "document-attributes",
    "audit-events",
)
