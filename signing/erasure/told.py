"""What the trail tells of a person: which values of which events are of it, when a row of a process or a contact may
have been somebody else before and after."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from typing import Any

from django.db.models import Q

from audit.chain import parts
from audit.models import AuditEvent, AuditValue
from contacts.models import Contact
from signing.erasure.people import Person

Part = tuple[int, str]
"""A value in the trail: the number of its event, and its part."""

Who = dict[str, Any]
"""How somebody is described, as far as it is known: name, country, personal_code, email."""

Line = tuple[int, Any, bool]
"""A line of a contact's history: its number, its moment, and whether it is the person's."""

_DESCRIBES = {
    "signerName": "name",
    "signerCountry": "country",
    "signerPersonalCode": "personal_code",
    "signerEmail": "email",
}
_BY_WHOM = ("creator", "reportedBy", parts.ERASED)
"""Who did something stays, also where that was about the person."""

_VERBS = ("add", "change", "delete")


def chains(person: Person, signers: Set[str] = frozenset()) -> set[str]:
    """The chains of processes, also of those that are gone, in which something names the person or is about these."""
    of_processes = AuditValue.objects.exclude(part=parts.ERASED).exclude(event__process_id="")
    may = of_processes.filter(person.hinted("value") | Q(event__signer_id__in=signers))
    rows = may.values_list("event__process_id", "event__signer_id", "value").iterator()
    return {chain for chain, signer, value in rows if signer in signers or person.is_named_in(value)}


def descriptions(person: Person) -> list[Who]:
    """How the trail describes signers who were that person."""
    rows = [row for chain in chains(person) for row in _signers(_events(chain)).values()]
    return [who for row in rows for *_, who in row if person.is_described_by(who)]


def in_chain(chain: str, person: Person, signers: Set[str]) -> list[Part]:
    """The values of one process that are of the person: of its own rows while they were its own, and whatever names
    it. `signers` are the rows that are the person now."""
    events = _events(chain)
    own: set[Part] = set()
    for signer, row in _signers(events).items():
        flags = settled([person.is_described_by(who) for *_, who in row], otherwise=signer in signers)
        own |= {(number, part) for (number, part, _), theirs in zip(row, flags, strict=True) if theirs}
    return [
        (event.number, part)
        for event in events
        for part, value in sorted(event.personal_values.items())
        if part != parts.ERASED and ((event.number, part) in own or _names(person, part, value))
    ]


def in_journal(person: Person) -> set[Part]:
    """The values of no process that name the person, and all that is told of accounts of which one does."""
    kept = AuditValue.objects.filter(event__process_id="").exclude(part=parts.ERASED).filter(person.hinted("value"))
    rows = kept.values_list("event_id", "part", "event__method", "value").iterator()
    named = [(number, part, method) for number, part, method, value in rows if person.is_named_in(value)]
    users = {method.partition(" ")[2] for *_, method in named if " access.user " in method}
    return {(number, part) for number, part, _ in named} | set(of_rows(users))


def of_rows(rows: Iterable[str]) -> Iterator[Part]:
    """What events tell of rows that are set up in the back office, each by its kind and key as events name it."""
    methods = [f"{verb} {row}" for row in rows for verb in _VERBS]
    told = AuditValue.objects.filter(event__process_id="", event__method__in=methods, part__in=parts.CHANGES)
    yield from told.values_list("event_id", "part")


def contact_lines(person: Person, contacts: Iterable[Any]) -> dict[Any, list[Line]]:
    """Of each contact that is or was the person, its history. Of those that are it now all lines are the person's."""
    now = set(contacts)
    matching = dict(Contact.history.filter(person.contacts).values_list("history_id", "id"))
    lines = Contact.history.filter(id__in=now.union(matching.values())).order_by("history_id")
    found: dict[Any, list[tuple[int, Any, bool | None]]] = defaultdict(list)
    for pk, line, at, code, address in lines.values_list("id", "history_id", "history_date", "code_key", "email_plain"):
        theirs = True if pk in now or line in matching else (False if code or address else None)
        found[pk].append((line, at, theirs))
    return {
        pk: [(line, at, theirs) for (line, at, _), theirs in zip(row, settled([t for *_, t in row]), strict=True)]
        for pk, row in found.items()
    }


def of_contacts(lines: Mapping[Any, list[Line]]) -> Iterator[Part]:
    """What events tell of the person as a contact: an event has the moment of its line in the contact's history, and
    tells before what the line before it says."""
    sought = set()
    for pk, history in lines.items():
        before = False
        for _, at, theirs in history:
            sought |= {(str(pk), at, "before")} if before else set()
            sought |= {(str(pk), at, "after")} if theirs else set()
            before = theirs
    told = AuditValue.objects.filter(event__process_id="", event__created_at__in={at for _, at, _ in sought})
    for method, at, number, part in told.values_list("event__method", "event__created_at", "event_id", "part"):
        if (method.rpartition(" ")[2], at, part) in sought:
            yield number, part


def settled(flags: Sequence[bool | None], *, otherwise: bool = False) -> list[bool]:
    """Whose each of these is, one after another: what is not known goes with what comes after it, or else before."""
    last = next((flag for flag in reversed(flags) if flag is not None), otherwise)
    done = []
    for flag in reversed(flags):
        last = last if flag is None else flag
        done.append(last)
    return done[::-1]


def about(parts: Iterable[Part]) -> dict[int, str]:
    """Which signer each event of these is about, by its number."""
    numbers = {number for number, _ in parts}
    return dict(AuditEvent.objects.filter(number__in=numbers).values_list("number", "signer_id"))


def _events(chain: str) -> list[AuditEvent]:
    return list(AuditEvent.objects.of_process(chain).in_order())


def _signers(events: Iterable[AuditEvent]) -> dict[str, list[tuple[int, str, Who]]]:
    """Of each signer what is told of it, in order, with how it is described at that point."""
    known: dict[str, Who] = defaultdict(dict)
    told: dict[str, list[tuple[int, str, Who]]] = defaultdict(list)
    for event in events:
        for part in sorted(event.personal_values, key=_in_order):
            signer = parts.signer_of(part) or ("" if part in _BY_WHOM else event.signer_id)
            if not signer:
                continue
            if part.partition(" ")[0] in parts.CHANGES:
                said = parts.change(part.partition(" ")[0], {part: event.personal_values[part]}) or {}
                names = {path.rpartition("/")[2]: value for path, value in said.items()}
                known[signer] |= {_DESCRIBES[name]: value for name, value in names.items() if name in _DESCRIBES}
            told[signer].append((event.number, part, dict(known[signer])))
    return told


def _in_order(part: str) -> int:
    """What was so before, what is so now, and what else an event says, which is of who it is now."""
    name = part.partition(" ")[0]
    return parts.CHANGES.index(name) if name in parts.CHANGES else len(parts.CHANGES)


def _names(person: Person, part: str, value: str) -> bool:
    """Whether a value names the person; what a signer is called names that signer, and nobody else of that name."""
    if person.is_named_in(value):
        return True
    if not parts.signer_of(part):
        return person.is_named_in(value, names=True)
    said = parts.change(part.partition(" ")[0], {part: value}) or {}
    return person.is_named_in({path: v for path, v in said.items() if not path.endswith("signerName")}, names=True)
