"""Personal codes in the format of their country: accepted, accepted with a warning, or refused."""

import pytest

from config.personal_codes import personal_code_faults, personal_code_warnings

OK, DOUBTFUL, MALFORMED = (0, 0), (0, 1), (1, 1)


@pytest.mark.parametrize(
    ("country", "code", "expected"),
    [
        ("LV", "161175-19997", OK),
        ("LV", "16117519997", OK),
        ("lv", "328673-00679", OK),
        ("LV", "010190-12345", DOUBTFUL),
        ("LV", "161375-19997", DOUBTFUL),
        ("LV", "1", MALFORMED),
        ("LV", "16117A-19997", MALFORMED),
        ("LT", "38703181745", OK),
        ("LT", "38703181746", DOUBTFUL),
        ("LT", "3870318174", MALFORMED),
        ("EE", "36805280109", OK),
        ("EE", "36805280108", DOUBTFUL),
        ("EE", "368052801090", MALFORMED),
        ("PL", "44051401359", OK),
        ("PL", "44051401358", DOUBTFUL),
        ("PL", "440514-0135", MALFORMED),
        ("FI", "131052-308T", OK),
        ("FI", "131052308T", OK),
        ("FI", "131052-308U", DOUBTFUL),
        ("FI", "131052X308", MALFORMED),
        ("SE", "880320-0016", OK),
        ("SE", "198803200016", OK),
        ("SE", "880320-0018", DOUBTFUL),
        ("SE", "88032", MALFORMED),
        ("IS", "anything at all", OK),
        (None, "010190-12345", OK),
        ("LV", None, OK),
        ("LV", " - ", OK),
    ],
)
def test_the_format_of_each_country(country: str | None, code: str | None, expected: tuple[int, int]) -> None:
    faults = personal_code_faults(country, code, "#/personalCode")
    warnings = personal_code_warnings(country, code, "#/personalCode")
    assert (len(faults), len(warnings)) == expected
    assert all(code and code not in fault.detail for fault in [*faults, *warnings])
