"""Rows of the binary protocol: one decoder for each shape of rows, built once, columns at a time.

A row is ``0``, a bitmap of NULLs, and the values one after the other: of fixed length, or with their length before them.
The rows of a chunk are first cut into pieces, all in one list; then each column is turned into cells, or into the JSON
texts of cells, by calls that run in C where the type allows it::

    chunk ──cut──▶ pieces ──a column at a time──▶ cells │ JSON texts ──▶ rows │ one JSON object a row
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from appsmith_proxy.sdk import Column, unique_names
from appsmith_proxy_mysql.forms import Decode, quoted
from appsmith_proxy_mysql.protocol import HEADER, LARGEST, Malformed, length_at
from appsmith_proxy_mysql.types import Definition, Kind, kind_of

_word: Final = struct.Struct("<I").unpack_from
_LONGEST_SHORT: Final = 0xFA
"""A length up to this is its own byte."""
_MARK: Final = 1
_FIRST_BIT: Final = 2
"""The bitmap of a row begins with two bits that mean nothing."""
_NULL_TEXT: Final = b"null"


class Shape:
    """How rows with certain columns are read."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        kinds = [kind_of(definition) for definition in definitions]
        names, repeated = unique_names(definition.name for definition in definitions)
        self.columns = tuple(Column(name, kind.column, kind.native) for name, kind in zip(names, kinds, strict=True))
        self.messages = tuple(
            f'several columns are named "{name}": the second is shown as "{name}_2", and so on' for name in repeated
        )
        self._width = len(kinds)
        self._bitmap = (self._width + _FIRST_BIT + 7) // 8
        self._zeros = bytes(self._bitmap)
        self._first = HEADER + _MARK + self._bitmap
        """From a packet's start to the first value."""
        self._forms = [struct.Struct(f"<{kind.form}") if kind.form else None for kind in kinds]
        self._steps = _steps(kinds)
        self._cells: list[Decode | None] = [kind.cells for kind in kinds]
        self._texts: list[Decode] = [_json_of(kind) for kind in kinds]
        self._object = _object_of(names)

    def read(
        self, data: bytes, at: int, sequence: int, *, rows: int, size: int, encode: bool
    ) -> tuple[list[Any], int, int]:
        """Read whole rows, as long as there are some within the bounds; return them, where they end, and the next number.

        Args:
            data: packets.
            at: where a packet begins.
            sequence: the number it must have.
            rows: how many may be read.
            size: how many bytes may be read.
            encode: give each row as a JSON object in UTF-8, else as a tuple of cells.
        """
        # A packet that another one continues reaches beyond this, like one that is not complete: neither is read here.
        end_of_all = min(len(data), at + size, at + HEADER + LARGEST - 1)
        first, zeros, steps = self._first, self._zeros, self._steps
        pieces: list[Any] = []
        add, any_null = pieces.append, False
        last = end_of_all - first
        while at <= last and rows:
            word = _word(data, at)[0]
            end = at + HEADER + (word & LARGEST)
            if end > end_of_all or data[at + HEADER]:
                break
            if word >> 24 != sequence:
                raise Malformed("a packet has a wrong number")
            sequence = sequence + 1 & 0xFF
            position = at + first
            if data[at + HEADER + _MARK : position] != zeros:
                any_null = True
                self._cut(data, at + HEADER, end, pieces)
            else:
                for fixed in steps:
                    if fixed is not None:
                        pieces += fixed.unpack_from(data, position)
                        position += fixed.size
                        continue
                    length = data[position]
                    position += 1
                    if length > _LONGEST_SHORT:
                        length, position = length_at(data, position - 1)
                    start, position = position, position + length
                    add(data[start:position])
                if position != end:
                    raise Malformed("a row is longer or shorter than its values")
            rows -= 1
            at = end
        if not pieces:
            return [], at, sequence
        return self._rows(pieces, any_null=any_null, encode=encode), at, sequence

    def read_one(self, payload: bytes, *, encode: bool) -> Any:
        """Read the only row of a payload."""
        pieces: list[Any] = []
        self._cut(payload, 0, len(payload), pieces)
        return self._rows(pieces, any_null=True, encode=encode)[0]

    def _cut(self, data: bytes, at: int, end: int, pieces: list[Any]) -> None:
        """Cut one row into pieces, NULLs among them."""
        position = at + _MARK + self._bitmap
        if position > end:
            raise Malformed("a row is shorter than its bitmap")
        nulls = int.from_bytes(data[at + _MARK : position], "little") >> _FIRST_BIT
        for fixed in self._forms:
            if nulls & 1:
                pieces.append(None)
            elif fixed is not None:
                pieces += fixed.unpack_from(data, position)
                position += fixed.size
            else:
                length, start = length_at(data, position)
                position = start + length
                pieces.append(data[start:position])
            nulls >>= 1
        if position != end:
            raise Malformed("a row is longer or shorter than its values")

    def _rows(self, pieces: list[Any], *, any_null: bool, encode: bool) -> list[Any]:
        width = self._width
        columns: list[Iterable[Any]] = []
        for index, decode in enumerate(self._texts if encode else self._cells):
            column = pieces[index::width]
            if decode is None:
                columns.append(column)
            elif any_null and None in column:
                columns.append(_with_nulls(column, decode, _NULL_TEXT if encode else None))
            else:
                columns.append(decode(column))
        rows = zip(*columns, strict=True)
        return list(map(self._object.__mod__, rows)) if encode else list(rows)


def _with_nulls(column: list[Any], decode: Decode, null: bytes | None) -> list[Any]:
    present = [piece for piece in column if piece is not None]
    if not present:
        return [null] * len(column)
    decoded = iter(decode(present))
    return [null if piece is None else next(decoded) for piece in column]


def _steps(kinds: Sequence[Kind]) -> tuple[struct.Struct | None, ...]:
    """Return how a row without NULLs is cut: None is a value that tells its length; neighbours of fixed length go together."""
    steps: list[struct.Struct | None] = []
    together = ""
    for kind in kinds:
        if kind.form:
            together += kind.form
            continue
        if together:
            steps.append(struct.Struct(f"<{together}"))
            together = ""
        steps.append(None)
    if together:
        steps.append(struct.Struct(f"<{together}"))
    return tuple(steps)


def _json_of(kind: Kind) -> Decode:
    """Return what makes JSON texts of a column."""
    cells = kind.cells
    if kind.json is not None:
        return kind.json
    if cells is None:
        return quoted
    return lambda pieces: quoted(cells(pieces))


def _object_of(names: Sequence[str]) -> bytes:
    """Return the JSON object of a row, with ``%b`` where the values stand."""
    return b"{%b}" % b",".join(orjson.dumps(name).replace(b"%", b"%%") + b":%b" for name in names)
