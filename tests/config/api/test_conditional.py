"""Entity tags as RFC 9110 has them, also in the forms that compressing proxies make of them."""

import pytest
from django.http.request import HttpHeaders

from config.api import conditional
from config.api.conditional import Stale


def headers(**values: str) -> HttpHeaders:
    return HttpHeaders({f"HTTP_{name.upper()}": value for name, value in values.items()})


@pytest.mark.parametrize(
    "value",
    ['"3"', ' "3" ', '"2", "3"', '"2","3"', '"a,b", "3"', "*", " * ", 'W/"3"', '"3-gzip"', 'W/"3--gzip"', '"3;br"'],
)
def test_if_match_accepts_the_current_version(value: str) -> None:
    conditional.require(3, conditional.expected(headers(if_match=value)))


def test_without_if_match_any_version_is_accepted() -> None:
    conditional.require(3, conditional.expected(headers()))


@pytest.mark.parametrize(
    "value", ['"2"', 'W/"2"', '"2-gzip"', '"3-x"', '"٣"', "3", "", '"3', '"3"x', '"33"', '*, "2"', "'3'"]
)
def test_if_match_refuses_other_and_malformed_tags(value: str) -> None:
    with pytest.raises(Stale):
        conditional.require(3, conditional.expected(headers(if_match=value)))


@pytest.mark.parametrize("value", ['"3"', 'W/"3"', '"2", W/"3"', "*"])
def test_if_none_match_of_the_current_version_is_unchanged(value: str) -> None:
    assert conditional.unchanged(3, headers(if_none_match=value))


@pytest.mark.parametrize("value", ['"2"', "3", "", 'w/"3"', 'W/"2", "4"'])
def test_if_none_match_of_other_versions_is_changed(value: str) -> None:
    assert not conditional.unchanged(3, headers(if_none_match=value))


def test_without_if_none_match_nothing_is_unchanged() -> None:
    assert not conditional.unchanged(3, headers())
