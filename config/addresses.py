"""Email addresses: which can be delivered, the form in which they are, and the key by which they are compared.

An address is returned as it was given. It is delivered with the domain in ASCII (IDNA 2008 after UTS 46), and two
addresses are the same if these forms are equal without ASCII case. Search folding (`config.text`) is for finding only.
"""

import re
import string
import unicodedata

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import EmailValidator

LONGEST_ADDRESS = 254
_LONGEST_LOCAL_PART = 64
_PRINTABLE = re.compile("[!-~ ]+")
_LOWERCASE = str.maketrans(string.ascii_uppercase, string.ascii_lowercase)
_ACE_PREFIX = "xn--"
# Top-level domains that are never on the public internet (RFC 6761, 6762, 7686, 8375, 9476, and ICANN's `internal`).
_INTERNAL = frozenset(
    {"alt", "arpa", "home", "internal", "invalid", "lan", "local", "localdomain", "localhost", "onion"}
)
_validate_form = EmailValidator(allowlist=[])
NOT_DELIVERABLE = "Must be an email address with a public internet domain."


class UndeliverableAddress(ValueError):
    """An email address to which no email can be sent."""


def delivered_form(address: str) -> str:
    """The address with its domain in ASCII and lowercase, as it is delivered; `UndeliverableAddress` if it cannot be.

    Invisible characters and compatibility forms are refused, because they make two spellings of one address.
    """
    local_part, _, domain = address.rpartition("@")
    if len(local_part) > _LONGEST_LOCAL_PART or not _PRINTABLE.fullmatch(local_part):
        raise UndeliverableAddress
    try:
        delivered = f"{local_part}@{_ascii_domain(domain)}"
        _validate_form(delivered)
    except (idna.IDNAError, ValidationError):
        raise UndeliverableAddress from None
    if len(delivered) > LONGEST_ADDRESS or not _is_public(delivered.rpartition("@")[2]):
        raise UndeliverableAddress
    return delivered


def is_deliverable(address: str) -> bool:
    """Whether emails can be sent to the address."""
    try:
        delivered_form(address)
    except UndeliverableAddress:
        return False
    return True


def delivery_address(address: str) -> str:
    """The address as it is delivered. One that cannot be delivered stays as it is: the mail server refuses it."""
    try:
        return delivered_form(address)
    except UndeliverableAddress:
        return address


def address_key(address: str | None) -> str:
    """The key by which addresses are compared: the delivered form without ASCII case. Empty for no address."""
    return delivery_address(address or "").translate(_LOWERCASE)


def _ascii_domain(domain: str) -> str:
    """The domain in ASCII. Raises `IDNAError` unless UTS 46 changes nothing but its case."""
    # One character at a time: in a word, the last sigma would become another letter.
    lowercase = unicodedata.normalize("NFC", "".join(c.lower() for c in unicodedata.normalize("NFC", domain)))
    if idna.uts46_remap(domain) != lowercase:
        raise idna.IDNAError("compatibility characters")
    return ".".join(map(_ascii_label, lowercase.split(".")))


def _ascii_label(label: str) -> str:
    # IDNA 2008 is stricter about ASCII than mail servers are: it refuses `r3---a`.
    if label.isascii() and not label.startswith(_ACE_PREFIX):
        return label
    return idna.alabel(label).decode()


def _is_public(domain: str) -> bool:
    """Whether the domain looks like a host name of the public internet, or is one that a setting allows."""
    if domain in settings.EMAIL_INTERNAL_DOMAINS:
        return True
    labels = domain.split(".")
    return len(labels) > 1 and labels[-1] not in _INTERNAL and not labels[-1].isdigit()
