"""What trusted proxies report about a request in the header `ADDRESS_HEADER`, in the format of RFC 7239.

Its name has neither hyphens nor underscores, because servers fold `X-Forwarded-For` and a forged `X_Forwarded_For`
into one name.
"""

import ipaddress
import re
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest

# Addresses and schemes contain neither commas nor quotes, so a hop that contains them elsewhere is not read.
_PAIR = re.compile(r'\s*([\w-]+)=("[^"\\]*"|[^"\s]*)\s*', re.ASCII)


@dataclass(frozen=True)
class Hop:
    """Each value is None if the proxy did not report it, or reported it in no known form."""

    address: str | None
    scheme: str | None


def reported_hop(request: HttpRequest) -> Hop | None:
    """What the outermost of N trusted proxies reports: the Nth element from the right. None without it."""
    proxies = settings.TRUSTED_PROXIES
    elements = request.headers.get(settings.ADDRESS_HEADER, "").split(",")
    if proxies < 1 or len(elements) < proxies:
        return None

    # The pairs of the element; a repeated or malformed one makes the whole element unreadable.
    values: dict[str, str] = {}
    for text in elements[-proxies].split(";"):
        pair = _PAIR.fullmatch(text)
        if pair is None or pair[1].lower() in values:
            return None
        values[pair[1].lower()] = pair[2].strip('"')
    scheme = values.get("proto", "").lower()
    return Hop(parse_address(values.get("for", "")), scheme if scheme in ("http", "https") else None)


def parse_address(text: str) -> str | None:
    """The IP address in canonical form, without port, brackets and zone; None if the text is not an IP address.

    An IPv4 address that is mapped into IPv6 is returned as IPv4.
    """
    text = text.strip()
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::\d{1,5})?", text, re.ASCII)
    with_port = re.fullmatch(r"([\d.]+):\d{1,5}", text, re.ASCII)
    if bracketed:
        text = bracketed[1]
    elif with_port:
        text = with_port[1]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return str(address)
