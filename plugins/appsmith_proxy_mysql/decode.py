"""Rows of the binary protocol: one decoder for each shape of rows, built once; few rows one by one, more a column at a time.

A row is ``0``, a bitmap of NULLs, and the values one after the other: of fixed length, or with their length before them.
Of the rows of a chunk only the beginnings and ends are looked for, one after the other. Then each column is cut out of all
of them, which tells where the next one begins, and is turned into cells, or into the JSON texts of cells, by a handful of
calls that run in C::

    chunk ──▶ where rows begin and end ──a column at a time──▶ pieces ──▶ cells │ JSON texts ──▶ rows │ one JSON object a row

These calls cost the same for one row as for a hundred. So up to ``FEW`` rows are read value by value instead, and the JSON
of each is written by orjson.
"""

import struct
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, Final, NamedTuple, TypeAlias

import orjson

from appsmith_proxy.sdk import Column, unique_names
from appsmith_proxy_mysql.forms import Decode, Encode, quoted
from appsmith_proxy_mysql.protocol import HEADER, LARGEST, Malformed, length_at
from appsmith_proxy_mysql.types import Definition, Kind, kind_of

Cut: TypeAlias = Callable[[bytes, list[int], list[int]], tuple[list[Any], list[int]]]
"""From data, where values begin and where their rows end, to the pieces and where they end."""

FEW: Final = 4
"""So many rows of one chunk are read one by one."""

_word: Final = struct.Struct("<I").unpack_from
_LONGEST_SHORT: Final = 0xFA
"""A length up to this is its own byte."""
_MARK: Final = 1
_FIRST_BIT: Final = 2
"""The bitmap of a row begins with two bits that mean nothing."""
_NULL_TEXT: Final = b"null"
_OTHER_LENGTH: Final = "a row is longer or shorter than its values"


class _Step(NamedTuple):
    """How one value of a row is read."""

    bit: int
    """Set among the row's NULLs when it is one."""
    unpack: Callable[[bytes, int], tuple[Any, ...]] | None
    """Of a value of fixed length; None: the value tells its length."""
    size: int
    make: Decode | None
    """What is made of it; None: it is what is wanted."""


