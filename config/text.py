"""Normalized text: how names are searched and personal codes compared, the same on every database."""

import unicodedata
from string import ascii_lowercase, ascii_uppercase

# Letters that Unicode does not decompose into a base letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)

_LOWERCASE = str.maketrans(ascii_uppercase, ascii_lowercase)


def plain(text: str | None) -> str:
    """The text without case and diacritics: `Bērziņš` becomes `berzins`, None becomes the empty string."""
    decomposed = unicodedata.normalize("NFKD", (text or "").casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


def code_key(personal_code: str | None) -> str:
    """The form in which personal codes are compared: without case, spaces and hyphens."""
    return "".join(c for c in (personal_code or "").casefold() if c != "-" and not c.isspace())


def person_key(country: str | None, personal_code: str | None) -> str:
    """The key of a person, `lv:01019012345`; empty unless both parts are set."""
    code = code_key(personal_code)
    if not country or not code:
        return ""
    return f"{country.strip().casefold()}:{code}"


def is_storable(text: str) -> bool:
    """Whether every database can store the text: it has neither NUL nor lone surrogates."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)


def is_same_email(one: str, other: str) -> bool:
    """Whether two email addresses are equal, ignoring the case of ASCII letters only."""
    return one.translate(_LOWERCASE) == other.translate(_LOWERCASE)
