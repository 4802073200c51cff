import ipaddress
from typing import Any

import pytest
from django.test import Client, RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from config.access.forwarded import parse_address, reported_hop
from config.access.resolver import client_address

CONNECTION = "127.0.0.1"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("for=198.51.100.4", "198.51.100.4"),
        ("For=198.51.100.4; Proto=HTTPS; by=10.0.0.1", "198.51.100.4"),
        ('for="198.51.100.4:1234"', "198.51.100.4"),
        ('for="[2001:db8::1]:443"', "2001:db8::1"),
        ('for="2001:DB8::1"', "2001:db8::1"),
        ('for="[fe80::1%eth0]"', "fe80::1"),
        ('for="[::ffff:198.51.100.4]"', "198.51.100.4"),
        ("for=1.1.1.1, for=198.51.100.4", "198.51.100.4"),
        ('for=", for=198.51.100.4', "198.51.100.4"),
        ("for=1.1.1.1;for=198.51.100.4", CONNECTION),
        ("for=198.51.100.4,", CONNECTION),
        ("198.51.100.4", CONNECTION),
        ("for=unknown", CONNECTION),
        ("for=_hidden", CONNECTION),
        ("for=' OR 1=1", CONNECTION),
        ("for=198.51.100.4:123456", CONNECTION),
        ("for=１.1.1.1", CONNECTION),
        ("proto=https", CONNECTION),
        ("", CONNECTION),
    ],
)
def test_only_ip_addresses_are_taken_from_the_header(settings: Any, header: str, expected: str) -> None:
    settings.TRUSTED_PROXIES = 1
    assert client_address(RequestFactory().get("/", headers={"Forwarded": header})) == expected


@pytest.mark.parametrize("name", ["X-Forwarded-For", "X_Forwarded_For", "X-Forwarded_For", "X-Real-IP", "Client-IP"])
def test_no_other_header_names_the_address(settings: Any, name: str) -> None:
    settings.TRUSTED_PROXIES = 1
    request = RequestFactory().get("/", headers={"Forwarded": "for=198.51.100.4", name: "for=1.1.1.1"})
    assert client_address(request) == "198.51.100.4"


@pytest.mark.parametrize(("proxies", "expected"), [(0, CONNECTION), (1, "3.3.3.3"), (2, "2.2.2.2"), (4, CONNECTION)])
def test_the_outermost_trusted_proxy_reports_the_address(settings: Any, proxies: int, expected: str) -> None:
    settings.TRUSTED_PROXIES = proxies
    request = RequestFactory().get("/", headers={"Forwarded": "for=1.1.1.1, for=2.2.2.2, for=3.3.3.3"})
    assert client_address(request) == expected


def test_another_header_can_be_chosen(settings: Any) -> None:
    settings.TRUSTED_PROXIES = 1
    settings.ADDRESS_HEADER = "Caller"
    request = RequestFactory().get("/", headers={"Forwarded": "for=1.1.1.1", "Caller": "for=198.51.100.4"})
    assert client_address(request) == "198.51.100.4"


@given(st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)), st.integers(1, 65535))
def test_every_spelling_of_an_address_is_one_address(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, port: int
) -> None:
    expected = parse_address(str(address))
    if address.version == 4:
        spellings = [f"{address}:{port}", f"::ffff:{address}", f"[::ffff:{address}]:{port}"]
    else:
        spellings = [address.exploded, f"[{address}]", f"[{str(address).upper()}]:{port}", f"{address}%eth0"]
    assert {parse_address(spelling) for spelling in spellings} == {expected}


@given(st.text(st.sampled_from('for=,;"[]:%.12a \\'), max_size=40))
def test_what_a_client_sends_before_the_proxy_never_names_the_address(forged: str) -> None:
    request = RequestFactory().get("/", headers={"Forwarded": f"{forged}, for=198.51.100.4"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TRUSTED_PROXIES", 1, raising=False)
        hop = reported_hop(request)
    assert hop is not None
    assert hop.address == "198.51.100.4"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Forwarded": "for=1.1.1.1;proto=https"}, 401),
        ({"Forwarded": "for=1.1.1.1;proto=http"}, 301),
        ({"Forwarded": "for=1.1.1.1"}, 301),
        ({"X-Forwarded-Proto": "https"}, 301),
    ],
)
@pytest.mark.django_db
def test_only_the_trusted_proxy_reports_https(settings: Any, headers: dict[str, str], status: int) -> None:
    settings.TRUSTED_PROXIES = 1
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_PROXY_SSL_HEADER = ("paraph.scheme", "https")
    assert Client().get("/api/processes", headers=headers).status_code == status


@pytest.mark.parametrize("host", ["10.0.0.5:8000", "anything.example.org", "[2001:db8::1]", "junk_/host"])
@pytest.mark.django_db
def test_health_checks_may_have_any_host(host: str) -> None:
    assert Client().get("/health/?format=json", headers={"Host": host}).status_code == 200
    assert Client().get("/api/processes", headers={"Host": host}).status_code == 400
