"""Numbers in XLSX files as the spreadsheet shows them: a personal code typed as a number keeps its leading zeros."""

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation
from xml.etree import ElementTree

from contacts.rows import InvalidCell

# Spreadsheets keep 15 digits and replace the others by zeros.
MAX_DIGITS = 15

_GENERAL = "General"
# The built-in formats that show a whole number as its digits. All others are dates, amounts and fractions.
_BUILT_IN = {0: _GENERAL, 1: "0", 49: _GENERAL}
# A format in which digits are filled in from the right: placeholders, and characters that are shown as they are.
_LITERAL = re.compile(r'\\(.)|"([^"]*)"|([0#])|([-+() \u00a0])')


def number_formats(elements: Iterable[tuple[str, ElementTree.Element]]) -> list[str]:
    """The format of each cell style, from the elements of `styles.xml`."""
    custom = {}
    formats: list[str] = []
    cell_formats: list[str] = []
    for name, element in elements:
        if name == "numFmt":
            custom[int(element.get("numFmtId", ""))] = element.get("formatCode", "")
        elif name == "xf":
            number = int(element.get("numFmtId", "0"))
            formats.append(custom.get(number) or _BUILT_IN.get(number, ""))
        # `xf` elements also describe the styles that cells are based on.
        elif name == "cellStyleXfs":
            formats.clear()
        elif name == "cellXfs":
            cell_formats = list(formats)
            formats.clear()
    return cell_formats


def shown_number(value: str, number_format: str) -> str | InvalidCell:
    """The digits that the spreadsheet shows, unless it shows something else or has lost digits."""
    try:
        number = Decimal(value.strip())
    except InvalidOperation:
        return InvalidCell("The number must be valid.")
    if not number.is_finite() or number.adjusted() >= MAX_DIGITS:
        return InvalidCell(f"The number must have at most {MAX_DIGITS} digits. Please format the cell as text.")
    if number < 0 or number != number.to_integral_value():
        return InvalidCell("The number must be a whole number. Please format the cell as text.")
    digits = str(int(number))
    if number_format.casefold() in ("general", "@"):
        return digits
    shown = _fill(number_format.partition(";")[0], digits)
    if shown is None:
        return InvalidCell("The cell must contain text instead of a date or an amount. Please format it as text.")
    return shown


def _fill(number_format: str, digits: str) -> str | None:
    """The digits in the format's places; None if it is a format of another kind."""
    # The characters of the format, those that are digits' places as None.
    places: list[str | None] = []
    position = 0
    while position < len(number_format):
        match = _LITERAL.match(number_format, position)
        if match is None:
            return None
        escaped, quoted, placeholder, plain_character = match.groups()
        places.append(None if placeholder else escaped or quoted or plain_character or "")
        position = match.end()
    if None not in places:
        return None

    # The first place takes all digits for which there are no places.
    zeros = number_format.count("0")
    digits = digits.zfill(zeros)
    shown: list[str] = []
    open_places = places.count(None)
    for place in reversed(places):
        if place is not None:
            shown.insert(0, place)
            continue
        open_places -= 1
        cut = 0 if open_places == 0 else max(len(digits) - 1, 0)
        shown.insert(0, digits[cut:])
        digits = digits[:cut]
    return "".join(shown)
