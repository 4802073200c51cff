"""Personal codes: the key by which a person is recognized, and the formats by country (python-stdnum).

A code is returned as it was given and compared by its key, which is the same for every spelling that the check of the
format accepts. A code in the wrong format is an error where signers are added. A code in the right format with a wrong
check digit or an impossible date is only a warning, because registers contain such codes. Codes of other countries are
not checked.
"""

import re
import unicodedata
from collections.abc import Set

from django.db.models import Q
from django.utils import timezone
from stdnum.ee import ik
from stdnum.exceptions import InvalidChecksum, InvalidFormat, InvalidLength, ValidationError
from stdnum.fi import hetu
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer
from stdnum.util import clean

from config.errors import Fault

NOT_A_DIGIT = "The digits of a personal code must be 0 to 9."
_FORMATS = {"EE": ik, "FI": hetu, "LT": asmens, "LV": pvn, "NO": fodselsnummer, "PL": pesel, "SE": personnummer}
_HETU_LENGTH_WITHOUT_SIGN = 10
# stdnum reads Latvian personal codes with the tax numbers of companies, which begin with 4 to 9.
_COMPANY_IN_LATVIA = re.compile("[4-9]")
# The prefix of a personal number in certificates (ETSI EN 319 412-1): PNOLV-161175-19997.
_PREFIX = re.compile("pno([a-z]{2})(?=.)")
_SWEDISH_CODE = re.compile(r"([0-9]{2})?([0-9]{6})([-+]?)([0-9]{4})")


# --- Keys ---------------------------------------------------------------------------------------


def code_key(country: str | None, personal_code: str | None) -> str:
    """The form in which the codes of a country are compared; empty for a code of separators alone.

    Case, blanks, dashes, invisible characters, the form of the digits, and what python-stdnum ignores make no
    difference. The key of a Swedish code has the century, which is in a code of twelve digits. In a code of ten digits
    it depends on the current year.
    """
    code = _without_separators(personal_code)
    country_code = _country(country)
    prefix = _PREFIX.match(code)
    if prefix and prefix[1].upper() == country_code:
        code = code[prefix.end() :]
    code_format = _FORMATS.get(country_code)
    if code_format is None or not code:
        return code

    compact = _without_separators(code_format.compact(code))
    swedish = _SWEDISH_CODE.fullmatch(compact) if code_format is personnummer else None
    if swedish:
        birth, number = swedish[2], swedish[4]
        century = swedish[1] or _swedish_century(birth[:2], has_plus=swedish[3] == "+")
        return century + birth + number
    return compact


def _swedish_century(year: str, *, has_plus: bool) -> str:
    """The first two digits of the year of birth. A plus is used from the year in which the person turns 100.

    See Folkbokföringslagen (1991:481), 18 §.
    """
    current_century, current_year = divmod(timezone.localdate().year, 100)
    century = current_century - has_plus
    if int(year) > current_year:
        century -= 1
    return str(century)


def person_key(country: str | None, personal_code: str | None) -> str:
    """The key of a person, `lv:01019012345`; empty unless both parts are set."""
    code = code_key(country, personal_code)
    country_code = _country(country).lower()
    if not country_code or not code:
        return ""
    return f"{country_code}:{code}"


def with_code(personal_code: str | None) -> Q:
    """Match rows with this personal code in any country and any spelling, by their columns `country` and `code_key`.

    A code of separators alone matches no row.
    """
    keys = _keys_by_country(personal_code)
    default = keys.pop("", None)
    matching = Q(pk__in=[])
    if default is not None:
        matching = Q(code_key=default)
    for country, key in keys.items():
        if key != default:
            matching |= Q(country__iexact=country, code_key=key)
    return matching


def is_code(text: str | None, keys: Set[str]) -> bool:
    """Whether the text is a spelling of one of these codes, in any country."""
    return not keys.isdisjoint(_keys_by_country(text).values())


def _keys_by_country(personal_code: str | None) -> dict[str, str]:
    """The keys of a code whose country is not known, one for each country with a format; an empty country for others.

    Empty for a code of separators alone.
    """
    code = _without_separators(personal_code)
    prefix = _PREFIX.match(code)
    if prefix:
        # The code names its country.
        return {prefix[1].upper(): code_key(prefix[1], code)}
    keys = {country: code_key(country, code) for country in ("", *_FORMATS)}
    return {country: key for country, key in keys.items() if key}


def has_other_digits(personal_code: str) -> bool:
    """Whether the code has characters that look like digits, but are not 0 to 9."""
    return any(not c.isascii() and unicodedata.numeric(c, None) is not None for c in personal_code)


# --- Formats ------------------------------------------------------------------------------------


def personal_code_faults(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """The error of a code with other digits or in the wrong format for its country. It does not repeat the code."""
    if code and has_other_digits(code):
        return [Fault(NOT_A_DIGIT, code="not_a_digit", pointer=pointer)]
    if not isinstance(_validation_error(country, code), InvalidFormat | InvalidLength):
        return []
    detail = f"The personal code must have the format used in {_country(country)}."
    return [Fault(detail, code="not_a_personal_code", pointer=pointer)]


def personal_code_warnings(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """The warning about a code whose format, date or check digit is wrong, or that is the number of a company."""
    if _validation_error(country, code) is None:
        return []
    detail = f"Please check this personal code: its format, date or check digit is wrong for {_country(country)}."
    return [Fault(detail, code="doubtful_personal_code", pointer=pointer)]


def _validation_error(country: str | None, code: str | None) -> ValidationError | None:
    code_format = _FORMATS.get(_country(country))
    key = code_key(country, code)
    if code_format is None or not key:
        return None
    if code_format is hetu and len(key) == _HETU_LENGTH_WITHOUT_SIGN:
        # In a Finnish code the hyphen represents the century, and `code_key` removes it.
        key = f"{key[:6]}-{key[6:]}"
    try:
        code_format.validate(key)
    except ValidationError as error:
        return error
    if code_format is pvn and _COMPANY_IN_LATVIA.match(key):
        return InvalidChecksum()
    return None


def _country(country: str | None) -> str:
    """The country in uppercase; empty for anything but ASCII."""
    text = (country or "").strip()
    return text.upper() if text.isascii() else ""


def _without_separators(code: str | None) -> str:
    """The code in one case and one form of each character, without blanks, dashes and invisible characters."""
    decomposed = unicodedata.normalize("NFD", clean(code or ""))
    folded = unicodedata.normalize("NFC", decomposed.casefold())
    return "".join(str(unicodedata.decimal(c, c)) for c in folded if not _is_separator(c))


def _is_separator(character: str) -> bool:
    return character.isspace() or unicodedata.category(character) in ("Cf", "Pd", "Zs", "Cc")
