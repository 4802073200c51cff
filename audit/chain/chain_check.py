"""Checks one chain, event by event: positions, MACs, digests, and personal values against their commitments."""

from dataclasses import dataclass, field

from django.conf import settings

from audit.chain import form, keys
from audit.chain.append import event_bytes
from audit.chain.commitments import Tampered, Values, check_format, check_values
from audit.chain.models import CHAIN_START, AuditHead
from audit.chain.parts import ERASED, erasures
from audit.chain.verdict import Finding, Verdict
from audit.models import AuditEvent


@dataclass(slots=True)
class ChainCheck:
    """A chain that is followed from its first event. After the first finding, the rest of the chain is skipped."""

    process_id: str
    verdict: Verdict
    head: AuditHead | None
    broken: bool = False

    # The last event that was checked, and its position and digest.
    last: AuditEvent | None = None
    seq: int = 0
    digest: str = CHAIN_START

    # Once the current key was used, all later events have it.
    current_key_seen: bool = False
    # Values that are missing, with their events, and values whose erasure the chain records.
    missing: dict[tuple[int, str], AuditEvent] = field(default_factory=dict)
    erased: set[tuple[int, str]] = field(default_factory=set)

    def follow(self, event: AuditEvent, values: Values) -> None:
        """Check the next event. The owner of the database may have written anything into its columns."""
        if self.broken:
            return
        seq = event.seq or 0
        if seq > self.seq + 1:
            self._add(None, f"is missing: the next event is event {seq} (number {event.number})")
            return
        try:
            if seq <= self.seq:
                raise Tampered("has the same position as another event")
            check_format(event.commitments, values)
            canonical = self._authenticate(event)
            # The MAC covers `prev`: not this event was changed, but the previous one was replaced.
            if event.prev != self.digest:
                self._add(self.last, f"does not match the digest in event {seq}")
                return
            check_values(event.commitments, values)
        except Tampered as tampered:
            self._add(event, str(tampered))
        else:
            self._advance(event, values, form.digest(canonical))

    def end(self) -> None:
        """Compare the end of the chain with its head, and the missing values with the recorded erasures."""
        if self.broken:
            return
        if self.head is None or self.head.seq < self.seq:
            self._add(self.last, "was added after the end of the chain")
        elif self.head.seq > self.seq:
            self._add(None, f"is missing: the chain must end with event {self.head.seq}")
        elif self.head.digest != self.digest:
            self._add(self.last, "does not match the digest in the chain's head")
        for (number, part), event in self.missing.items():
            if (number, part) not in self.erased:
                self._add(event, missing_value(part))
                return

    def _authenticate(self, event: AuditEvent) -> bytes:
        """The event's canonical form, if its MAC is right."""
        try:
            canonical = event_bytes(event)
        except (TypeError, ValueError):
            raise Tampered("has values that the service never writes") from None
        if event.key_id in settings.AUDIT_KEYS:
            if keys.mac(canonical, key_id=event.key_id) != event.mac:
                raise Tampered("was changed or forged (its MAC is invalid)")
        elif self.current_key_seen:
            raise Tampered(f"has an unknown key '{event.key_id}'")
        else:
            # Probably an old key that is no longer configured.
            self.verdict.unknown_keys.add(event.key_id)
        if event.key_id == keys.current():
            self.current_key_seen = True
        return canonical

    def _advance(self, event: AuditEvent, values: Values, digest: str) -> None:
        self.last = event
        self.seq += 1
        self.digest = digest
        for part in event.commitments.keys() - values.keys():
            self.missing[event.number, part] = event
        if ERASED in values:
            self.erased.update(erasures({ERASED: values[ERASED][1]}))

    def _add(self, event: AuditEvent | None, what: str) -> None:
        """Add a finding about an event, or about the next event if that is missing."""
        self.broken = True
        if event is None:
            self.verdict.add(Finding(self.process_id, self.seq + 1, None, "", what))
        else:
            self.verdict.add(Finding(event.process_id, event.seq, event.number, event.event_type, what))


def missing_value(part: str) -> str:
    return f"is missing its value '{part}' without a recorded erasure"
