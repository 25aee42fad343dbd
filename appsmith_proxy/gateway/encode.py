"""Exact values on the wire: rows, counts and HTTP bodies as JSON text. How a value looks is decided by its column's type."""

import base64
import math
import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, Final, TypeAlias, cast, final

import orjson

from appsmith_proxy.errors import ContractBroken
from appsmith_proxy.sdk import Body, BodyKind, Cell, Column, ColumnType, EncodedRows, Result

SAFE_INTEGER: Final = 2**53 - 1
"""The largest integer that every JSON reader keeps (RFC 8259 §6); beyond it integers are written as strings."""

Converter: TypeAlias = Callable[[Any], Any]

_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_NO_JSON_NUMBERS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
BLOCK_ROWS: Final = 500
"""Rows that are objects at the same time: those of one block are gone before the next one's are made, in their place."""

_DUMP: Final = orjson.OPT_STRICT_INTEGER | orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS


@final
class Encoder:
    """Encodes the answers of one action, which are alike: how their columns are written is worked out once."""

    __slots__ = ("_shape",)

    def __init__(self) -> None:
        self._shape = _Shape((), "string")

    def encode(self, result: Result, *, numbers: str) -> bytes:
        """Return ``data.body`` as JSON text.

        Args:
            result: what the driver answered.
            numbers: ``string`` writes decimals as strings, ``number`` as JSON numbers with the database's own digits.

        Raises:
            ContractBroken: a cell is not what its column's type promises.
        """
        if result.body is not None:
            return encode_body(result.body)
        rows = result.rows
        if rows is None:
            return b'[{"affectedRows":%d}]' % (result.affected or 0)
        if isinstance(rows, EncodedRows):
            return _listed(_as_bytes(rows.texts))
        # A driver that answers the very same tuple each time is told apart at a glance; others by comparison.
        shape = self._shape
        if shape.columns is not result.columns or shape.numbers != numbers:
            shape = self._shape_of(result.columns, numbers)
        return shape.encode(rows)

    def encode_columns(self, result: Result, *, editor: bool) -> bytes:
        """Return ``data.columns`` as JSON text. The datasource's own names of types are for editors.

        Raises:
            ContractBroken: a column's name is no text that can be written.
        """
        shape = self._shape
        if shape.columns is not result.columns:
            shape = self._shape_of(result.columns, shape.numbers)
        try:
            return shape.for_editors if editor else shape.for_viewers
        except orjson.JSONEncodeError as error:
            raise ContractBroken("a column of the result has a name that is not Unicode text") from error

    def _shape_of(self, columns: tuple[Column, ...], numbers: str) -> "_Shape":
        shape = self._shape
        if shape.columns != columns or shape.numbers != numbers:
            shape = self._shape = _Shape(columns, numbers)
        return shape


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


class _Shape:
    """How rows with certain columns are written."""

    def __init__(self, columns: tuple[Column, ...], numbers: str) -> None:
        self.columns = columns
        self.numbers = numbers
        self._names = [column.name for column in columns]
        self._converters = [
            (column.name, convert) for column in columns if (convert := _converter(column.type, numbers)) is not None
        ]

    @cached_property
    def for_viewers(self) -> bytes:
        """The columns' names and types as JSON text."""
        return orjson.dumps([{"name": column.name, "type": column.type} for column in self.columns])

    @cached_property
    def for_editors(self) -> bytes:
        """The same, with the datasource's own names of the types."""
        return orjson.dumps(
            [{"name": column.name, "type": column.type, "nativeType": column.native_type} for column in self.columns]
        )

    def encode(self, rows: Sequence[Sequence[Cell]]) -> bytes:
        """Return rows as a JSON list of objects."""
        if len(rows) > BLOCK_ROWS:
            starts = range(0, len(rows), BLOCK_ROWS)
            return _listed([self.encode(rows[at : at + BLOCK_ROWS])[1:-1] for at in starts])
        try:
            return orjson.dumps(self._objects(rows, self._converters, _AS_THEY_ARE), option=_DUMP)
        except orjson.JSONEncodeError:
            # An integer beyond 2^53: orjson refuses it, and the second pass writes such integers as strings.
            integers = [(column.name, _integer) for column in self.columns if column.type is ColumnType.INTEGER]
        try:
            return orjson.dumps(self._objects(rows, [*self._converters, *integers], _NONE), option=_DUMP)
        except orjson.JSONEncodeError as error:
            raise ContractBroken("a cell of the result is not what its column's type promises") from error

    def _objects(
        self,
        rows: Sequence[Sequence[Cell]],
        converters: Sequence[tuple[str, Converter]],
        as_they_are: frozenset[type],
    ) -> list[dict[str, Any]]:
        names = self._names
        objects = [dict(zip(names, row)) for row in rows]  # noqa: B905  # reason: to say strict=False costs a quarter of this
        for name, convert in converters:
            if convert is _any and as_they_are.issuperset([type(row_object[name]) for row_object in objects]):
                continue
            for row_object in objects:
                cell = row_object[name]
                if cell is not None:
                    row_object[name] = convert(cell)
        return objects


_BYTES: Final = frozenset({bytes})
_AS_THEY_ARE: Final[frozenset[type]] = frozenset({bool, int, str, type(None)})
"""Of a column of any type: cells that ``_any`` would not change, but for an integer that is too large."""
_NONE: Final[frozenset[type]] = frozenset()


def _as_bytes(texts: Sequence[str | bytes]) -> list[bytes]:
    """Return a new list. That nearly always all are bytes is seen of all at once."""
    if _BYTES.issuperset(map(type, texts)):
        return list(cast("Sequence[bytes]", texts))
    return [text.encode() if isinstance(text, str) else text for text in texts]


def _listed(pieces: list[bytes]) -> bytes:
    """Return pieces of JSON as one list. The pieces are changed."""
    if not pieces:
        return b"[]"
    # The brackets are joined with the outer pieces: added to the whole, each would copy a large answer once more.
    pieces[0] = b"[" + pieces[0]
    pieces[-1] += b"]"
    return b",".join(pieces)


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
    if _JSON_NUMBER.fullmatch(value):
        return orjson.Fragment(value)
    if value in _NO_JSON_NUMBERS:
        return value
    # As it stands it would be any part of the answer.
    raise ContractBroken("a decimal of the result is no number")


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
"""Column types whose cells are not written as they are; integers only when one is too large (see ``_Shape.encode``)."""
