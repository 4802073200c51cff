"""The name of the service, which no caller, client or source of events may have or imitate."""

import re
import unicodedata
from functools import cache

from confusable_homoglyphs import confusables  # type: ignore[import-untyped]

SERVICE_NAME = "paraph"

# "LATIN LETTER SMALL CAPITAL P", "SQUARED LATIN CAPITAL LETTER P", "REGIONAL INDICATOR SYMBOL LETTER P".
_LETTER_IN_NAME = re.compile(r"\bLETTER (?:SMALL CAPITAL )?([A-Z])(?: WITH .*)?$")
# Letters by their category that have no shape: Hangul fillers.
_INVISIBLE = "\u115f\u1160\u3164\uffa0"


def resembles_service_name(name: str) -> bool:
    """Whether a reader may take this name for that of the service.

    Ignores case, everything but letters (spaces, marks, punctuation, invisible characters), and which of several
    similar letters is used, also of other scripts (UTS #39).
    """
    decomposed = unicodedata.normalize("NFKD", name.casefold())
    return "".join(map(_base_letter, decomposed)) == SERVICE_NAME


def _base_letter(character: str) -> str:
    """The letter of the service's name that this character looks like; otherwise the letter itself, or nothing."""
    base = _look_alikes().get(character)
    if base is not None:
        return base
    letter = _LETTER_IN_NAME.search(unicodedata.name(character, ""))
    if letter is not None and unicodedata.category(character) != "Cf":
        return letter[1].lower()
    if unicodedata.category(character)[0] in "LN" and character not in _INVISIBLE:
        return character
    return ""


@cache
def _look_alikes() -> dict[str, str]:
    """The letters of the service's name, by the characters that are confused with them."""
    bases: dict[str, str] = {}
    for letter in {*SERVICE_NAME, *SERVICE_NAME.upper()}:
        # A list with one element for each confusable character of the text; False for none.
        found = confusables.is_confusable(letter, greedy=True) or []
        for entry in found:
            for alike in entry["homoglyphs"]:
                bases[alike["c"]] = letter.lower()
                bases[alike["c"].casefold()] = letter.lower()
    return bases
