"""Normalized text: how names are searched, and when two texts are the same, equal on every database.

Search folding is for finding only. Who a person is, `config.personal_codes` and `config.addresses` decide.
"""

import unicodedata

# Letters that Unicode does not decompose into a base letter and a mark, and the many forms of apostrophes.
_FOLDED = str.maketrans(
    {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h", "ŧ": "t"}
    | dict.fromkeys("\u02b9\u02bb\u02bc\u02bd\u02c8\u055a\u2018\u2019\u201a\u201b\u2032\u2035\ua78c\uff07`\u00b4", "'")
)
_DASHES = frozenset({"\u2212", "\u2043"})


def plain(text: str | None) -> str:
    """The text as it is searched: without case, diacritics, invisible characters and repeated blanks.

    `Bērziņš` becomes `berzins`, None becomes the empty string. Every apostrophe is `'`, and every dash is `-`. The
    function is idempotent.
    """
    folded = _fold_once(unicodedata.normalize("NFD", text or ""))
    # Compatibility forms contain other letters: the fold of `№` is a capital, and that of some letters has marks.
    while True:
        again = _fold_once(folded)
        if again == folded:
            return folded
        folded = again


def _fold_once(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.translate(_FOLDED)).casefold()
    letters = (_fold_character(c) for c in decomposed.translate(_FOLDED))
    return " ".join("".join(letters).split())


def _fold_character(character: str) -> str:
    if unicodedata.category(character) == "Pd" or character in _DASHES:
        return "-"
    if unicodedata.combining(character) or unicodedata.category(character) == "Cf":
        return ""
    return character


def composed(text: str) -> str:
    """The text in the form in which names and identifiers are compared (NFC)."""
    return unicodedata.normalize("NFC", text)


def spellings(text: str) -> frozenset[str]:
    """The forms of a name or identifier that are stored: as given, composed and decomposed."""
    return frozenset({text, composed(text), unicodedata.normalize("NFD", text)})


def is_storable(text: str) -> bool:
    """Whether every database can store the text: it has neither NUL nor lone surrogates."""
    return not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in text)
