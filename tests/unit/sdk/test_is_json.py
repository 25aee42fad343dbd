"""What is JSON is spliced into our own answers as it stands: the fast check must say what the standard library says."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.sdk import is_json

MARKS = (
    b"{}[]\":,0123456789.eE+-truefalsn\\u/ \t\n\r\x00\x1f\x7f\x80\xc3\xa4\xed\xa0\x80\xf0\x9f\x98\xff\xef\xbb\xbfNaId'"
)

TEXTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
).flatmap(
    lambda tree: st.sampled_from(
        [json.dumps(tree).encode(), json.dumps(tree, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")]
    )
)


def reference(data: bytes) -> bool:
    """Ask the standard library, told not to take its own additions for JSON."""

    def refused(name: str) -> None:
        raise ValueError(name)

    try:
        json.loads(data.decode(), parse_constant=refused)
    except ValueError:
        return False
    return True


@given(TEXTS, st.lists(st.tuples(st.integers(0, 400), st.sampled_from("idr"), st.sampled_from(MARKS)), max_size=3))
def test_it_agrees_with_the_standard_library(data: bytes, edits: list[tuple[int, str, int]]) -> None:
    text = bytearray(data)
    for place, edit, mark in edits:
        at = place % (len(text) + 1)
        replaced = {"i": (at, at, bytes([mark])), "d": (at, at + 1, b""), "r": (at, at + 1, bytes([mark]))}
        start, end, new = replaced[edit]
        text[start:end] = new
    assert is_json(bytes(text)) == reference(bytes(text))


@given(st.binary(max_size=12))
def test_it_agrees_on_any_bytes(data: bytes) -> None:
    for framed in (data, b'"' + data + b'"', b"[" + data + b"]", b"1" + data):
        assert is_json(framed) == reference(framed)


@pytest.mark.parametrize(
    "data",
    [
        *(b"1e400", b"-0", b"12345678901234567890123", b'"\\ud800"', b'{"a":1,"a":2}', b" \t\r\n[] \n", b'"\x7f"'),
        *(b'"' + b"long " * 20 + "ä".encode() + b'"', b"[" * 900 + b"]" * 900),
    ],
)
def test_what_is_unusual_is_json_all_the_same(data: bytes) -> None:
    assert is_json(data)


@pytest.mark.parametrize("before", range(65_530, 65_540))
def test_a_character_may_stand_where_pieces_meet(before: int) -> None:
    text = '"' + "x" * before + "\U0001f600" * 30_000 + '"'
    assert is_json(text.encode())
    broken = text.encode().replace(b'\x9f\x98\x80"', b'\x9f\x98"')
    assert not is_json(broken)
    assert not is_json(broken.removesuffix(b'"'))


@pytest.mark.parametrize(
    "data",
    [
        *(b"", b" ", b"NaN", b"[NaN]", b"-Infinity", b"01", b"1.", b".5", b"+1", b"[1,]", b'{"a":1,}', b"{} {}", b"1}"),
        *(
            b'1,"responseMeta":{}',
            b"\xef\xbb\xbf{}",
            b"nul",
            b"truee",
            b"'a'",
            b"{1:2}",
            b'"\t"',
            b'"\\x"',
            b'"\\u12g4"',
        ),
        *(b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\x80"', b'"' + b"long " * 20 + b'\xe4"', b"[\x00]", b"/**/1", b"\x0c1"),
        b"[" * 100_000 + b"]" * 100_000,
    ],
)
def test_what_only_resembles_json_is_none(data: bytes) -> None:
    assert not is_json(data)
