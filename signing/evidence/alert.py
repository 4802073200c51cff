"""Verifies the audit trail as a scheduled job, and notifies the administrators if it is not intact."""

from datetime import datetime

from django.db import transaction

from audit.chain.verdict import Verdict
from audit.log import Event, record
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications import failures
from signing.evidence.verdict import verdict


def verify_and_alert(*, at: datetime) -> Verdict:
    """Verify everything. A trail that is not intact, or could not be verified, is a FAILURE event and an email."""
    try:
        result = verdict(at=at)
    except Exception as exc:  # noqa: BLE001 (an administrator has to look, whatever went wrong)
        result = Verdict(could_not=[f"the verification itself failed: {type(exc).__name__}"])
    problems = "; ".join(result.unchecked)
    if result.findings:
        problems = str(result.findings[0])
    if problems:
        text = f"{problems}."
        note = f"The audit trail is not intact, or could not be verified: {text}"
        with transaction.atomic():
            record([Event(EventType.FAILURE, note=note)], actor=SERVICE, at=at)
            failures.notify_administrators("audit", {"audit": text}, at=at)
    return result
