"""The fast reader of execute calls answers what the strict one does, or nothing."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest
from appsmith_proxy.web.decode import decode
from appsmith_proxy.web.models import ExecuteBody
from appsmith_proxy.web.parsing import parse
from appsmith_proxy.web.plain import MAX_BYTES, PlainCall, read_plain

ACTION = "0123456789abcdef01234567"

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(), SCALARS, max_size=2)
BODIES = st.fixed_dictionaries(
    {"actionId": st.just(ACTION) | st.text() | SCALARS},
    optional={
        "viewMode": st.booleans() | SCALARS,
        "params": st.dictionaries(st.text(), VALUES, max_size=3) | SCALARS,
        "numbers": st.just("number"),
        "other": SCALARS,
    },
)


def strictly(body: bytes) -> PlainCall | None:
    """Read as everything else is read; None when it is refused."""
    try:
        asked = parse(ExecuteBody, decode(body))
    except InvalidRequest:
        return None
    return asked.action_id, asked.view_mode, asked.params


def text_of(body: Any) -> bytes:
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


@given(BODIES)
def test_what_is_read_fast_is_what_the_strict_reader_reads(body: dict[str, Any]) -> None:
    read = read_plain(text_of(body))
    if read is not None:
        strict = strictly(text_of(body))
        assert read == strict
        assert [type(value) for value in read[2].values()] == [type(value) for value in strict[2].values()]


@given(st.binary(max_size=40), st.integers(0, 80), st.integers(0, 5))
def test_broken_texts_are_never_read_fast_only(noise: bytes, at: int, cut: int) -> None:
    whole = text_of({"actionId": ACTION, "viewMode": True, "params": {"id": 1, "q": "ä"}})
    body = whole[:at] + noise + whole[at + cut :]
    read = read_plain(body)
    assert read is None or read == strictly(body)


@given(
    st.dictionaries(st.text(max_size=20), st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1), max_size=4)
)
def test_the_usual_call_is_read_fast(params: dict[str, Any]) -> None:
    body = text_of({"actionId": ACTION, "viewMode": True, "params": params})
    assert read_plain(body) == (ACTION, True, params)


@pytest.mark.parametrize(
    "text",
    [
        '{"actionId":"@","actionId":"ffffffffffffffffffffffff"}',
        '{"actionId":"@","params":{"a":1,"a":2}}',
        '{"actionId":"@","params":{"a":1.5}}',
        '{"actionId":"@","params":{"a":1e22}}',
        '{"actionId":"@","params":{"a":9007199254740993}}',
        '{"actionId":"@","params":{"a":[1]}}',
        '{"actionId":"@","params":{"a":"\\ud800"}}',
        '{"actionId":"@","params":{"a":NaN}}',
        '{"actionId":"@","numbers":"number"}',
        '{"actionId":"@","viewMode":1}',
        '{"actionId":"@"} ',
        '{"actionId":"F123456789abcdef01234567"}',
        '{"actionId":"@","params":{"a":"LONG"}}',
        '["@"]',
        "",
    ],
)
def test_what_needs_a_second_look_is_left_to_the_strict_reader(text: str) -> None:
    body = text.replace("@", ACTION).replace("LONG", "x" * MAX_BYTES).encode()
    assert read_plain(body) is None
