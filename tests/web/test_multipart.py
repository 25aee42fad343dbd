"""Cutting forms: what browsers write is read, whatever the bytes; everything else is refused."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, TooLarge
from appsmith_proxy.web.multipart import MAX_NAME_CHARACTERS, MAX_PARTS, Part, boundary_of, split
from tests.web.client import BOUNDARY, form

MARK = BOUNDARY.encode()


@pytest.mark.parametrize(
    ("content_type", "boundary"),
    [
        ("multipart/form-data; boundary=abc", b"abc"),
        ('multipart/form-data; boundary="a b"', b"a b"),
        ("Multipart/Form-Data;boundary=abc;charset=utf-8", b"abc"),
        ("multipart/form-data; charset=utf-8; boundary=abc", b"abc"),
        ("multipart/mixed; boundary=abc", None),
        ("multipart/form-data", None),
        ("multipart/form-data; boundary=", None),
        ("multipart/form-data; boundary=" + "x" * 71, None),
        ("application/json", None),
        ("", None),
    ],
)
def test_finds_the_boundary(content_type: str, boundary: bytes | None) -> None:
    assert boundary_of(content_type) == boundary


names = st.text(alphabet=st.characters(codec="utf-8", exclude_characters='"\\\r\n%\0'), min_size=1, max_size=40)
values = st.binary(max_size=200).filter(lambda value: b"\r\n--" + MARK not in b"\r\n" + value)


@given(st.lists(st.tuples(names, values), max_size=8))
def test_reads_what_was_written(parts: list[tuple[str, bytes]]) -> None:
    assert split(form(parts), MARK, value_bytes=1_000) == [Part(name, value) for name, value in parts]


@pytest.mark.parametrize("value", [b"", b"\r\n", b"\r\n\r\n", b"--", b"\r\n--", b"\r\n--" + MARK[:-1], b"\r", b"\n"])
def test_keeps_values_that_look_like_framing(value: bytes) -> None:
    assert split(form([("k0", value), ("k1", b"next")]), MARK, value_bytes=100) == [
        Part("k0", value),
        Part("k1", b"next"),
    ]


def test_reads_names_as_browsers_escape_them() -> None:
    body = form([("a%22b%0D%0A", b"1"), (r"c\"d", b"2")])
    assert [part.name for part in split(body, MARK, value_bytes=10)] == ['a"b\r\n', 'c"d']


def test_ignores_preamble_epilogue_and_padding() -> None:
    body = b"preamble\r\n" + form([("k0", b"1")]).replace(MARK + b"\r\n", MARK + b" \t\r\n") + b"epilogue"
    assert split(body, MARK, value_bytes=10) == [Part("k0", b"1")]


def part(head: bytes, value: bytes = b"1") -> bytes:
    return b"--" + MARK + b"\r\n" + head + b"\r\n\r\n" + value + b"\r\n--" + MARK + b"--\r\n"


NAMED = b'Content-Disposition: form-data; name="k0"'


@pytest.mark.parametrize(
    "body",
    {
        "empty": b"",
        "no boundary": b"k0=1",
        "another boundary": form([("k0", b"1")], "other"),
        "not closed": form([("k0", b"1")])[: -len(MARK) - 6],
        "cut in a head": b"--" + MARK + b"\r\nContent-Disposition: form-data",
        "boundary goes on": form([("k0", b"1")]).replace(MARK + b"\r\n", MARK + b"x\r\n", 1),
        "only a beginning": b"--" + MARK,
        "no disposition": part(b"Content-Type: text/plain"),
        "no name": part(b"Content-Disposition: form-data"),
        "attachment": part(b'Content-Disposition: attachment; name="k0"'),
        "two dispositions": part(NAMED + b"\r\n" + NAMED),
        "a line that is no header": part(NAMED + b"\r\nnonsense"),
        "base64": part(NAMED + b"\r\nContent-Transfer-Encoding: base64"),
        "gzip": part(NAMED + b"\r\nContent-Encoding: gzip"),
        "name not UTF-8": part(b'Content-Disposition: form-data; name="\xff"'),
        "unquoted name": part(b"Content-Disposition: form-data; name=k0"),
        "endless head": part(NAMED + b"\r\nX: " + b"x" * 3_000),
    }.items(),
    ids=lambda item: item[0],
)
def test_refuses(body: tuple[str, bytes]) -> None:
    with pytest.raises(InvalidRequest) as caught:
        split(body[1], MARK, value_bytes=100)
    assert caught.value.details


@pytest.mark.parametrize(
    "body",
    [
        form([("k0", b"x" * 101)]),
        form([(f"k{number}", b"") for number in range(MAX_PARTS + 1)]),
        form([("k" * (MAX_NAME_CHARACTERS + 1), b"")]),
    ],
    ids=["value", "parts", "name"],
)
def test_caps(body: bytes) -> None:
    with pytest.raises(TooLarge):
        split(body, MARK, value_bytes=100)


@given(st.binary(max_size=300))
def test_any_bytes_are_parts_or_a_clear_refusal(noise: bytes) -> None:
    for body in (noise, b"--" + MARK + noise, form([("k0", noise)])[: len(noise)] + noise):
        with suppress(InvalidRequest):
            split(body, MARK, value_bytes=100)
