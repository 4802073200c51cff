"""Email addresses: which are accepted, how they are delivered, and which are the same."""

import unicodedata
from email.headerregistry import Address

import pytest
from django.core.mail import EmailMessage
from hypothesis import assume, given
from hypothesis import strategies as st
from rest_framework import serializers

from config.addresses import UndeliverableAddress, address_key, delivered_form, delivery_address
from config.api.fields import Email

_LOCAL_PARTS = st.from_regex(r"\A[A-Za-z0-9+_-]{1,20}(\.[A-Za-z0-9]{1,10})?\Z")
_LETTERS = "abcxyzABCXYZ019äÄšŠņŅēĒßøłþıñγλя"
_LABELS = st.text(_LETTERS, min_size=1, max_size=12)
ADDRESSES = st.builds("{}@{}.{}".format, _LOCAL_PARTS, _LABELS, st.sampled_from(["lv", "org", "example", "co.uk"]))


@pytest.mark.parametrize(
    ("address", "delivered"),
    [
        ("anna@straße.de", "anna@xn--strae-oqa.de"),
        ("anna@strasse.de", "anna@strasse.de"),
        ("Eva@BĒRZIŅI.lv", "Eva@xn--brzii-iza47a.lv"),
        ("eva@xn--brzii-iza47a.lv", "eva@xn--brzii-iza47a.lv"),
        ("boss@fırma.example", "boss@xn--frma-lza.example"),
        ("a.b+c@r3---a.Example.ORG", "a.b+c@r3---a.example.org"),
    ],
)
def test_the_domain_is_delivered_in_ascii(address: str, delivered: str) -> None:
    assert delivered_form(address) == delivered
    assert delivered_form(unicodedata.normalize("NFD", address)) == delivered


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a",
        "@x.lv",
        "anna@exam\u200bple.org",
        "anna@exam\u00adple.org",
        "anna@example\u3002org",
        "anna@ｅxample.org",
        "ａnna@example.org",
        "an\u200bna@example.org",
        "a@x.lv\u2028b",
        "a@x.lv\nb",
        "a@ℌ.lv",
        "a@xn--i-7iq.lv",
        "a@xn--0.lv",
        "a@localhost",
        "a@db.localhost",
        "a@[127.0.0.1]",
        "a@[IPv6:::1]",
        "a@127.0.0.1",
        "a@mail",
        "a@mail.internal",
        "a@printer.local",
        "a@x.lv.",
        '"\x01"@example.org',
        f"{'a' * 65}@example.org",
        f"a@{'ē' * 60}.{'ē' * 60}.{'ē' * 60}.{'ē' * 60}.lv",
    ],
)
def test_an_address_that_cannot_be_delivered_is_refused(address: str) -> None:
    with pytest.raises(UndeliverableAddress):
        delivered_form(address)
    if address:
        with pytest.raises(serializers.ValidationError):
            Email().run_validation(address)


def test_a_setting_allows_internal_domains(settings) -> None:
    settings.EMAIL_INTERNAL_DOMAINS = ["localhost.localdomain", "corp.local"]
    assert delivered_form("a@Corp.local") == "a@corp.local"
    with pytest.raises(UndeliverableAddress):
        delivered_form("a@other.local")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("eva@bērziņi.lv", "eva@berzini.lv"),
        ("boss@fırma.example", "boss@firma.example"),
        ("anna@straße.de", "anna@strasse.de"),
        ("anna@exam\u200bple.org", "anna@example.org"),
        ("K@x.lv", "\u212a@x.lv"),
    ],
)
def test_letters_that_look_or_fold_alike_make_another_address(one: str, other: str) -> None:
    assert address_key(one) != address_key(other)


@given(ADDRESSES)
def test_an_accepted_address_is_delivered_to_one_ascii_address(address: str) -> None:
    assume(len(address) < 200)
    try:
        delivered = delivered_form(address)
    except UndeliverableAddress:
        assume(False)
    assert Email().run_validation(address) == address

    # The form is stable, and no library changes it on the way to the mail server.
    assert delivered.isascii()
    assert delivery_address(delivered) == delivered
    assert Address(addr_spec=delivered).addr_spec == delivered
    assert EmailMessage(to=[delivered]).message()["To"] == delivered


@given(ADDRESSES)
def test_case_and_the_unicode_form_make_no_difference(address: str) -> None:
    key = address_key(address)
    local_part, _, domain = address.rpartition("@")
    assert address_key(unicodedata.normalize("NFD", address)) == key
    assert address_key(f"{local_part.swapcase()}@{domain}") == key
    assert address_key(key) == key


@given(st.text(max_size=30))
def test_any_text_is_accepted_or_refused(text: str) -> None:
    try:
        delivered = delivered_form(text)
    except UndeliverableAddress:
        assert delivery_address(text) == text
    else:
        assert delivered_form(delivered) == delivered
