"""Geometry as text: from MySQL's inner form (a reference system, then well-known binary) to well-known text.

The server itself has no text form of a geometry but what ``ST_AsText`` writes; so this does, with the reference system
before it where there is one: ``SRID=4326;POINT(1 2)``. Coordinates stand in the order in which they are kept.
"""

import struct
from typing import Final

from appsmith_proxy_mysql.protocol import Malformed

_MAX_DEPTH: Final = 32
_POINT: Final = 1
_NAMES: Final = {
    _POINT: "POINT",
    2: "LINESTRING",
    3: "POLYGON",
    4: "MULTIPOINT",
    5: "MULTILINESTRING",
    6: "MULTIPOLYGON",
    7: "GEOMETRYCOLLECTION",
}
_COLLECTION: Final = 7
_SRID: Final = struct.Struct("<I")
_ORDERS: Final = {0: ">", 1: "<"}


def text(raw: bytes) -> str:
    """Return the text of a geometry."""
    (srid,) = _SRID.unpack_from(raw)
    shown, end = _geometry(raw, _SRID.size, depth=0, named=True)
    if end != len(raw):
        raise Malformed("a geometry is longer than it says")
    return f"SRID={srid};{shown}" if srid else shown


def _geometry(raw: bytes, at: int, *, depth: int, named: bool) -> tuple[str, int]:
    if depth > _MAX_DEPTH:
        raise Malformed("a geometry is nested too deeply")
    order = _ORDERS.get(raw[at])
    if order is None:
        raise Malformed("a geometry has a byte order that none has")
    (kind,) = struct.unpack_from(f"{order}I", raw, at + 1)
    if kind not in _NAMES:
        raise Malformed("a geometry is of a kind that is not known")
    at += 5
    match kind:
        case 1:
            shown, at = _points(raw, at, 1, order)
        case 2:
            shown, at = _line(raw, at, order)
        case 3:
            shown, at = _rings(raw, at, order)
        case _:
            shown, at = _parts(raw, at, order, depth=depth, named=kind == _COLLECTION)
    return (f"{_NAMES[kind]}{_bracketed(shown)}" if named else _bracketed(shown)), at


def _bracketed(shown: str) -> str:
    return f"({shown})" if shown else " EMPTY"


def _count(raw: bytes, at: int, order: str) -> tuple[int, int]:
    (count,) = struct.unpack_from(f"{order}I", raw, at)
    return count, at + 4


def _points(raw: bytes, at: int, count: int, order: str) -> tuple[str, int]:
    numbers = struct.unpack_from(f"{order}{count * 2}d", raw, at)
    pairs = zip(numbers[::2], numbers[1::2], strict=True)
    return ",".join(f"{_number(x)} {_number(y)}" for x, y in pairs), at + 16 * count


def _line(raw: bytes, at: int, order: str) -> tuple[str, int]:
    count, at = _count(raw, at, order)
    return _points(raw, at, count, order)


def _rings(raw: bytes, at: int, order: str) -> tuple[str, int]:
    count, at = _count(raw, at, order)
    shown: list[str] = []
    for _ in range(count):
        ring, at = _line(raw, at, order)
        shown.append(f"({ring})")
    return ",".join(shown), at


def _parts(raw: bytes, at: int, order: str, *, depth: int, named: bool) -> tuple[str, int]:
    count, at = _count(raw, at, order)
    shown: list[str] = []
    for _ in range(count):
        part, at = _geometry(raw, at, depth=depth + 1, named=named)
        shown.append(part)
    return ",".join(shown), at


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
