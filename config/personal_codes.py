"""Personal codes by the form that a country gives them (python-stdnum). Whom a code names is `config.text`'s business.

A code of another form is refused where people are planned; one whose parts do not add up (its check digit, a
date that is none) is only remarked upon, since registers hold such codes. Other countries' codes are taken as they are.
"""

from types import ModuleType

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

# stdnum reads Latvian personal codes with the tax numbers of firms, which begin with 4 to 9.
FORMS: dict[str, ModuleType] = {
    "EE": ik,
    "FI": hetu,
    "LT": asmens,
    "LV": pvn,
    "NO": fodselsnummer,
    "PL": pesel,
    "SE": personnummer,
}

_HETU_WITHOUT_SIGN = 10


def personal_code_faults(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """The fault of a code that cannot be one of that country; its text does not repeat the code."""
    if not isinstance(_trouble(country, code), InvalidFormat | InvalidLength):
        return []
    detail = f"This is not written like a personal code of {_known(country)}."
    return [Fault(detail, code="not_a_personal_code", pointer=pointer)]


def personal_code_warnings(country: str | None, code: str | None, pointer: str) -> list[Fault]:
    """What is to be remarked of a code: its form, its date or its check digit is not right."""
    if _trouble(country, code) is None:
        return []
    detail = f"Please check this personal code: its form, date or check digit is not right for {_known(country)}."
    return [Fault(detail, code="doubtful_personal_code", pointer=pointer)]


def _known(country: str | None) -> str:
    return (country or "").strip().upper()


def _trouble(country: str | None, code: str | None) -> ValidationError | None:
    form = FORMS.get(_known(country))
    if form is None or not code_key(code):
        return None
    key = code_key(code)
    if form is hetu and len(key) == _HETU_WITHOUT_SIGN:
        key = f"{key[:6]}-{key[6:]}"  # there the hyphen says the century, and here codes compare without
    try:
        form.validate(key)
    except ValidationError as trouble:
        return trouble
    return None
