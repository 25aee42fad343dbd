"""Exact values on the wire, by column type."""

import json
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from appsmith_proxy.errors import ContractBroken
from appsmith_proxy.gateway.encode import BLOCK_ROWS, SAFE_INTEGER, Encoder, data_types
from appsmith_proxy.sdk import Body, BodyKind, Column, ColumnType, EncodedRows, Result

CASES: list[tuple[ColumnType, Any, str]] = [
    (ColumnType.INTEGER, 7, "7"),
    (ColumnType.INTEGER, SAFE_INTEGER, str(SAFE_INTEGER)),
    (ColumnType.INTEGER, -SAFE_INTEGER, str(-SAFE_INTEGER)),
    (ColumnType.INTEGER, SAFE_INTEGER + 1, f'"{SAFE_INTEGER + 1}"'),
    (ColumnType.INTEGER, -SAFE_INTEGER - 1, f'"{-SAFE_INTEGER - 1}"'),
    (ColumnType.INTEGER, 2**63, f'"{2**63}"'),
    (ColumnType.INTEGER, 10**30, f'"{10**30}"'),
    (ColumnType.DECIMAL, "1.50", '"1.50"'),
    (ColumnType.DECIMAL, "NaN", '"NaN"'),
    (ColumnType.FLOAT, 0.1, "0.1"),
    (ColumnType.FLOAT, float("nan"), '"NaN"'),
    (ColumnType.FLOAT, float("inf"), '"Infinity"'),
    (ColumnType.FLOAT, float("-inf"), '"-Infinity"'),
    (ColumnType.BOOLEAN, True, "true"),
    (ColumnType.TEXT, "12", '"12"'),
    (ColumnType.TEXT, "true", '"true"'),
    (ColumnType.TIMESTAMPTZ, "2020-01-01T00:00:00Z", '"2020-01-01T00:00:00Z"'),
    (ColumnType.BYTES, b"\x00\xff" * 40, '"' + "AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8A/wD/AP8=" + '"'),
    (ColumnType.JSON, '{"a": 1.00, "a": 12345678901234567890}', '{"a": 1.00, "a": 12345678901234567890}'),
    (ColumnType.JSON, b"[ 1 ]", "[ 1 ]"),
    (ColumnType.ANY, 5, "5"),
    (ColumnType.ANY, 2**60, f'"{2**60}"'),
    (ColumnType.ANY, "5", '"5"'),
    (ColumnType.ANY, b"\x01", '"AQ=="'),
    (ColumnType.ANY, float("nan"), '"NaN"'),
    (ColumnType.ANY, False, "false"),
]  # fmt: skip


def encoded(columns: tuple[Column, ...], rows: Sequence[Sequence[Any]], *, numbers: str = "string") -> str:
    """Encode rows as an execution does."""
    return Encoder().encode(Result(columns=columns, rows=rows), numbers=numbers).decode()


@pytest.mark.parametrize(("kind", "cell", "expected"), CASES)
def test_a_value_looks_as_its_column_type_says(kind: ColumnType, cell: Any, expected: str) -> None:
    columns = (Column("v", kind, "native"), Column("n", kind, "native"))
    assert encoded(columns, [(cell, None)]) == f'[{{"v":{expected},"n":null}}]'


def test_decimals_become_numbers_with_their_own_digits_when_asked() -> None:
    columns = (Column("v", ColumnType.DECIMAL, "numeric"),)
    text = encoded(columns, [("1.50",), ("NaN",), ("12345678901234567890.123",)], numbers="number")
    assert text == '[{"v":1.50},{"v":"NaN"},{"v":12345678901234567890.123}]'


@pytest.mark.parametrize("digits", ["", "1}],", "1.", ".5", "+1", "01", "1e", "null", "1\n", "١", "nan"])
def test_a_decimal_that_is_no_json_number_never_becomes_a_part_of_the_answer(digits: str) -> None:
    with pytest.raises(ContractBroken):
        encoded((Column("v", ColumnType.DECIMAL, "numeric"),), [(digits,)], numbers="number")


def test_one_large_integer_does_not_change_how_the_others_look() -> None:
    columns = (Column("a", ColumnType.INTEGER, "int8"), Column("b", ColumnType.BYTES, "bytea"))
    text = encoded(columns, [(1, b"x"), (2**62, None)])
    assert orjson.loads(text) == [{"a": 1, "b": "eA=="}, {"a": str(2**62), "b": None}]


