"""Which characters the fonts of the certificate can draw, and what is shown instead of the others.

`fonts/build.py` makes the fonts and the list of their characters. The layout is left to `certificate.typ`.
"""

import json
import re
import unicodedata
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import groupby
from pathlib import Path

import idna

FONTS = Path(__file__).parent / "fonts"
MAIN_FAMILY = "DejaVu Sans"

# The marks of places where a word can be broken: `certificate.typ` replaces the first one, which would be copied with
# the text. The second one does not interrupt the shapes of a cursive script.
_BREAK = "\ufffc"
_CURSIVE_BREAK = "\u200b"
_FIRST_STRONG_ISOLATE = "\u2068"
_POP_DIRECTIONAL_ISOLATE = "\u2069"
_JOINERS = "\u200c\u200d"
# Letters, marks and symbols without a shape: fillers, inherent vowels, and selectors of variants.
_INVISIBLE = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0\ufffc"
    + "".join(map(chr, range(0x180B, 0x1810)))
    + "".join(map(chr, range(0xFE00, 0xFE10)))
    + "".join(map(chr, range(0xE0100, 0xE01F0)))
)
# More marks on one letter than any language has would be drawn over other lines.
_MOST_MARKS = 3
# The canonical combining class of the marks that join two consonants.
_VIRAMA = 9
_PIECES = re.compile(r"\[U\+[0-9A-F]{4,6}\]|[^\[]+|\[")

# A text in the main font, or the name of another font family with a text in it.
Run = str | tuple[str, str]


def printable(value: str) -> str:
    """The text on one line, with nothing in it that cannot be seen.

    Characters that are invisible, change the direction or lack a glyph become code points, `[U+1F9D1]`, so that two
    names stay different. Joiners stay where a script needs them (RFC 5892, appendix A).
    """
    line = " ".join(unicodedata.normalize("NFC", value).split())
    if line.isascii() and line.isprintable():
        return line
    return " ".join("".join(_printable_clusters(word)) for word in line.split(" "))


def breakable(text: str, *, longest_word: int) -> str:
    """The printable text with marks where its longer words can be broken."""
    words = text.split(" ")
    return " ".join(_with_breaks(word) if len(word) > longest_word else word for word in words)


def isolated(text: str) -> str:
    """The printable text so that its direction does not depend on the text around it, and has no effect on that."""
    if any(unicodedata.bidirectional(char) in ("R", "AL") for char in text):
        return f"{_FIRST_STRONG_ISOLATE}{text}{_POP_DIRECTIONAL_ISOLATE}"
    return text


def runs(text: str) -> list[Run]:
    """The printable text, divided by the fonts that draw it."""
    if text.isascii():
        return [text]
    found: list[Run] = []
    for family, clusters in groupby(_clusters(text), _family):
        run = "".join(clusters)
        # Spaces, and the characters that this module adds, are in the main font, although it has no glyphs for these.
        if family in (None, MAIN_FAMILY):
            found.append(run)
        else:
            found.append((family, run))
    return found


def _with_breaks(word: str) -> str:
    # The code point of a character is not broken.
    clusters: list[str] = []
    for piece in _PIECES.findall(word):
        if piece.startswith("[U+"):
            clusters.append(piece)
        else:
            clusters += _clusters(piece)
    broken = ""
    for cluster in clusters:
        if broken:
            broken += _CURSIVE_BREAK if unicodedata.bidirectional(cluster[0]) == "AL" else _BREAK
        broken += cluster
    return broken


def _printable_clusters(word: str) -> Iterator[str]:
    position = 0
    for cluster in _clusters(word):
        shown = ""
        for char in cluster:
            is_visible = _is_visible(char, word, position) and (shown != "" or not _follows(char))
            if is_visible and _family(shown + char) is not None:
                shown += char
            else:
                yield f"{shown}[U+{ord(char):04X}]"
                shown = ""
            position += 1
        yield shown


def _clusters(word: str) -> Iterator[str]:
    """Characters with what is drawn together with them: marks, joiners, and consonants that these join."""
    cluster = ""
    marks = 0
    for char in word:
        if cluster and _follows(char) and marks < _MOST_MARKS:
            marks += int(unicodedata.combining(char) != 0)
        elif cluster and _joins(cluster[-1]) and unicodedata.category(char) == "Lo":
            marks = 0
        else:
            if cluster:
                yield cluster
            cluster = ""
            marks = 0
        cluster += char
    if cluster:
        yield cluster


def _follows(char: str) -> bool:
    """Whether the character is drawn together with the one before it."""
    return char in _JOINERS or unicodedata.category(char).startswith("M")


def _joins(char: str) -> bool:
    """Whether the letter after this character is drawn together with the one before it."""
    return char in _JOINERS or unicodedata.combining(char) == _VIRAMA


def _is_visible(char: str, word: str, position: int) -> bool:
    if char in _JOINERS:
        return _is_needed_joiner(word, position)
    return char not in _INVISIBLE and not unicodedata.category(char).startswith("C")


def _is_needed_joiner(word: str, position: int) -> bool:
    try:
        return idna.valid_contextj(word, position)
    except ValueError:
        return False


@lru_cache(maxsize=4096)
def _family(cluster: str) -> str | None:
    """The first font family that contains all characters of the cluster; None if there is none."""
    for family, characters in _coverage().items():
        if characters.issuperset(cluster):
            return family
    return None


@cache
def _coverage() -> dict[str, frozenset[str]]:
    """The characters of each font family, in the order in which the fonts are tried."""
    coverage = {}
    for family, ranges in json.loads((FONTS / "coverage.json").read_text()).items():
        characters: set[str] = set()
        for code_points in ranges.split():
            first, last = code_points.split("-")
            characters.update(map(chr, range(int(first, 16), int(last, 16) + 1)))
        coverage[family] = frozenset(characters)
    return coverage
