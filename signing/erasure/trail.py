"""Which values of the audit trail are a person's data, and what an erasure leaves of a process.

Both are read from the events alone: rows may have been forged, and an erasure must not make a forged row look genuine.
The names of those who caused an event (`creator`, `reportedBy`) are never erased.
"""

from collections import defaultdict
from collections.abc import Iterable
from itertools import product
from typing import Any
from uuid import UUID

from django.db.models import Expression, Q, TextField, Value
from django.db.models.functions import Lower, Replace

from audit.chain import form, parts
from audit.models import AuditEvent, AuditValue
from config.addresses import address_key
from config.api_values import JsonObject, is_id
from config.personal_codes import is_code
from contacts.models import Contact
from signing.erasure.person import Person
from signing.evidence.replay import replay

Pair = tuple[int, str]
"""A value in the trail: the number of its event and the name of its part."""

_WRITER_PARTS = frozenset({"creator", "reportedBy", parts.ERASED})
_FREE_TEXT = frozenset({"comment", "signerComment", "commentForSigner", "hold"})
# The fields of signers, initiators, contacts and accounts that identify a person, by the arguments of `Person.matches`.
_IDENTITY = {
    **dict.fromkeys(("signerCountry", "country"), "country"),
    **dict.fromkeys(("signerPersonalCode", "personalCode", "personal_code"), "personal_code"),
    **dict.fromkeys(("signerEmail", "processInitiatorEmail", "email"), "email"),
}
_CODE_END = 4
_PERSONAL = frozenset({"signerName", "initiatorName", *_IDENTITY})


def without_texts(attributes: JsonObject | None) -> JsonObject | None:
    """A document's attributes with every text null."""
    if attributes is None:
        return None
    return attributes | dict.fromkeys(name for name, value in attributes.items() if isinstance(value, str))


def _normalized(column: str) -> Expression:
    """A text column in lowercase, without spaces and hyphens."""
    without_spaces = Replace(Lower(column), Value(" "), output_field=TextField())
    return Replace(without_spaces, Value("-"), output_field=TextField())


class ProcessTrail:
    """The trail of one process, read for one person.

    `pairs` are the values to erase. `names_person`: a signer or the initiator is or was the person. Values belong to
    groups: `signers/<id>`, or an empty name for the process with its initiator. A row may describe one person after
    another; its values are the person's while its identity matched.
    """

    def __init__(self, process_id: str, person: Person) -> None:
        events = list(AuditEvent.objects.of_process(process_id).in_order())
        self.pairs: list[Pair] = []
        self.names_person = False
        self._person = person
        self._erased_groups: set[str] = set()
        self._values: dict[str, JsonObject] = defaultdict(dict)
        as_written = filter(_is_as_written, events)
        for path, value in replay(as_written).values.items():
            self._values[parts.group(path)][path] = value

        # Follow each group through the events.
        identities: dict[str, dict[str, str]] = defaultdict(dict)
        for event in events:
            for part in sorted(event.personal_values.keys() - _WRITER_PARTS, key=_reading_order):
                group = _group(event, part)
                values = _changed_values(part, event.personal_values[part])

                # Whose values are these?
                if part.startswith("after"):
                    identities[group] |= _identity(values)
                is_person = self._is_person(group, identities[group])
                self.names_person |= is_person

                # All data of the signer, and free text of all signers. The note of an erasure is a fixed text.
                is_note = part == "note" and parts.ERASED not in event.personal_values
                is_changed = _redacted_values(values, is_person=is_person) != values
                if is_note or is_changed or (is_person and group):
                    self.pairs.append((event.number, part))
                    if part.startswith(parts.CHANGES):
                        self._erased_groups.add(group)

    def remaining(self) -> JsonObject:
        """The present values of the groups from which something is erased, without what is personal."""
        remaining = {}
        for group in self._erased_groups:
            values = self._values[group]
            remaining.update(_redacted_values(values, is_person=self._person.matches(**_identity(values))))
        return remaining

    def _is_person(self, group: str, identity: dict[str, str]) -> bool:
        present = _identity(self._values[group])
        # An identity without a code, and without another address, has only been completed since then.
        if not identity.get("personal_code") and identity.get("email") in (None, "", present.get("email")):
            identity = present
        return self._person.matches(**identity)


