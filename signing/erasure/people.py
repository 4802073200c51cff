"""A person who is to be erased: by what it is known, and whether a text or a description is of it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from operator import or_
from typing import Any

from django.db.models import Q

from config.errors import DomainError
from config.text import person_key, plain

_ENDING = 4
"""So many of a code's last letters stand in every text that holds it, with a hyphen or a space between them at most."""

_PLAIN_RUN = re.compile(r"[a-z0-9]+")
"""What stands in an address as it is, however a text is written: JSON may write other letters in their numbers."""

_ESCAPED = re.compile(r"\\+(u[0-9a-fA-F]{4}|.)", re.DOTALL)
_BETWEEN, _SPACES = r"[-\s]?", r"\s+"
_AS_CODE, _AS_NAME = r"(?<![^\W_])(?:{}[-\s]?)?{}(?![^\W_])", r"(?<!\w){}(?!\w)"
_AS_ADDRESS = r"(?<![\w.+])(?<![\w.+]-){}(?![\w-]|\.\w)"


class NobodyFound(DomainError):
    """Nothing here is of that person."""

    code = "nobody_found"
    status = 404
    detail = "Nothing is kept of that person; nothing was changed."


@dataclass(frozen=True)
class Person:
    """What a person is known by: keys of codes (`lv:01019012345`), addresses in small letters, names as written."""

    keys: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()
    names: frozenset[str] = frozenset()

    @property
    def signers(self) -> Q:
        return Q(person_key__in=self.keys) | Q(email_plain__in=self._plain_addresses)

    @property
    def contacts(self) -> Q:
        found = Q(email_plain__in=self._plain_addresses)
        for key in self.keys:
            country, _, code = key.partition(":")
            found |= Q(country__iexact=country, code_key=code)
        return found

    def hinted(self, *columns: str) -> Q:
        """Rows of which a column may hold a code or an address: all that do, and others."""
        return holding(self._hints, *columns)

    def is_described_by(self, who: Mapping[str, Any]) -> bool | None:
        """Whether a `country` and a `personal_code`, or an `email`, are this person's; None if there are none."""
        key, address = person_key(who.get("country"), who.get("personal_code")), plain(who.get("email"))
        return (key in self.keys or address in self._plain_addresses) if key or address else None

    def is_named_in(self, said: Any, *, names: bool = False) -> bool:
        """Whether a code or an address of this person, or with `names` a full name, stands in a text or in a value
        as JSON: as a whole, and not as a part of another, whatever its case, diacritics, hyphens and spaces."""
        folded = map(plain, _texts(said))
        return any(self._words.search(text) or (names and self._full_names.search(text)) for text in folded)

    @cached_property
    def _plain_addresses(self) -> frozenset[str]:
        return frozenset(map(plain, self.addresses))

    @cached_property
    def _hints(self) -> frozenset[str]:
        codes = [hint for key in self.keys for hint in _hints_of_code(key.partition(":")[2])]
        return frozenset({*map(_hint_of_address, self.addresses), *codes})

    @cached_property
    def _words(self) -> re.Pattern[str]:
        keys = [key.partition(":") for key in self.keys]
        codes = [_AS_CODE.format(re.escape(land), _BETWEEN.join(map(re.escape, code))) for land, _, code in keys]
        return _any([*codes, *(_AS_ADDRESS.format(re.escape(address)) for address in self._plain_addresses)])

    @cached_property
    def _full_names(self) -> re.Pattern[str]:
        """Names of more than one word: of one word there are too many people."""
        full = [list(map(re.escape, plain(name).split())) for name in self.names]
        return _any([_AS_NAME.format(_SPACES.join(words)) for words in full if len(words) > 1])


def holding(words: Iterable[str], *columns: str) -> Q:
    """Rows of which a column holds one of the words, whatever its case; none if there are no words."""
    found = [Q(**{f"{column}__icontains": word}) for column in columns for word in sorted(words)]
    return reduce(or_, found) if found else Q(pk__in=[])


def _texts(said: Any) -> Iterator[str]:
    """A text, or a value as JSON: as it stands, and as it reads without what JSON writes otherwise."""
    text = said if isinstance(said, str) else json.dumps(said, ensure_ascii=False)
    yield text
    if "\\" in text:
        yield _ESCAPED.sub(lambda escaped: _unescaped(escaped[1]), text)


def _unescaped(letter: str) -> str:
    if len(letter) > 1:
        return chr(int(letter[1:], 16))
    return " " if letter in "bfnrt" else letter


def _hints_of_code(code: str) -> list[str]:
    end = code[-_ENDING:]
    return [end, *(f"{end[:at]}{between}{end[at:]}" for at in range(1, len(end)) for between in "- ")]


def _hint_of_address(address: str) -> str:
    """Of the part before the @, or if that is short of all of it, the longest piece that is written alike anywhere."""
    own, whole = (max(_PLAIN_RUN.findall(of), key=len, default="") for of in (address.partition("@")[0], address))
    return own if len(own) >= _ENDING else whole or address


def _any(patterns: list[str]) -> re.Pattern[str]:
    return re.compile("|".join(patterns) or r"(?!)")