class Shape:
    """How rows with certain columns are read."""

    def __init__(self, definitions: Sequence[Definition]) -> None:
        kinds = [kind_of(definition) for definition in definitions]
        names, repeated = unique_names(definition.name for definition in definitions)
        self.columns = tuple(Column(name, kind.column, kind.native) for name, kind in zip(names, kinds, strict=True))
        self.messages = tuple(
            f'several columns are named "{name}": the second is shown as "{name}_2", and so on' for name in repeated
        )
        self._bitmap = (len(kinds) + _FIRST_BIT + 7) // 8
        self._zeros = bytes(self._bitmap)
        self._cuts = [_fixed(kind.form) if kind.form else _lengthened for kind in kinds]
        self._cells = [partial(map, kind.cell) if kind.cell else None for kind in kinds]
        self._texts = [_json_of(kind) for kind in kinds]
        self._object = _object_of(names)
        self._names = names
        self._steps = [_step(index, kind) for index, kind in enumerate(kinds)]
        self._plain_steps = [
            step._replace(make=_joined(kind.cell, kind.plain)) for step, kind in zip(self._steps, kinds, strict=True)
        ]

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
        bitmap, zeros = HEADER + _MARK, self._zeros
        first = bitmap + self._bitmap
        starts: list[int] = []
        ends: list[int] = []
        add_start, add_end, any_null = starts.append, ends.append, False
        last = end_of_all - first
        while at <= last and rows:
            word = _word(data, at)[0]
            end = at + HEADER + (word & LARGEST)
            if end > end_of_all or data[at + HEADER]:
                break
            if word >> 24 != sequence:
                raise Malformed("a packet has a wrong number")
            sequence = sequence + 1 & 0xFF
            start = at + first
            if data[at + bitmap : start] != zeros:
                any_null = True
            add_start(start)
            add_end(end)
            rows -= 1
            at = end
        if len(starts) <= FEW:
            few = [self._row(data, start, end, encode=encode) for start, end in zip(starts, ends, strict=True)]
            return few, at, sequence
        return self._rows(data, starts, ends, any_null=any_null, encode=encode), at, sequence

    def read_one(self, payload: bytes, *, encode: bool) -> Any:
        """Read the only row of a payload."""
        return self._row(payload, _MARK + self._bitmap, len(payload), encode=encode)

    def _row(self, data: bytes, at: int, end: int, *, encode: bool) -> Any:
        """Read one row whose first value begins at ``at``, value by value."""
        nulls = int.from_bytes(data[at - self._bitmap : at], "little") >> _FIRST_BIT
        values: list[Any] = []
        add = values.append
        for bit, unpack, size, make in self._plain_steps if encode else self._steps:
            if nulls & bit:
                add(None)
                continue
            if unpack is not None:
                (value,) = unpack(data, at)
                at += size
            else:
                length = data[at]
                start = at + 1
                if length > _LONGEST_SHORT:
                    length, start = length_at(data, at)
                at = start + length
                value = data[start:at]
            add(value if make is None else make(value))
        if at != end:  # nor if it went beyond it before: it only grows
            raise Malformed(_OTHER_LENGTH)
        return orjson.dumps(dict(zip(self._names, values, strict=True))) if encode else tuple(values)

    def _rows(self, data: bytes, starts: list[int], ends: list[int], *, any_null: bool, encode: bool) -> list[Any]:
        null = _NULL_TEXT if encode else None
        columns: list[Iterable[Any]] = []
        positions = starts
        for index, (cut, decode) in enumerate(zip(self._cuts, self._texts if encode else self._cells, strict=True)):
            present = self._present(data, starts, index) if any_null else None
            if present is None:
                pieces, positions = cut(data, positions, ends)
                columns.append(pieces if decode is None else decode(pieces))
                continue
            column: list[Any] = [null] * len(starts)
            columns.append(column)
            if present:
                pieces, stops = cut(data, [positions[row] for row in present], [ends[row] for row in present])
                positions = positions.copy()
                for row, stop, value in zip(present, stops, pieces if decode is None else decode(pieces), strict=True):
                    positions[row] = stop
                    column[row] = value
        if positions != ends:
            raise Malformed(_OTHER_LENGTH)
        rows = zip(*columns, strict=True)
        return list(map(self._object.__mod__, rows)) if encode else list(rows)

    def _present(self, data: bytes, starts: list[int], index: int) -> list[int] | None:
        """Return the rows in which a column is not NULL; None: it is NULL in no row."""
        byte, bit = divmod(index + _FIRST_BIT, 8)
        before, mask = self._bitmap - byte, 1 << bit
        present = [row for row, start in enumerate(starts) if not data[start - before] & mask]
        return present if len(present) < len(starts) else None


def _step(index: int, kind: Kind) -> _Step:
    value = struct.Struct(f"<{kind.form}")
    return _Step(1 << index, value.unpack_from if kind.form else None, value.size, kind.cell)


def _fixed(form: str) -> Cut:
    """Return what cuts values of one length."""
    value = struct.Struct(f"<{form}")
    unpack, size = value.unpack_from, value.size

    def cut(data: bytes, positions: list[int], _: list[int]) -> tuple[list[Any], list[int]]:
        return [unpack(data, at)[0] for at in positions], [at + size for at in positions]

    return cut


def _lengthened(data: bytes, positions: list[int], ends: list[int]) -> tuple[list[Any], list[int]]:
    """Cut values that tell their length."""
    lengths = [data[at] for at in positions]
    if max(lengths) <= _LONGEST_SHORT:
        stops = [at + length + 1 for at, length in zip(positions, lengths, strict=True)]
        return [data[at + 1 : stop] for at, stop in zip(positions, stops, strict=True)], stops
    pieces: list[bytes] = []
    stops = []
    for at, end in zip(positions, ends, strict=True):
        length, start = length_at(data, at)
        stop = start + length
        if stop > end:  # else many short rows could each claim to hold all of the data
            raise Malformed("a value is longer than its row")
        pieces.append(data[start:stop])
        stops.append(stop)
    return pieces, stops


def _json_of(kind: Kind) -> Encode | None:
    """Return what makes JSON texts of a column's pieces."""
    cell = kind.cell
    if kind.json is not None:
        return kind.json
    if cell is None:
        return quoted
    return lambda pieces: quoted(map(cell, pieces))


def _joined(first: Decode | None, second: Decode | None) -> Decode | None:
    """Return one function that does both, one after the other."""
    if first is None or second is None:
        return first or second
    return lambda piece: second(first(piece))


def _object_of(names: Sequence[str]) -> bytes:
    """Return the JSON object of a row, with ``%b`` where the values stand."""
    return b"{%b}" % b",".join(orjson.dumps(name).replace(b"%", b"%%") + b":%b" for name in names)
