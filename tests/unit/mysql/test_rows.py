"""Rows as they are cut out of what came: any NULLs, any lengths, in any pieces, as cells and as JSON, and soon forgotten."""

import gc
import json
import struct
import tracemalloc
import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from appsmith_proxy.sdk import Statement
from appsmith_proxy_mysql.decode import FEW, Shape
from appsmith_proxy_mysql.packets import UNREADABLE
from appsmith_proxy_mysql.protocol import Malformed
from appsmith_proxy_mysql.replies import Features, Kept
from appsmith_proxy_mysql.rows import RowsReply
from appsmith_proxy_mysql.types import Definition
from tests.servers.mysql_rogue import end, packets, row

TEXT, BIGINT, DATETIME, DOUBLE, TINYINT = 253, 8, 12, 5, 1
MEASURED = 45
FORMS = {BIGINT: "<q", DOUBLE: "<d", TINYINT: "<b"}


def definition(name: str, type_: int, *, decimals: int = 0) -> Definition:
    return Definition(name=name, type=type_, charset=MEASURED, flags=0, decimals=decimals)


def binary(values: list[Any], types: list[int]) -> bytes:
    """Return a row of the binary protocol."""
    nulls = sum(1 << index + 2 for index, value in enumerate(values) if value is None)
    parts = [b"\0", nulls.to_bytes((len(values) + 9) // 8, "little")]
    for value, type_ in zip(values, types, strict=True):
        if value is not None:
            parts.append(struct.pack(FORMS[type_], value) if type_ in FORMS else lengthened(value.encode()))
    return b"".join(parts)


def lengthened(data: bytes) -> bytes:
    if len(data) <= 250:
        return bytes((len(data),)) + data
    return b"\xfc" + len(data).to_bytes(2, "little") + data


def reply_to(shape: Shape, *, encode: bool) -> RowsReply:
    """Return a reply that awaits rows of a shape, and the end."""
    kept = Kept(statement=Statement(text="SELECT"), id=1, parameter_count=0, shape=shape)
    reply = RowsReply(kept, Features(short_ends=True, extended=False), rows=10**6, size=10**8, stop=True, encode=encode)
    reply._to_rows()
    return reply


def fed(reply: RowsReply, data: bytes, cuts: list[int]) -> list[Any]:
    """Feed data in pieces, and return the rows."""
    waiting = b""
    for start, stop in zip([0, *cuts], [*cuts, len(data)], strict=True):
        waiting += data[start:stop]
        waiting = waiting[reply.feed(waiting) :]
    assert (reply.finished, waiting) == (True, b"")
    return reply.rows


VALUES: dict[int, st.SearchStrategy[Any]] = {
    TEXT: st.one_of(st.text(max_size=20), st.integers(248, 700).map("é".__mul__), st.just('"\\\x00\x7f\u2028')),
    BIGINT: st.one_of(st.integers(-9, 9), st.integers(-(2**63), 2**63 - 1)),
    DOUBLE: st.floats(allow_nan=False, allow_infinity=False),
    TINYINT: st.integers(-128, 127),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], list[list[Any]]]:
    types = draw(st.lists(st.sampled_from(sorted(VALUES)), min_size=1, max_size=10))
    values = [st.none() | VALUES[type_] if draw(st.booleans()) else VALUES[type_] for type_ in types]
    return types, draw(st.lists(st.tuples(*values).map(list), max_size=12))


@settings(deadline=None)
@given(tables(), st.data())
def test_rows_are_exact_however_they_arrive(table: tuple[list[int], list[list[Any]]], data: st.DataObject) -> None:
    types, rows = table
    names = [f'"{index}" %b' for index in range(len(types))]
    shape = Shape([definition(name, type_) for name, type_ in zip(names, types, strict=True)])
    whole = packets(*(binary(row, types) for row in rows), end())
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    assert fed(reply_to(shape, encode=False), whole, cuts) == [tuple(row) for row in rows]
    encoded = fed(reply_to(shape, encode=True), whole, cuts)
    expected = [{name: _shown(value) for name, value in zip(names, row, strict=True)} for row in rows]
    assert [json.loads(text) for text in encoded] == expected


def _shown(value: Any) -> Any:
    return str(value) if isinstance(value, int) and abs(value) >= 2**53 else value


STAMPS = st.lists(
    st.sampled_from([0, 4, 7, 11]).flatmap(
        lambda size: st.tuples(
            st.integers(0, 9999),
            st.integers(0, 12),
            st.integers(0, 28),
            st.integers(0, 23),
            st.integers(0, 59),
            st.integers(0, 59),
            st.integers(0, 999_999),
        ).map(lambda parts: struct.pack("<HBBBBBI", *parts)[:size])
    ),
    min_size=1,
    max_size=6,
)


@settings(deadline=None)
@given(STAMPS, st.sampled_from([0, 1, 3, 6, 31]), st.sampled_from([7, DATETIME]))
def test_timestamps_are_the_same_both_ways(stamps: list[bytes], decimals: int, type_: int) -> None:
    shape = Shape([definition("at", type_, decimals=decimals)])
    whole = packets(*(row(stamp) for stamp in stamps), end())
    cells = fed(reply_to(shape, encode=False), whole, [])
    assert [json.loads(text)["at"] for text in fed(reply_to(shape, encode=True), whole, [])] == [
        one for (one,) in cells
    ]


@pytest.mark.parametrize("encode", [True, False])
@pytest.mark.parametrize("count", [1, FEW, FEW + 1])
@pytest.mark.parametrize(
    "lie",
    [b"\0\0\x01x\x01y", b"\0\0", b"\0\0\x09x", b"\0\0\x03x", b"\0\0\xfc\x09\0x"],
    ids=["too many", "too few", "too long", "a byte too long", "much too long"],
)
def test_rows_that_do_not_end_where_their_values_do_are_none(lie: bytes, count: int, *, encode: bool) -> None:
    """Read one by one, and a column at a time."""
    shape = Shape([definition("v", TEXT)])
    with pytest.raises(UNREADABLE):
        reply_to(shape, encode=encode).feed(packets(*[lie] * count, end()))


@pytest.mark.parametrize("encode", [True, False])
def test_rows_that_each_claim_to_hold_everything_cost_nothing(encode: bool) -> None:
    shape = Shape([definition("v", TEXT)])
    lie = packets(*[b"\0\0\xfd\0\0\x04"] * 20_000, start=1)
    tracemalloc.start()
    try:
        with pytest.raises(Malformed):
            reply_to(shape, encode=encode).feed(lie)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20


def test_an_answer_is_freed_when_nobody_has_it_any_more() -> None:
    """Not when garbage is collected: until then large answers would pile up."""
    reply = reply_to(Shape([definition("v", TEXT)]), encode=True)
    fed(reply, packets(row(b"x"), end()), [])
    gc.disable()
    try:
        watched = weakref.ref(reply)
        del reply
        assert watched() is None
    finally:
        gc.enable()
