"""What a check of the trail found."""

from dataclasses import dataclass, field

MOST_FINDINGS = 100


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it was written: which event of which process (by its place in the chain, and its number
    where it is there), and what is wrong. A checkpoint's finding names no process."""

    process_id: str | None
    seq: int | None
    number: int | None
    event_type: str
    what: str

    def __str__(self) -> str:
        if self.process_id is None:
            return self.what
        chain = f"process {self.process_id}" if self.process_id else "the journal"
        place = f"event {self.seq}" if self.seq else "an event without a place"
        known = f" (number {self.number}, {self.event_type})" if self.number else ""
        return f"{chain}, {place}{known} {self.what}"


@dataclass(slots=True)
class Verdict:
    """How much was looked at and what is wrong; `could_not` is what could not be checked, `notes` what to look at."""

    events: int = 0
    waiting: int = 0
    checkpoints: int = 0
    wrong: int = 0
    findings: list[Finding] = field(default_factory=list)
    unknown_keys: set[str] = field(default_factory=set)
    could_not: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, finding: Finding) -> None:
        """Keep a finding, or only count it when there are many; those with the lowest numbers come first."""
        self.wrong += 1
        if len(self.findings) < MOST_FINDINGS:
            self.findings.append(finding)
            self.findings.sort(key=lambda f: (f.process_id is None, f.number is None, f.number or 0))

    @property
    def whole(self) -> bool:
        return not self.wrong

    @property
    def unchecked(self) -> list[str]:
        """Why it cannot be said that all is whole, though nothing wrong was found."""
        return [f"the key '{key}' is none of those that are set" for key in sorted(self.unknown_keys)] + self.could_not
