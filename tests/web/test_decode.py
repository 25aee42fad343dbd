"""The JSON decoder: what it refuses, where it says so, what it keeps exactly, and that refusing is cheap."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, Problem
from appsmith_proxy.web.decode import MAX_CONTAINERS, MAX_DEPTH, MAX_MEMBERS, MAX_NUMBER_CHARACTERS, decode
from tests.servers.steps import steps


def problems(text: bytes, path: str = "") -> tuple[Problem, ...]:
    with pytest.raises(InvalidRequest) as caught:
        decode(text, path=path)
    return caught.value.details


def decoded(text: bytes) -> Any:
    """Return the value, or the refusal's problems."""
    try:
        return decode(text)
    except InvalidRequest as error:
        return error.details


def nested(depth: int, opening: str = "[", closing: str = "]") -> bytes:
    return (opening * depth + closing * depth).encode()


REFUSED: dict[str, bytes] = {
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "-Infinity": b'{"a": -Infinity}',
    "1e999": b'{"a": 1e999}',
    "-1e999": b'{"a": -1e999}',
    "2^53": b'{"a": 9007199254740992}',
    "-2^53": b'{"a": -9007199254740992}',
    "2^64": b'{"a": 18446744073709551616}',
    "4301 digits": b'{"a": ' + b"9" * 4301 + b"}",
    "a long fraction": b'{"a": 0.' + b"1" * MAX_NUMBER_CHARACTERS + b"}",
    "duplicate keys": b'{"a": 1, "a": 2}',
    "duplicate keys, one escaped": rb'{"a": 1, "\u0061": 2}',
    "lone surrogate": rb'{"a": "\ud800"}',
    "lone surrogate in a key": rb'{"\udfff": 1}',
    "surrogate as UTF-8": b'{"a": "\xed\xa0\x80"}',
    "overlong UTF-8": b'{"a": "\xc0\xaf"}',
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "UTF-32": '{"a": 1}'.encode("utf-32"),
    "byte order mark": b'\xef\xbb\xbf{"a": 1}',
    "trailing data": b'{"a": 1} 2',
    "two texts": b"{}{}",
    "comment": b'{"a": 1 /* x */}',
    "trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "control character": b'{"a": "\x01"}',
    "NUL byte": b'{"a": "\x00"}',
    "leading zero": b'{"a": 01}',
    "plus sign": b'{"a": +1}',
    "underscore": b'{"a": 1_000}',
    "hexadecimal": b'{"a": 0x10}',
    "empty": b"",
    "white space": b" \n",
    "a long key": b'{"' + b"k" * 2000 + b'": 1}',
    "too deep": nested(MAX_DEPTH + 1),
    "too deep, objects": nested(MAX_DEPTH + 1, '{"a":', "}").replace(b"{}", b'{"a":1}'),
    "1,000 deep": nested(1_000),
    "100,000 deep": nested(100_000),
    "100,000 open": b"[" * 100_000,
    "mismatched": b"[" * 40 + b"}" * 40,
}


@pytest.mark.parametrize("name", REFUSED)
def test_refuses(name: str) -> None:
    assert problems(REFUSED[name])


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"9007199254740991", 2**53 - 1),
        (b"-9007199254740991", -(2**53) + 1),
        (b"1.50", Decimal("1.50")),
        (b"0.1", Decimal("0.1")),
        (b"1e3", Decimal("1e3")),
        (b"3.141592653589793238462643", Decimal("3.141592653589793238462643")),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"a\\u0000b"', "a\0b"),
        (b'[true, false, null, "", {}]', [True, False, None, "", {}]),
        (nested(MAX_DEPTH), None),
        (b'"' + b"[" * 5_000 + b'"', "[" * 5_000),
        (b'["\\"' + b"[" * 100 + b'"]', ['"' + "[" * 100]),
    ],
)
def test_keeps(text: bytes, value: Any) -> None:
    decoded = decode(text)
    if value is not None:
        assert decoded == value
        assert type(decoded) is type(value)
        assert str(decoded) == str(value)


def test_says_every_flaw_with_its_place_and_never_the_value() -> None:
    text = b'{"a": [1, 99999999999999999999], "b": {"c": NaN, "d": 1, "d": 2}, "e": 1e999}'
    found = problems(text, "params")
    assert [problem.path for problem in found] == ["params.a[1]", "params.b.c", "params.b.d", "params.e"]
    assert all("99999" not in problem.message + problem.hint for problem in found)
    assert "as a string" in found[0].hint


def test_says_line_and_column_of_what_is_no_json() -> None:
    (problem,) = problems(b'{"a": 1,\n "b": }')
    assert (problem.line, problem.column) == (2, 7)


def test_management_bodies_get_floats() -> None:
    assert decode(b'{"min": 1.5}', fraction=float) == {"min": 1.5}


@pytest.mark.parametrize(
    "text",
    [
        b"[" + b"1," * (MAX_MEMBERS + 1) + b"1]",
        b"[" + b"{}," * MAX_CONTAINERS + b"{}]",
        b"[" * 5_000_000 + b"]" * 5_000_000,
        b"[" * 10_000_000,
        b"[]" * 5_000_000,
        b'{"a":' * 1_000_000,
    ],
)
def test_refuses_bombs_before_they_cost(text: bytes) -> None:
    assert problems(text)
    # Linear passes over the bytes, and not a step for each of what is in them.
    assert steps(lambda: problems(text)) < 500


def json_values() -> st.SearchStrategy[Any]:
    scalars = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=20)
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
        max_leaves=20,
    )


@given(json_values(), st.booleans())
def test_agrees_with_the_standard_on_what_is_valid(value: Any, ascii_only: bool) -> None:
    assert decode(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_clear_refusal(text: bytes) -> None:
    found = decoded(text)
    if isinstance(found, tuple):
        assert all(problem.message for problem in found)
        assert found


@given(st.text(alphabet='{}[]",:\\ 1.eE-+0ntfau', max_size=60))
def test_near_json_is_a_value_or_a_clear_refusal(text: str) -> None:
    found = decoded(text.encode())
    if isinstance(found, tuple):
        assert found
    else:
        assert found == json.loads(text, parse_float=Decimal)
