"""The formats of personal codes by country (python-stdnum). `config.text` compares codes.

A code in the wrong format is an error where signers are added. A code in the right format with a wrong
check digit or an impossible date is only a warning, because registers contain such codes. Codes of
other countries are not checked.
"""

from stdnum.ee import ik
from stdnum.exceptions import InvalidFormat, InvalidLength, ValidationError
from stdnum.fi import hetu
from stdnum.lt import asmens
from stdnum.lv import pvn
from stdnum.no import fodselsnummer
from stdnum.pl import pesel
from stdnum.se import personnummer

from config.errors import Fault
from config.text import code_key

# stdnum reads Latvian personal codes with the tax numbers of companies, which begin with 4 to 9.
_FORMATS = {"EE": ik, "FI": hetu, "LT": asmens, "LV": pvn, "NO": fodselsnummer, "PL": pesel, "SE": personnummer}
_HETU_LENGTH_WITHOUT_SIGN = 10


def personal_code_faults(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """The error of a code in the wrong format for its country. The text does not repeat the code."""
    if not isinstance(_validation_error(country, code), InvalidFormat | InvalidLength):
        return []
    detail = f"The personal code must have the format of {_country(country)}."
    return [Fault(detail, code="not_a_personal_code", pointer=pointer)]


def personal_code_warnings(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """The warning about a code whose format, date or check digit is wrong."""
    if _validation_error(country, code) is None:
        return []
    detail = f"Please check this personal code: its format, date or check digit is wrong for {_country(country)}."
    return [Fault(detail, code="doubtful_personal_code", pointer=pointer)]


def _country(country: str | None) -> str:
    return (country or "").strip().upper()


def _validation_error(country: str | None, code: str | None) -> ValidationError | None:
    code_format = _FORMATS.get(_country(country))
    key = code_key(code)
    if code_format is None or not key:
        return None
    if code_format is hetu and len(key) == _HETU_LENGTH_WITHOUT_SIGN:
        # In a Finnish code the hyphen represents the century, and `code_key` removes it.
        key = f"{key[:6]}-{key[6:]}"
    try:
        code_format.validate(key)
    except ValidationError as error:
        return error
    return None
