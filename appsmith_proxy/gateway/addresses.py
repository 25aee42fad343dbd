"""What an IP address is, and which spellings of a host are accepted: pure tables, no I/O.

::

    classify(address) ── PUBLIC | PRIVATE | LOOPBACK | DENIED, with the reason
    canonical_host(text) ── the one spelling of a host, or HostRefused

``ipaddress.is_global`` is not a policy: it says True for multicast, NAT64 that embeds loopback, site-local and more.
So every network is a row of a table here; IPv6 outside 2000::/3 that has no row is denied.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final, TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

LOOPBACK_NAME: Final = "localhost"
LOOPBACK_ADDRESSES: Final = ("127.0.0.1", "::1")
MAX_HOST_LENGTH: Final = 253


class Standing(StrEnum):
    """What the guard thinks of an address."""

    PUBLIC = "public"
    PRIVATE = "private"
    LOOPBACK = "loopback"
    DENIED = "denied"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The standing of one address, and why in words that fit into a sentence."""

    standing: Standing
    reason: str


class HostRefused(ValueError):
    """The host is spelled in a way that two programs could read differently. ``args[0]`` says how to spell it."""


@dataclass(frozen=True, slots=True)
class _Row:
    network: IPv4Network | IPv6Network
    verdict: Verdict


def _row(network: str, standing: Standing, reason: str) -> _Row:
    parsed = IPv6Network(network) if ":" in network else IPv4Network(network)
    return _Row(parsed, Verdict(standing, reason))


_METADATA: Final = "the metadata service of a cloud"
_RESERVED: Final = "reserved by the internet's registry"
_DOCUMENTATION: Final = "reserved for documentation"

_V4: Final = (  # the first row that contains the address decides
    _row("169.254.169.254/32", Standing.DENIED, _METADATA),
    _row("169.254.170.2/32", Standing.DENIED, _METADATA),
    _row("168.63.129.16/32", Standing.DENIED, _METADATA),  # a public address that Azure answers inside its networks
    _row("100.100.100.200/32", Standing.DENIED, _METADATA),  # Alibaba, inside the shared range
    _row("192.0.0.192/32", Standing.DENIED, _METADATA),  # Oracle's old one
    _row("0.0.0.0/32", Standing.DENIED, "the unspecified address"),
    _row("0.0.0.0/8", Standing.DENIED, "this network, not a host"),
    _row("127.0.0.0/8", Standing.LOOPBACK, "loopback"),
    _row("169.254.0.0/16", Standing.DENIED, "link-local"),
    _row("10.0.0.0/8", Standing.PRIVATE, "private"),
    _row("172.16.0.0/12", Standing.PRIVATE, "private"),
    _row("192.168.0.0/16", Standing.PRIVATE, "private"),
    _row("100.64.0.0/10", Standing.PRIVATE, "shared by a carrier's customers"),
    _row("192.0.0.0/24", Standing.DENIED, _RESERVED),
    _row("192.0.2.0/24", Standing.DENIED, _DOCUMENTATION),
    _row("198.51.100.0/24", Standing.DENIED, _DOCUMENTATION),
    _row("203.0.113.0/24", Standing.DENIED, _DOCUMENTATION),
    _row("192.88.99.0/24", Standing.DENIED, "a 6to4 relay"),
    _row("198.18.0.0/15", Standing.DENIED, "reserved for benchmarks"),
    _row("224.0.0.0/4", Standing.DENIED, "multicast"),
    _row("255.255.255.255/32", Standing.DENIED, "broadcast"),
    _row("240.0.0.0/4", Standing.DENIED, _RESERVED),
)
_V6: Final = (
    _row("fd00:ec2::254/128", Standing.DENIED, _METADATA),
    _row("fd20:ce::254/128", Standing.DENIED, _METADATA),
    _row("fd00:ec2::23/128", Standing.DENIED, _METADATA),
    _row("::/128", Standing.DENIED, "the unspecified address"),
    _row("::1/128", Standing.LOOPBACK, "loopback"),
    _row("fe80::/10", Standing.DENIED, "link-local"),
    _row("fec0::/10", Standing.DENIED, "site-local, deprecated"),
    _row("fc00::/7", Standing.PRIVATE, "private"),
    _row("ff00::/8", Standing.DENIED, "multicast"),
    _row("100::/64", Standing.DENIED, "the discard prefix"),
    _row("64:ff9b:1::/48", Standing.DENIED, "local-use NAT64, which does not say which IPv4 address is meant"),
    _row("2001:db8::/32", Standing.DENIED, _DOCUMENTATION),
    _row("3fff::/20", Standing.DENIED, _DOCUMENTATION),
    _row("2001::/23", Standing.DENIED, _RESERVED),
    _row("5f00::/16", Standing.DENIED, "segment routing"),
    _row("2000::/3", Standing.PUBLIC, "public"),
    _row("::/0", Standing.DENIED, _RESERVED),
)
_PUBLIC: Final = Verdict(Standing.PUBLIC, "public")


