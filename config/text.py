"""Folded text: how names are searched and how personal codes are compared, alike on every database."""

import unicodedata

# Letters that Unicode does not decompose into a base letter and a mark.
_UNDECOMPOSED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
)


def plain(text: str | None) -> str:
    """The text without case and diacritics: `Bērziņš` becomes `berzins`; nothing becomes empty."""
    decomposed = unicodedata.normalize("NFKD", (text or "").casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c)).translate(_UNDECOMPOSED)


def code_key(personal_code: str | None) -> str:
    """A personal code as it is compared: without case, spaces and hyphens."""
    return "".join(c for c in (personal_code or "").casefold() if c != "-" and not c.isspace())


def person_key(country: str | None, personal_code: str | None) -> str:
    """The name of a person, `lv:01019012345`; empty unless both parts are known."""
    code = code_key(personal_code)
    return f"{country.strip().casefold()}:{code}" if country and code else ""