def search_trail(person: Person, *, contact_ids: Iterable[UUID]) -> tuple[set[str], dict[str, list[Pair]]]:
    """Processes whose changes may name the person, and the person's values outside of such changes, by process.

    Values of no process have an empty id. Changes of the contacts are taken to be the person's.
    """
    process_ids: set[str] = set()
    reported: set[int] = set()
    described: set[int] = set()
    rows = {f"{Contact._meta.label_lower} {contact_id}" for contact_id in contact_ids}
    for number, part, value, process_id, method in _values_containing(person):
        if part == "customerPersonalCode" and is_code(value, person.codes):
            reported.add(number)
        elif is_id(process_id) and _may_identify(person, _changed_values(part, value)):
            process_ids.add(process_id)
        elif not process_id and person.matches(**_identity(_changed_values(part, value))):
            described.add(number)
            rows.add(method.partition(" ")[2])

    # Other events of a contact or an account may state other fields of the same person.
    methods = [f"{verb} {row}" for verb, row in product(("add", "change", "delete"), rows)]
    changes = Q(event__in=described) | Q(event__process_id="", event__method__in=methods)
    reports = Q(event__in=reported, part__in=("customerPersonalCode", "ipAddress", "note"))
    values = AuditValue.objects.filter(Q(changes, part__in=parts.CHANGES) | reports)
    pairs = defaultdict(list)
    for process_id, number, part in values.values_list("event__process_id", "event_id", "part"):
        pairs[process_id].append((number, part))
    return process_ids, pairs


def _values_containing(person: Person) -> Iterable[tuple[int, str, str, str, str]]:
    """Candidates: number, part and value, with the process and the method of the event."""
    # The domain of an address, and all but the end of a code, may be written in several ways.
    local_parts = {address.rpartition("@")[0] for address in person.addresses}
    terms = [f"{local_part}@".replace("-", "").replace(" ", "") for local_part in local_parts]
    terms += [code[-_CODE_END:] for code in person.codes]
    condition = Q(*(("text__contains", term) for term in terms), _connector=Q.OR)
    values = AuditValue.objects.exclude(part__in=_WRITER_PARTS).annotate(text=_normalized("value")).filter(condition)
    return values.values_list("event_id", "part", "value", "event__process_id", "event__method").iterator()


def _may_identify(person: Person, values: JsonObject) -> bool:
    """Whether one of the values is a code or an address of the person."""
    identifiers = [(_IDENTITY.get(path.rpartition("/")[2]), value) for path, value in values.items()]
    return any(
        (kind == "personal_code" and is_code(value, person.codes))
        or (kind == "email" and address_key(value) in person.addresses)
        for kind, value in identifiers
        if isinstance(value, str)
    )


def _group(event: AuditEvent, part: str) -> str:
    signer_id = parts.signer_of(part) or event.signer_id
    return f"{parts.SIGNER_PREFIX}{signer_id}" if signer_id else ""


def _reading_order(part: str) -> tuple[bool, str]:
    """First `before`, which describes the previous person of a row, then `after`, then all other parts."""
    return not part.startswith("before"), part


def _changed_values(part: str, value: str) -> JsonObject:
    """The values by path, if the part belongs to a change."""
    if not part.startswith(parts.CHANGES):
        return {}
    # Anything but an object was not written by the service: the verification of the trail reports it.
    return parts.change(part.partition(" ")[0], {part: value}) or {}


def _identity(values: JsonObject) -> dict[str, str]:
    """The arguments of `Person.matches`, from values by path."""
    fields = {path.rpartition("/")[2]: value for path, value in values.items()}
    return {_IDENTITY[name]: value for name, value in fields.items() if name in _IDENTITY}


def _redacted_values(values: JsonObject, *, is_person: bool) -> JsonObject:
    return {path: _redacted(path, value, is_person=is_person) for path, value in values.items()}


def _redacted(path: str, value: Any, *, is_person: bool) -> Any:
    """The value as the redactors leave it in the row. `is_person`: the signer or the initiator is the person."""
    name = path.rpartition("/")[2]
    if name in _FREE_TEXT or (is_person and name in _PERSONAL):
        return None
    if name == "attributes":
        return without_texts(value)
    return value


def _is_as_written(event: AuditEvent) -> bool:
    """Whether its values fit the chain. An erasure that states a forged value again would make it genuine."""
    try:
        commitments = {value.part: form.commitment(value.salt, value.value) for value in event.values.all()}
        return commitments.items() <= event.commitments.items()
    except (AttributeError, ValueError):
        # The commitments are no object, or a salt is no hexadecimal number.
        return False