@dataclass(frozen=True, slots=True)
class _Tunnel:
    """A form of IPv6 address that carries an IPv4 address."""

    name: str
    network: IPv6Network
    inner: Callable[[int], int]
    carries_public: bool
    """A public IPv4 address inside makes the whole usable (NAT64). Else the form is out of use and always denied."""


_TUNNELS: Final = (
    _Tunnel("NAT64", IPv6Network("64:ff9b::/96"), lambda bits: bits, carries_public=True),
    _Tunnel("6to4", IPv6Network("2002::/16"), lambda bits: bits >> 80, carries_public=False),
    _Tunnel("Teredo", IPv6Network("2001::/32"), lambda bits: ~bits, carries_public=False),
    _Tunnel("IPv4-compatible", IPv6Network("::/96"), lambda bits: bits, carries_public=False),
)
_LOW_32: Final = 0xFFFF_FFFF
_ISATAP: Final = frozenset({0x0000_5EFE, 0x0200_5EFE})  # the upper half of the interface identifier, RFC 5214 §6.1


def parse_address(text: str) -> Address | None:
    """Return the address a literal means, IPv4-mapped forms as the IPv4 address; None when it is no plain literal."""
    try:
        return plain(ip_address(text))
    except ValueError:
        return None


def plain(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped one, else the address itself: what the kernel would dial."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def classify(address: Address) -> Verdict:
    """Return what an address is. An IPv4 address embedded in it is decoded and counts as well."""
    address = plain(address)
    if isinstance(address, IPv4Address):
        return _look_up(_V4, address) or _PUBLIC
    return _through_tunnel(address) or _look_up(_V6, address) or _PUBLIC


def canonical_host(text: str) -> str:
    """Return the one spelling of a host name or IP literal.

    Names are lower-case letters, digits, hyphens and underscores in labels of 1 to 63; international names are
    written in punycode. One dot at the end is dropped. Nothing that ``getaddrinfo`` would take for a number in
    disguise (decimal, octal, hexadecimal, short or full-width forms) passes as a name.

    Raises:
        HostRefused: with a sentence that says what is wrong; it never quotes the host.
    """
    if not text or len(text) > MAX_HOST_LENGTH + 1:
        raise HostRefused(f"a host must have 1 to {MAX_HOST_LENGTH} characters")
    if not text.isascii():
        raise HostRefused("a host must be ASCII; write an international name in punycode (xn--…)")
    if ":" in text:
        return _literal(text)
    name = text.removesuffix(".").lower()
    labels = name.split(".")
    if _NUMERIC.fullmatch(labels[-1]):
        return _literal(text)
    if len(name) > MAX_HOST_LENGTH:
        raise HostRefused(f"a host must have 1 to {MAX_HOST_LENGTH} characters")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise HostRefused(_complaint(label))
    return name


_NUMERIC: Final = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_COMPLAINTS: Final[Mapping[str, str]] = {
    "@": "a host must not contain a user",
    "%": "a host must not contain percent-encoding or a zone",
    "/": "a host must not contain a path: sockets in the file system are not reachable",
    "[": "write an IPv6 address without brackets",
}


def _literal(text: str) -> str:
    if "%" in text:
        raise HostRefused("an IPv6 address must not have a zone")
    if "[" in text:
        raise HostRefused(_COMPLAINTS["["])
    try:
        address = ip_address(text)
    except ValueError:
        raise HostRefused("write an IP address in full: four decimal numbers without leading zeros, or IPv6") from None
    return str(plain(address))


def _complaint(label: str) -> str:
    if not label:
        return "a host must not have empty labels (two dots in a row, or a dot in front)"
    for character, complaint in _COMPLAINTS.items():
        if character in label:
            return complaint
    return "a host's labels are 1 to 63 letters, digits, hyphens and underscores, with no hyphen at either end"


def _look_up(table: tuple[_Row, ...], address: Address) -> Verdict | None:
    for row in table:
        if address in row.network:
            return row.verdict
    return None


def _through_tunnel(address: IPv6Address) -> Verdict | None:
    """Return the verdict on an address that carries an IPv4 address, or None when it carries none."""
    bits = int(address)
    if bits <= 1:  # :: and ::1 have rows of their own
        return None
    for tunnel in _TUNNELS:
        if address in tunnel.network:
            inner = classify(IPv4Address(tunnel.inner(bits) & _LOW_32))
            if tunnel.carries_public and inner.standing is Standing.PUBLIC:
                return inner
            return _carried(tunnel.name, inner)
    if (bits >> 32) & _LOW_32 in _ISATAP:
        return _carried("ISATAP", classify(IPv4Address(bits & _LOW_32)))
    return None


def _carried(form: str, inner: Verdict) -> Verdict:
    if inner.standing is Standing.PUBLIC:
        return Verdict(Standing.DENIED, f"of the form {form}, which is out of use")
    return Verdict(Standing.DENIED, f"of the form {form} around an address that is {inner.reason}")
