"""Texts and addresses in the headers of an email (RFC 5322, RFC 2047). The result is ASCII and has no line breaks."""

import re
import unicodedata
from email.header import Header
from email.utils import formataddr

# Control characters and lone surrogates; no header can contain them.
_FORBIDDEN_CATEGORIES = ("Cc", "Cs")
# Controls of text direction that would reach beyond a name, into the address that follows it.
_DIRECTION_CONTROLS = re.compile("[\u202a-\u202e\u2066-\u2069]")
_LONGEST_WORD = 60
_LONGEST_LINE = 76


def header_text(text: str, *, header: str) -> str:
    """The text as the value of this header, in encoded words if it must be. Readers see it unchanged."""
    clean = _without_controls(text)
    if not _must_be_encoded(clean):
        return clean
    # With the name of the header, the first word is short enough to be in the first line.
    words = Header(clean, "utf-8", header_name=header, maxlinelen=_LONGEST_LINE)
    return words.encode(linesep="")


def header_address(name: str, address: str, *, header: str) -> str:
    """The address with the name of its owner, or alone if there is no name."""
    clean = _without_controls(_DIRECTION_CONTROLS.sub("", name))
    if not clean:
        return address
    if not _must_be_encoded(clean):
        return formataddr((clean, address))
    return f"{header_text(clean, header=header)} <{address}>"


def _must_be_encoded(text: str) -> bool:
    """Whether the text is not ASCII, looks like an encoded word, or has a word that fits in no line."""
    has_long_word = any(len(word) > _LONGEST_WORD for word in text.split())
    return not text.isascii() or "=?" in text or has_long_word


def _without_controls(text: str) -> str:
    """The text in one line: a blank in place of each control character, and single blanks between words."""
    characters = (" " if unicodedata.category(c) in _FORBIDDEN_CATEGORIES else c for c in text)
    return " ".join("".join(characters).split())
