"""Who is to be erased: by a personal code or a mail address, and by what else that person is known here."""

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from django.db.models import Q

from config.errors import DomainError
from config.text import person_key, plain
from contacts.models import Contact
from signing.models import Signer

_ENDING = 4
"""So many of a code's last letters stand together however it is written: hyphens and spaces come before them."""

_PLAIN_RUN = re.compile(r"[a-z0-9]+")
"""What stands in an address as it is, however a text is written: JSON may write other letters in their numbers."""

_BETWEEN, _SPACES = r"[-\s]?", r"\s+"
_AS_CODE, _AS_NAME = r"(?<![^\W_]){}(?![^\W_])", r"(?<!\w){}(?!\w)"
_AS_ADDRESS = r"(?<![\w.+-]){}(?![\w-]|\.\w)"


_KNOWN_BY = ("name", "country", "personal_code", "email")


class NobodyFound(DomainError):
    """Nothing here is of that person."""

    code = "nobody_found"
    status = 404
    detail = "Nothing is kept of that person; nothing was changed."


class NotNamed(DomainError):
    code = "not_named"
    status = 400
    detail = "Name a person by country and personal code, or by a mail address."


@dataclass(frozen=True)
class Person:
    """What a person is known by: keys of codes (`lv:01019012345`), addresses in small letters, names as written."""

    keys: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

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

    @cached_property
    def hints(self) -> frozenset[str]:
        """What stands in every text that holds a code or an address; not every text that holds it names the person."""
        return frozenset({*map(_hint, self.addresses), *(code[-_ENDING:] for code in self._codes)})

    def is_named_in(self, said: Any, *, names: bool = False) -> bool:
        """Whether a code or an address of this person, or with `names` a full name, stands in a text, or in one of
        those in JSON or in a text that is JSON: as a whole, and not as a part of another, whatever its case,
        diacritics, hyphens and spaces."""
        folded = map(plain, _texts(said))
        return any(self._words.search(text) or (names and self._full_names.search(text)) for text in folded)

    @property
    def _codes(self) -> list[str]:
        return [key.partition(":")[2] for key in self.keys]

    @cached_property
    def _words(self) -> re.Pattern[str]:
        codes = [_AS_CODE.format(_BETWEEN.join(map(re.escape, code))) for code in self._codes]
        return _any([*codes, *(_AS_ADDRESS.format(re.escape(plain(address))) for address in self.addresses)])

    @cached_property
    def _full_names(self) -> re.Pattern[str]:
        """Names of more than one word: of one word there are too many people."""
        full = [list(map(re.escape, plain(name).split())) for name in self.names]
        return _any([_AS_NAME.format(_SPACES.join(words)) for words in full if len(words) > 1])


def known_as(*, country: str = "", code: str = "", address: str = "") -> Person:
    """The person with what else is known of it: a code's addresses, an address's code, as far as they are nobody
    else's. `NotNamed` unless one of both is given."""
    key, asked = person_key(country, code), address.strip().casefold()
    if bool(key) == bool(asked) or (asked and "@" not in asked):
        raise NotNamed
    sought = Person(frozenset({key} - {""}), frozenset({asked} - {""}))
    now = _rows(sought)
    rows = [*now, *Contact.history.filter(sought.contacts).values(*_KNOWN_BY)]
    names = frozenset(row["name"] for row in rows if row["name"])
    if key:
        addresses = {row["email"].strip().casefold() for row in rows if row["email"]}
        own = frozenset(a for a in addresses if not _others_at(a, key=key, names=names))
        return Person(frozenset({key}), own, names)
    keys = frozenset(_key(row) for row in rows) - {""}
    alone = len(keys) == 1 and len({plain(row["name"]) for row in now if row["name"]}) <= 1
    return Person(keys if alone else frozenset(), frozenset({asked}), names if alone else frozenset())


def json_in(text: str) -> Any:
    """What a text says that is JSON of more than a number or a word; else None."""
    try:
        return json.loads(text) if text.lstrip()[:1] in ("{", "[", '"') else None
    except (ValueError, RecursionError):
        return None


def _texts(said: Any) -> Iterator[str]:
    """Every text and number in it, those of JSON in a text instead of that text; the order does not matter."""
    left = [said]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            left += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            left += one
        elif isinstance(one, int | float):
            yield str(one)
        elif isinstance(one, str):
            inner = json_in(one)
            if inner is None:
                yield one
            else:
                left.append(inner)


def _hint(address: str) -> str:
    """Of the part before the @, or if that is short of all of it, the longest piece that is written alike anywhere."""
    own, whole = (max(_PLAIN_RUN.findall(of), key=len, default="") for of in (address.partition("@")[0], address))
    return own if len(own) >= _ENDING else whole or address


def _others_at(address: str, *, key: str, names: frozenset[str]) -> bool:
    """Whether somebody else is reached there, too: another code, or no code and another name."""
    own = {plain(name) for name in names}
    rows = _rows(Person(addresses=frozenset({address})))
    return any(_key(row) != key if _key(row) else plain(row["name"]) not in {*own, ""} for row in rows)


def _rows(person: Person) -> list[dict[str, Any]]:
    found: Iterable[Any] = (Signer.objects.filter(person.signers), Contact.objects.filter(person.contacts))
    return [row for rows in found for row in rows.values(*_KNOWN_BY)]


def _key(row: dict[str, Any]) -> str:
    return person_key(row["country"], row["personal_code"])


def _any(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)")
