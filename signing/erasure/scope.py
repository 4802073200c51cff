"""What one erasure may change: found once for a preview, and again under the locks of the erasure itself."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from django.db.models import QuerySet
from django.db.models.functions import Lower

from config.access.models import User
from config.addresses import address_key
from config.api_values import JsonObject, is_id
from config.vocabulary import ProcessStatus
from contacts.models import Contact
from notifications.models import NOT_YET, Message
from signing import flow
from signing.erasure.person import Person
from signing.erasure.trail import Pair, ProcessTrail, search_trail
from signing.models import Process, Signer


@dataclass(frozen=True, slots=True)
class ErasureScope:
    """`process_ids` are finished or deleted processes with the person as a signer or the initiator, as texts.

    `kept` are the processes that must not be changed yet, with the reason. `values` are the person's values in the
    trail by process, those of no process under an empty id; `remaining` is what is left of each process that exists.
    """

    person: Person
    process_ids: frozenset[str]
    kept: dict[str, str]
    contact_ids: frozenset[UUID]
    values: dict[str, list[Pair]]
    remaining: dict[str, JsonObject]

    def addressed_messages(self) -> QuerySet[Message]:
        """Emails to the person's addresses, except for those of processes that are kept."""
        messages = Message.objects.annotate(lowercase_address=Lower("address"))
        return messages.filter(lowercase_address__in=self.person.addresses).exclude(process_id__in=self.kept)

    def lock(self) -> frozenset[str]:
        """Lock the rows, processes first as in all actions; returns the ids of the locked processes."""
        processes = Process.objects.select_for_update().filter(pk__in=filter(is_id, self.values)).order_by("pk")
        locked = frozenset(str(process.pk) for process in processes)
        list(Contact.objects.select_for_update().filter(pk__in=self.contact_ids).order_by("pk"))
        return locked

    def postponed(self) -> list[str]:
        """What can be erased later, with the reasons."""
        reasons = [f"process {process_id} {reason}" for process_id, reason in sorted(self.kept.items())]
        unsent = self.addressed_messages().filter(status__in=NOT_YET).count()
        if unsent:
            reasons.append(f"emails that have not been sent yet: {unsent}")
        return reasons

    def accounts(self) -> list[str]:
        """The person's accounts. Administrators delete them, and decide about what they own."""
        return [
            f"user {user.pk}: the person's account, which can be deleted under Users"
            for user in User.objects.exclude(email="", personal_code="").order_by("pk")
            if address_key(user.email) in self.person.addresses or user.person in self.person.keys
        ]


def find_scope(person: Person, *, locked: Collection[str] | None = None) -> ErasureScope:
    """All that concerns the person. If `locked` is given, all other processes are kept."""
    # Rows describe the person now. The trail also names deleted processes, and people whom rows described before.
    contacts = Contact.history.filter(person.contacts_filter())
    contact_ids = frozenset(contacts.order_by().values_list("id", flat=True))
    signed = Signer.objects.filter(person.signers_filter()).values_list("process_id", flat=True)
    initiated = Process.objects.filter(person.initiators_filter()).values_list("pk", flat=True)
    in_rows = set(map(str, [*signed, *initiated]))
    in_trail, other_values = search_trail(person, contact_ids=contact_ids)
    trails = {process_id: ProcessTrail(process_id, person) for process_id in in_rows | in_trail}
    process_ids = {process_id for process_id, trail in trails.items() if trail.names_person or process_id in in_rows}

    # Processes that still need their data are kept, also those in which a client has only reported the person's code.
    reported = set(filter(is_id, other_values))
    processes = {str(pk): process for pk, process in Process.objects.in_bulk(process_ids | reported).items()}
    kept = _reasons_to_keep(processes, locked)
    process_ids -= kept.keys()
    pairs = {process_id: trails[process_id].pairs for process_id in process_ids}
    chains = {"", *process_ids, *other_values} - kept.keys()
    values = {chain: sorted({*pairs.get(chain, ()), *other_values.get(chain, ())}) for chain in chains}

    # A deleted process has no rows to compare with the trail: nothing of it is stated again.
    remaining = {process_id: trails[process_id].remaining() for process_id in process_ids & processes.keys()}
    remaining = {process_id: paths for process_id, paths in remaining.items() if paths}
    return ErasureScope(person, frozenset(process_ids), kept, contact_ids, values, remaining)


def _reasons_to_keep(processes: dict[str, Process], locked: Collection[str] | None) -> dict[str, str]:
    waiting = Message.objects.filter(process_id__in=processes, status__in=NOT_YET)
    unsent = set(map(str, waiting.values_list("process_id", flat=True)))
    reasons = {}
    for process_id, process in processes.items():
        if process.hold:
            reasons[process_id] = f"is on hold ({process.hold})"
        elif process.status not in flow.FINAL:
            reasons[process_id] = f"is {ProcessStatus(process.status)}"
        elif process_id in unsent:
            reasons[process_id] = "has emails that have not been sent yet"
        elif locked is not None and process_id not in locked:
            reasons[process_id] = "was changed during the erasure"
    return reasons
