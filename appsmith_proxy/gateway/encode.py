"""Exact values on the wire: rows, counts and HTTP bodies as JSON text. How a value looks is decided by its column's type."""

import base64
import math
from collections.abc import Callable, Sequence
from typing import Any, Final

import orjson

from appsmith_proxy.errors import ContractBroken
from appsmith_proxy.sdk import Body, BodyKind, Cell, Column, ColumnType, EncodedRows, Result

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259 §6); beyond it integers are written as strings."""

_DUMP: Final = orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


def encode_result(result: Result, *, numbers: str) -> bytes:
    """Return ``data.body`` as JSON text.

    Args:
        result: what the driver answered.
        numbers: ``string`` writes decimals as strings, ``number`` as JSON numbers with the database's own digits.

    Raises:
        ContractBroken: a cell is not what its column's type promises.
    """
    if result.body is not None:
        return encode_body(result.body)
    if result.rows is None:
        return b'[{"affectedRows":%d}]' % (result.affected or 0)
    if isinstance(result.rows, EncodedRows):
        return b"[" + b",".join(t if isinstance(t, bytes) else t.encode() for t in result.rows.texts) + b"]"
    return encode_rows(result.columns, result.rows, numbers=numbers)


def encode_rows(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], *, numbers: str) -> bytes:
    """Return rows as a JSON list of objects."""
    names = [column.name for column in columns]
    converters = [
        (index, convert)
        for index, column in enumerate(columns)
        if (convert := _converter(column.type, numbers)) is not None
    ]
    try:
        return orjson.dumps(_objects(names, rows, converters), option=_DUMP)
    except orjson.JSONEncodeError:
        # An integer beyond 2^53: orjson refuses it, and the second pass writes such integers as strings.
        integers = [(index, _integer) for index, column in enumerate(columns) if column.type is ColumnType.INTEGER]
    try:
        return orjson.dumps(_objects(names, rows, [*converters, *integers]), option=_DUMP)
    except orjson.JSONEncodeError as error:
        raise ContractBroken("a cell of the result is not what its column's type promises") from error


def encode_body(body: Body) -> bytes:
    """Return an HTTP body as one JSON value: JSON untouched, text as a string, binary as base64."""
    match body.kind:
        case BodyKind.JSON:
            return body.value or b"null"
        case BodyKind.TEXT:
            return orjson.dumps(body.value.decode("utf-8", "replace"))
        case BodyKind.BINARY:
            return orjson.dumps(base64.b64encode(body.value).decode("ascii"))


def data_types(result: Result, body: bytes) -> tuple[str, ...]:
    """Return the family's ``dataTypes`` of an answer: TABLE, JSON, RAW, in this order."""
    if body == b"null":
        return ()
    if result.body is None:
        return ("TABLE", "JSON", "RAW")
    if result.body.kind is not BodyKind.JSON:
        return ("RAW",)
    start = body.lstrip()[:64]
    if start[:1] == b"[" and start[1:].lstrip()[:1] == b"{":
        return ("TABLE", "JSON", "RAW")
    return ("JSON", "RAW") if start[:1] in (b"[", b"{") else ("RAW",)


Converter = Callable[[Any], Any]


def _objects(
    names: list[str], rows: Sequence[Sequence[Cell]], converters: list[tuple[int, Converter]]
) -> list[dict[str, Any]]:
    if not converters:
        return [dict(zip(names, row, strict=False)) for row in rows]
    objects = []
    for row in rows:
        cells = list(row)
        for index, convert in converters:
            cell = cells[index]
            if cell is not None:
                cells[index] = convert(cell)
        objects.append(dict(zip(names, cells, strict=False)))
    return objects


def _converter(kind: ColumnType, numbers: str) -> Converter | None:
    if kind is ColumnType.DECIMAL:
        return _digits if numbers == "number" else None
    return _CONVERTERS.get(kind)


def _integer(value: int) -> int | str:
    return value if -SAFE_INTEGER <= value <= SAFE_INTEGER else str(value)


def _float(value: float) -> float | str:
    if math.isfinite(value):
        return value
    if math.isnan(value):
        return "NaN"
    return "Infinity" if value > 0 else "-Infinity"


def _digits(value: str) -> Any:
    return value if value in ("NaN", "Infinity", "-Infinity") else orjson.Fragment(value)


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")


def _any(value: Any) -> Any:
    match value:
        case bool() | str():
            return value
        case int():
            return _integer(value)
        case float():
            return _float(value)
        case bytes():
            return _base64(value)
        case _:
            raise ContractBroken("a cell of the result has a type that the contract does not know")


_CONVERTERS: Final[dict[ColumnType, Converter]] = {
    ColumnType.FLOAT: _float,
    ColumnType.BYTES: _base64,
    ColumnType.JSON: orjson.Fragment,
    ColumnType.ANY: _any,
}
"""Column types whose cells are not written as they are; integers only when one is too large (see encode_rows)."""
