"""Looks at the whole trail now and then, and tells administrators what is wrong with it."""

from datetime import datetime

from django.db import transaction

from audit.chain.verdict import Verdict
from audit.chain.verify import verify
from audit.log import Event, record
from config.access.actor import SERVICE
from config.vocabulary import EventType
from notifications import failures


def watch(*, at: datetime) -> Verdict:
    """Verify everything; what is not whole, or could not be checked, is an event and a mail."""
    try:
        verdict = verify(at=at)
    except Exception as exc:  # noqa: BLE001 (whatever it is, somebody has to look)
        verdict = Verdict(could_not=[f"the check itself broke off: {type(exc).__name__}"])
    wrong = [f"{finding}." for finding in verdict.findings[:1]] or verdict.unchecked
    if wrong:
        with transaction.atomic():
            said = " ".join(wrong)
            record(
                [Event(EventType.FAILURE, note=f"The trail is not whole, or was not checked: {said}")],
                actor=SERVICE,
                at=at,
            )
            failures.notify_administrators("audit", {"audit": said}, at=at)
    return verdict
