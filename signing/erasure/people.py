"""Who is to be erased: by a personal code or a mail address, and by what else that person is known here."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q

from config.errors import DomainError
from config.text import code_key, person_key, plain
from contacts.models import Contact
from signing.models import Signer


class NobodyFound(DomainError):
    """Nothing here is of that person."""

    code = "nobody_found"
    status = 404
    detail = "Nothing is kept of that person; nothing was changed."


class NotNamed(DomainError):
    code = "not_named"
    status = 400
    detail = "Name a person by country and personal code, or by a mail address."


@dataclass(frozen=True, slots=True)
class Person:
    """What a person is known by: keys of codes (`lv:01019012345`), addresses in small letters, and as written.

    `words` are the codes and addresses as they stand in texts; `names` are looked for only where this person took part.
    """

    keys: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    words: frozenset[str] = frozenset()
    names: frozenset[str] = field(default=frozenset())

    @property
    def signers(self) -> Q:
        return Q(person_key__in=self.keys) | Q(email_plain__in=map(plain, self.addresses))

    @property
    def contacts(self) -> Q:
        found = Q(email_plain__in=map(plain, self.addresses))
        for key in self.keys:
            country, _, code = key.partition(":")
            found |= Q(country__iexact=country, code_key=code)
        return found

    def is_named_in(self, text: str | None, *, names: bool = False) -> bool:
        """Whether a code or an address of this person, or with `names` a name, stands in a text."""
        folded = (text or "").casefold()
        return any(word.casefold() in folded for word in (self.words | self.names if names else self.words))


def known_as(*, country: str = "", code: str = "", address: str = "") -> Person:
    """The person with what else is known of it: a code's addresses, an address's codes, as far as they are nobody
    else's. `NotNamed` unless one of both is given."""
    key = person_key(country, code)
    if bool(key) == bool(address):
        raise NotNamed
    person = Person(
        keys=frozenset({key} - {""}),
        addresses=frozenset({address.strip().casefold()} - {""}),
    )
    rows = [*_rows(Signer.objects.filter(person.signers)), *_rows(Contact.objects.filter(person.contacts))]
    keys = person.keys | {person_key(row["country"], row["personal_code"]) for row in rows}
    addresses = person.addresses | {(row["email"] or "").casefold() for row in rows}
    keys, addresses = keys - {""}, addresses - {""}
    if address and len(keys) > 1:
        keys = frozenset()  # several people share this address: none of them is meant by it
    if key:
        addresses = frozenset(a for a in addresses if _keys_of(a) <= {key})
    written = {row["personal_code"] for row in rows if person_key(row["country"], row["personal_code"]) in keys}
    codes = {word for key in keys for word in (key.partition(":")[2],)} | written
    return Person(
        keys=frozenset(keys),
        addresses=frozenset(addresses),
        words=frozenset(word for word in (*codes, *addresses, code.strip()) if word and len(code_key(word)) > 3),
        names=frozenset(row["name"] for row in rows if row["name"] and len(row["name"]) > 3),
    )


def _keys_of(address: str) -> set[str]:
    """Whose address this is, as far as codes tell."""
    signers = Signer.objects.filter(email_plain=plain(address))
    contacts = Contact.objects.filter(email_plain=plain(address))
    keys = {person_key(row["country"], row["personal_code"]) for row in (*_rows(signers), *_rows(contacts))}
    return keys - {""}


def _rows(found: Any) -> Iterable[dict[str, Any]]:
    rows: Iterable[dict[str, Any]] = found.values("name", "country", "personal_code", "email")
    return rows
