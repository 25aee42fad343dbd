"""The guard's tables: what each address is, and which spellings of a host pass."""

import ipaddress
from pathlib import Path

import pytest

from appsmith_proxy.gateway.addresses import HostRefused, canonical_host, classify, parse_address

ROWS = [
    line.split(maxsplit=2)
    for line in Path(__file__).with_name("addresses.txt").read_text().splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize(("address", "standing", "why"), ROWS, ids=[row[0] for row in ROWS])
def test_each_address_has_its_standing(address: str, standing: str, why: str) -> None:
    assert classify(ipaddress.ip_address(address)).standing == standing, why


def test_the_table_is_worth_its_name() -> None:
    assert len(ROWS) >= 80
    assert len({row[0] for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("169.254.169.254", "metadata"),
        ("169.254.1.1", "link-local"),
        ("2002:7f00:1::", "6to4 around an address that is loopback"),
        ("64:ff9b::a9fe:a9fe", "NAT64 around an address that is the metadata"),
        ("2001:0:4136:e378:8000:63bf:80ff:fffe", "Teredo around an address that is loopback"),
        ("2606:4700::5efe:7f00:1", "ISATAP around an address that is loopback"),
        ("2002:808:808::1", "out of use"),
    ],
)
def test_the_reason_names_the_class(address: str, words: str) -> None:
    assert words in classify(ipaddress.ip_address(address)).reason


def test_a_mapped_address_is_read_as_the_address_that_the_kernel_dials() -> None:
    assert str(parse_address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert parse_address("fe80::1%eth0") is not None  # a zone does not hide it: it stays link-local
    assert parse_address("no address") is None


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("db.example.com", "db.example.com"),
        ("DB.Example.COM", "db.example.com"),
        ("db.example.com.", "db.example.com"),
        ("localhost", "localhost"),
        ("my_service", "my_service"),
        ("_srv.host", "_srv.host"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("3com.example", "3com.example"),
        ("1.2.3.4", "1.2.3.4"),
        ("::1", "::1"),
        ("2001:DB8:0:0::1", "2001:db8::1"),
        ("::ffff:127.0.0.1", "127.0.0.1"),
        ("::FFFF:7F00:1", "127.0.0.1"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
        (".".join(["a" * 49] * 5), ".".join(["a" * 49] * 5)),
    ],
)
def test_a_host_has_one_spelling(text: str, canonical: str) -> None:
    assert canonical_host(text) == canonical
    assert canonical_host(canonical) == canonical


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("bücher.example", "punycode"),
        ("127.1", "in full"),
        ("user@host", "user"),
        ("/var/run/postgresql", "path"),
        ("fe80::1%eth0", "zone"),
        ("[::1]", "brackets"),
        ("[db]", "brackets"),
        ("a..b", "empty labels"),
    ],
)
def test_the_refusal_says_what_to_write(text: str, advice: str) -> None:
    with pytest.raises(HostRefused, match=advice):
        canonical_host(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        ".example.com",
        "a..b",
        "example.com..",
        " example.com",
        "example.com ",
        "exam ple.com",
        "exa\tmple.com",
        "example.com\n",
        "example.com\0",
        "a" * 64 + ".example",
        "-a.example",
        "a-.example",
        ".".join(["a" * 49] * 6),
        "bücher.example",
        "１２７.0.0.1",
        "127。0。0。1",
        "ⓛocalhost",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0x7f.1",
        "127.0.0.0x1",
        "127.0.0.0x",
        "0177.0.0.1",
        "127.0.0.01",
        "127.1",
        "127.0.1",
        "127.0.0.1.",
        "127.0.0.1.5",
        "256.0.0.1",
        "1.2.3.4.",
        "0",
        "017700000001",
        "127.0.0.+1",
        "user@host",
        "host/path",
        "/var/run/postgresql",
        "host:5432",
        "host?x",
        "host#x",
        "host\\x",
        "[::1]",
        "::1]",
        "fe80::1%eth0",
        "fe80::1%25eth0",
        "::g",
        "1:2:3:4:5:6:7:8:9",
        "::ffff:127.0.0.1.",
        "::ffff:127.0.0.01",
        "%31%32%37.0.0.1",
        "host,other",
        "*.example.com",
        "host;x",
        "127.0.0.1%00",
    ],
)
def test_an_unusual_spelling_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(HostRefused) as caught:
        canonical_host(text)
    assert len(text) < 4 or text not in str(caught.value)
