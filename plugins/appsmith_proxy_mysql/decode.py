"""Rows of the binary protocol as cells: one decoder for each shape of rows, built once, columns at a time.

A row is ``0``, a bitmap of NULLs, and the values one after the other: of fixed length, or with their length before them.
The rows of a chunk are first cut into pieces, all in one list; then each column is turned into cells by one call that
runs in C where the type allows it.
"""

import struct
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from appsmith_proxy.sdk import Cell, Column, unique_names
from appsmith_proxy_mysql.forms import Decode
from appsmith_proxy_mysql.protocol import HEADER, LARGEST, Malformed, length_at
from appsmith_proxy_mysql.types import Definition, kind_of

Unpack: TypeAlias = Callable[[bytes, int], tuple[Any, ...]]

_word: Final = struct.Struct("<I").unpack_from
_ONE_BYTE_LENGTH: Final = 0xFB
"""A length below this is its own byte."""
_MARK: Final = 1
_FIRST_BIT: Final = 2
"""The bitmap of a row begins with two bits that mean nothing."""


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
        self._decoders: list[Decode | None] = [kind.decode for kind in kinds]
        self._forms = [kind.form for kind in kinds]
        self._steps = _steps(self._forms)

    def read(
        self, data: bytes, at: int, sequence: int, *, rows: int, size: int
    ) -> tuple[list[tuple[Cell, ...]], int, int]:
        """Read whole rows, as long as there are some within the bounds; return them, where they end, and the next number.

        Args:
            data: packets.
            at: where a packet begins.
            sequence: the number it must have.
            rows: how many may be read.
            size: how many bytes may be read.
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
                for unpack, length in steps:
                    if unpack is not None:
                        pieces += unpack(data, position)
                        position += length
                        continue
                    length = data[position]
                    position += 1
                    if length >= _ONE_BYTE_LENGTH:
                        length, position = length_at(data, position - 1)
                    add(data[position : position + length])
                    position += length
                if position != end:
                    raise Malformed("a row is longer or shorter than its values")
            rows -= 1
            at = end
        return self._rows(pieces, any_null=any_null), at, sequence

    def read_one(self, payload: bytes) -> tuple[Cell, ...]:
        """Read the only row of a payload."""
        pieces: list[Any] = []
        self._cut(payload, 0, len(payload), pieces)
        return self._rows(pieces, any_null=True)[0]

    def _cut(self, data: bytes, at: int, end: int, pieces: list[Any]) -> None:
        """Cut one row into pieces, NULLs among them."""
        position = at + _MARK + self._bitmap
        if position > end:
            raise Malformed("a row is shorter than its bitmap")
        nulls = int.from_bytes(data[at + _MARK : position], "little") >> _FIRST_BIT
        for form in self._forms:
            if nulls & 1:
                pieces.append(None)
            elif form:
                pieces += struct.unpack_from(f"<{form}", data, position)
                position += struct.calcsize(f"<{form}")
            else:
                length, position = length_at(data, position)
                pieces.append(data[position : position + length])
                position += length
            nulls >>= 1
        if position != end:
            raise Malformed("a row is longer or shorter than its values")

    def _rows(self, pieces: list[Any], *, any_null: bool) -> list[tuple[Cell, ...]]:
        width = self._width
        columns: list[Any] = []
        for index, decode in enumerate(self._decoders):
            column = pieces[index::width]
            if decode is None:
                columns.append(column)
            elif any_null:
                columns.append([None if piece is None else decode(piece) for piece in column])
            else:
                columns.append(map(decode, column))
        return list(zip(*columns, strict=True))


def _steps(forms: Sequence[str]) -> tuple[tuple[Unpack | None, int], ...]:
    """Return how the values of a row without NULLs are cut: those of fixed length that are neighbours, together."""
    steps: list[tuple[Unpack | None, int]] = []
    together = ""
    for form in (*forms, ""):
        if form:
            together += form
            continue
        if together:
            fixed = struct.Struct(f"<{together}")
            steps.append((fixed.unpack_from, fixed.size))
            together = ""
        steps.append((None, 0))
    return tuple(steps[:-1])
