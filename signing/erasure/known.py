"""By what else a person is known here who is asked for by a personal code or a mail address."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.db.models import F

from config.errors import DomainError
from config.text import person_key, plain
from contacts.models import Contact
from signing.erasure import told
from signing.erasure.people import Person
from signing.models import Process, Signer

_BY = ("name", "country", "personal_code", "email")


class NotNamed(DomainError):
    code = "not_named"
    status = 400
    detail = "Name a person by country and personal code, or by a mail address."


def known_as(*, country: str = "", code: str = "", address: str = "") -> Person:
    """The person with what else is known of it: a code's addresses, an address's code, as far as they are nobody
    else's. `NotNamed` unless one of both is given."""
    key, asked = person_key(country, code), address.strip().casefold()
    if bool(key) == bool(asked) or (asked and "@" not in asked):
        raise NotNamed
    sought = Person(frozenset({key} - {""}), frozenset({asked} - {""}))
    now = list(_present(sought))
    rows = [*now, *told.descriptions(sought), *Contact.history.filter(sought.contacts).values(*_BY)]
    names = frozenset(row["name"] for row in rows if row.get("name"))
    if key:
        addresses = {row["email"].strip().casefold() for row in rows if row.get("email")}
        own = frozenset(a for a in addresses if not _others_at(a, key=key, names=names))
        return Person(frozenset({key}), own, names)
    keys = frozenset(map(_key, rows)) - {""}
    alone = len(keys) <= 1 and len({plain(row["name"]) for row in now if row["name"]}) <= 1
    return Person(keys if alone else frozenset(), frozenset({asked}), names if alone else frozenset())


def _others_at(address: str, *, key: str, names: frozenset[str]) -> bool:
    """Whether somebody else is or was reached there, too: another code, or no code and another name."""
    own = {plain(name) for name in names}
    there = Person(addresses=frozenset({address}))
    rows: Iterable[dict[str, Any]] = [*_present(there), *told.descriptions(there)]
    return any(_key(row) != key if _key(row) else plain(row.get("name")) not in {*own, ""} for row in rows)


def _present(person: Person) -> Iterator[dict[str, Any]]:
    yield from Signer.objects.filter(person.signers).values(*_BY)
    yield from Contact.objects.filter(person.contacts).values(*_BY)
    begun = Process.objects.filter(initiator_email_plain__in=map(plain, person.addresses))
    yield from map(dict, begun.values(name=F("initiator_name"), email=F("initiator_email")).distinct())


def _key(row: dict[str, Any]) -> str:
    return person_key(row.get("country"), row.get("personal_code"))
