"""The part of an IP address that belongs to one caller, by which requests and failed logins are counted."""

import ipaddress

# A single connection usually has a whole /64 network (RFC 6177), and can use any of its addresses.
_IPV6_PREFIX_LENGTH = 64


def address_prefix(address: str) -> str:
    """An IPv4 address unchanged, and the first address of the /64 network of an IPv6 address.

    An IPv4-mapped IPv6 address becomes its IPv4 address. A text that is not an IP address stays as it is.
    """
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return str(ip)
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.IPv6Network((ip, _IPV6_PREFIX_LENGTH), strict=False).network_address)
