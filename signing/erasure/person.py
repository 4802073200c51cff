"""The person whose data is erased: how an operator names one, and which identities belong to this person.

Only identity columns are compared: country with personal code, and email address.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from django.db.models import Q, Value

from config.addresses import address_key
from config.errors import DomainError
from config.personal_codes import person_key
from config.text import plain
from contacts.models import Contact
from signing.models import Process, Signer


class PersonNotNamed(DomainError):
    code = "not_named"
    status = 400
    detail = "A person must be named by country and personal code, or by email address."


@dataclass(frozen=True)
class Person:
    """The person keys (`lv:01019012345`) of one person, and the email addresses as `address_key` writes them."""

    keys: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()

    @cached_property
    def codes(self) -> frozenset[str]:
        """The personal codes as `config.personal_codes.code_key` writes them."""
        return frozenset(key.partition(":")[2] for key in self.keys)

    def signers_filter(self) -> Q:
        return Q(person_key__in=self.keys) | Q(email_key__in=self.addresses)

    def initiators_filter(self) -> Q:
        return Q(initiator_email_key__in=self.addresses)

    def contacts_filter(self) -> Q:
        """Contacts, or lines of their history."""
        matching = Q(email_key__in=self.addresses)
        for key in self.keys:
            country, _, code = key.partition(":")
            matching |= Q(country__iexact=country, code_key=code)
        return matching

    def matches(self, *, country: str | None = "", personal_code: str | None = "", email: str | None = "") -> bool:
        """Whether an identity is the person's. Another code at the same address is another person."""
        key = person_key(country, personal_code)
        if key and self.keys:
            return key in self.keys
        return address_key(email) in self.addresses


def find_person(*, country: str = "", code: str = "", address: str = "") -> Person:
    """The person with this code or address, and the addresses or the code that are stored with it.

    An address and a code are taken together only if no other person uses the address. `PersonNotNamed` unless
    exactly one of the two is given.
    """
    key = person_key(country, code)
    address = address_key(address.strip())
    if bool(key) == bool(address) or (address and "@" not in address):
        raise PersonNotNamed
    if key:
        addresses = {address for _, address, _ in _identities(Person(frozenset({key})))} - {""}
        return Person(frozenset({key}), frozenset(other for other in addresses if _is_only_user(key, other)))
    keys = {key for key, _, _ in _identities(Person(addresses=frozenset({address})))} - {""}
    return Person(frozenset(key for key in keys if _is_only_user(key, address)), frozenset({address}))


def _is_only_user(key: str, address: str) -> bool:
    """Whether all rows with the address have this code, or no code and a name that is used with the code."""
    names = {name for _, _, name in _identities(Person(frozenset({key})))} | {""}
    users = _identities(Person(addresses=frozenset({address})))
    return all(user_key == key or (not user_key and name in names) for user_key, _, name in users)


def _identities(person: Person) -> set[tuple[str, str, str]]:
    """The key, address and plain name of all signers, contacts and initiators that match the person."""
    columns = ("country", "personal_code", "email", "name")
    signers = Signer.objects.filter(person.signers_filter()).values_list(*columns)
    contacts = Contact.objects.filter(person.contacts_filter()).values_list(*columns)
    initiators = Process.objects.filter(person.initiators_filter()).values_list(
        Value(""), Value(""), "initiator_email", "initiator_name"
    )
    return {
        (person_key(country, code), address_key(email), plain(name))
        for country, code, email, name in chain(signers, contacts, initiators)
    }