def test_a_cell_that_is_not_what_its_type_promises_is_the_drivers_fault() -> None:
    with pytest.raises(ContractBroken):
        encoded((Column("v", ColumnType.TEXT, "text"),), [(object(),)])
    with pytest.raises(ContractBroken):
        encoded((Column("v", ColumnType.ANY, ""),), [(object(),)])


def test_a_column_of_any_type_is_written_cell_by_cell_where_one_cell_needs_it() -> None:
    column = (Column("v", ColumnType.ANY, "any"),)
    for cells in ([1, "x", None, True], [1, 2**60, "x"], [1, 0.5, float("inf"), b"\x01", None]):
        alone = ",".join(encoded(column, [(cell,)])[1:-1] for cell in cells)
        assert encoded(column, [(cell,) for cell in cells]) == f"[{alone}]"


def test_statements_without_rows_answer_the_count() -> None:
    assert Encoder().encode(Result(affected=3), numbers="string") == b'[{"affectedRows":3}]'
    assert Encoder().encode(Result(), numbers="string") == b'[{"affectedRows":0}]'


def test_rows_that_the_database_encoded_are_joined_untouched() -> None:
    rows = EncodedRows(['{"a":1.0}', b'{"a":2.0}'])
    assert Encoder().encode(Result(rows=rows), numbers="string") == b'[{"a":1.0},{"a":2.0}]'
    assert Encoder().encode(Result(rows=EncodedRows(['{"a":1}'])), numbers="string") == b'[{"a":1}]'
    assert Encoder().encode(Result(rows=EncodedRows([])), numbers="string") == b"[]"


@pytest.mark.parametrize(
    ("kind", "value", "expected", "types"),
    [
        (BodyKind.JSON, b' [ {"a":1.00} ]', b' [ {"a":1.00} ]', ("TABLE", "JSON", "RAW")),
        (BodyKind.JSON, b'{"a":1}', b'{"a":1}', ("JSON", "RAW")),
        (BodyKind.JSON, b"[1]", b"[1]", ("JSON", "RAW")),
        (BodyKind.JSON, b"3", b"3", ("RAW",)),
        (BodyKind.JSON, b"", b"null", ()),
        (BodyKind.TEXT, b'a "b"', b'"a \\"b\\""', ("RAW",)),
        (BodyKind.BINARY, b"\xff\x00", b'"/wA="', ("RAW",)),
    ],
)
def test_http_bodies_become_one_json_value(
    kind: BodyKind, value: bytes, expected: bytes, types: tuple[str, ...]
) -> None:
    result = Result(body=Body(kind=kind, value=value, status=200))
    text = Encoder().encode(result, numbers="string")
    assert text == expected
    assert data_types(result, text) == types
    json.loads(text)


def test_an_encoder_follows_columns_and_numbers_when_they_change() -> None:
    encoder = Encoder()
    decimal = (Column("v", ColumnType.DECIMAL, "numeric"),)
    document = (Column("v", ColumnType.JSON, "json"),)
    for columns, numbers, expected in (
        (decimal, "string", b'[{"v":"1.50"}]'),
        (decimal, "number", b'[{"v":1.50}]'),
        (document, "number", b'[{"v":1.50}]'),
        ((Column("w", ColumnType.DECIMAL, "numeric"),), "string", b'[{"w":"1.50"}]'),
        (decimal, "string", b'[{"v":"1.50"}]'),
    ):
        assert encoder.encode(Result(columns=columns, rows=[("1.50",)]), numbers=numbers) == expected


def test_columns_show_the_datasources_own_types_to_editors_only() -> None:
    encoder = Encoder()
    result = Result(columns=(Column("v", ColumnType.DECIMAL, "numeric"),), rows=[])
    assert encoder.encode_columns(result, editor=False) == b'[{"name":"v","type":"decimal"}]'
    assert encoder.encode_columns(result, editor=True) == b'[{"name":"v","type":"decimal","nativeType":"numeric"}]'
    assert encoder.encode_columns(Result(affected=1), editor=True) == b"[]"


@pytest.mark.parametrize("count", [BLOCK_ROWS - 1, BLOCK_ROWS, BLOCK_ROWS + 1, 3 * BLOCK_ROWS, 0])
def test_answers_of_many_blocks_are_one_list(count: int) -> None:
    columns = (Column("n", ColumnType.INTEGER, "int8"), Column("big", ColumnType.INTEGER, "int8"))
    rows = [(n, 2**60 if n == BLOCK_ROWS else None) for n in range(count)]
    expected = [{"n": n, "big": str(2**60) if n == BLOCK_ROWS else None} for n in range(count)]
    assert json.loads(encoded(columns, rows)) == expected
