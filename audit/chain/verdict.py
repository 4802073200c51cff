"""The result of checking the audit trail."""

from bisect import insort
from dataclasses import dataclass, field

MAX_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was tampered with: the event, and what is wrong with it.

    `seq` is the event's position in the chain of the process, None for a pending event; `number` is None if the event
    is missing. `process_id` is empty for events without a process, and None if the finding is about a checkpoint or
    the database.
    """

    process_id: str | None
    seq: int | None
    number: int | None
    event_type: str
    what: str

    def __str__(self) -> str:
        if self.process_id is None:
            return self.what
        chain = f"process {self.process_id}" if self.process_id else "events without a process"
        event = f"event {self.seq}" if self.seq else "pending event"
        if self.number:
            event += f" (number {self.number}, {self.event_type})"
        return f"{chain}, {event} {self.what}"


@dataclass(slots=True)
class Verdict:
    """How much was checked, and what is wrong.

    `wrong` counts all findings, including those that are not in the list. `waiting` counts the pending events,
    `could_not` lists what could not be checked, `notes` what else an administrator should look at.
    """

    events: int = 0
    waiting: int = 0
    checkpoints: int = 0
    wrong: int = 0
    findings: list[Finding] = field(default_factory=list)
    unknown_keys: set[str] = field(default_factory=set)
    could_not: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Add a finding. Those with the lowest numbers come first; beyond `MAX_FINDINGS`, they are only counted."""
        self.wrong += 1
        insort(self.findings, finding, key=_order)
        del self.findings[MAX_FINDINGS:]

    def add_general(self, what: str) -> None:
        """Add a finding about a checkpoint or the database."""
        self.add(Finding(None, None, None, "", what))

    @property
    def whole(self) -> bool:
        """Whether no tampering was found. Look at `unchecked` as well."""
        return not self.wrong

    @property
    def unchecked(self) -> list[str]:
        """Why the audit trail cannot be called intact, even if no tampering was found."""
        return [f"the key '{key}' is not configured" for key in sorted(self.unknown_keys)] + self.could_not


def _order(finding: Finding) -> tuple[bool, bool, int]:
    return finding.process_id is None, finding.number is None, finding.number or 0
