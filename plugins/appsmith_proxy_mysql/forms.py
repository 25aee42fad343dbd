"""MySQL's binary values: one as a cell, and a column of them at a time as the JSON text of cells.

A column is a list of pieces without NULLs. There are as few steps for each value as the type allows, and those are of C:
``map``, ``struct``, and orjson, which writes a whole column at once. Dates and times keep the digits that the server's own
text has: as many after the second as the column says. A zero date is NULL; one of which only a part is zero
(``2020-00-00``) is the text that it is.
"""

import base64
import re
import struct
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

import orjson

from appsmith_proxy.sdk import is_json
from appsmith_proxy_mysql.protocol import Malformed

Decode: TypeAlias = Callable[[Any], Any]
"""From one piece to its cell; or from a cell to what orjson writes as that cell's JSON."""
Encode: TypeAlias = Callable[[Sequence[Any]], Iterable[bytes]]
"""From the pieces of a column to the JSON texts of its cells."""

UNKNOWN_DECIMALS: Final = 31
"""From here on a column does not know how many digits follow the second."""
_MICRO: Final = 6
_SAFE_INTEGER: Final = 2**53 - 1

_DATE: Final = struct.Struct("<HBB")
_SECONDS: Final = struct.Struct("<HBBBBB")
_MICROS: Final = struct.Struct("<HBBBBBI")
_SPAN: Final = struct.Struct("<BIBBB")
_SPAN_MICROS: Final = struct.Struct("<BIBBBI")
_single: Final = struct.Struct("<f").pack
_DATE_TEXT: Final = "%04d-%02d-%02d"
_SECONDS_TEXT: Final = f"{_DATE_TEXT}T%02d:%02d:%02d"
_MICROS_TEXT: Final = f"{_SECONDS_TEXT}.%06d"
_ZERO_DATE: Final = "0000-00-00"
_LONG_STAMP: Final = len('"2020-01-31T00:00:00.000001"')
_STAMP_SIZES: Final = frozenset({0, _DATE.size, _SECONDS.size, _MICROS.size})
"""A timestamp comes without what is zero at its end."""
_STAMP_LENGTH: Final = "a timestamp has a length that none has"
_to_be_escaped: Final = re.compile(rb'["\\\x00-\x1f\x80-\xff]').search
"""What JSON writes differently, and what has to be looked at: bytes that may be no UTF-8."""


def quoted(cells: Iterable[Any]) -> Iterable[bytes]:
    """The JSON of texts."""
    return map(orjson.dumps, cells)


def numbers_json(cells: Iterable[float]) -> Iterable[bytes]:
    """The JSON of numbers."""
    return _elements(list(cells))


def integers_json(pieces: Sequence[int]) -> Iterable[bytes]:
    """The JSON of integers; what other readers of JSON would round is a string."""
    if max(pieces) <= _SAFE_INTEGER and min(pieces) >= -_SAFE_INTEGER:
        return _elements(pieces)
    return [b"%d" % piece if abs(piece) <= _SAFE_INTEGER else b'"%d"' % piece for piece in pieces]


def safe_integer(cell: int) -> int | str:
    """What orjson writes: the number, or as a string what other readers of JSON would round."""
    return cell if -_SAFE_INTEGER <= cell <= _SAFE_INTEGER else str(cell)


def base64_text(cell: bytes) -> str:
    """What orjson writes for bytes."""
    return base64.b64encode(cell).decode()


text: Final[Decode] = bytes.decode
"""Texts, and whatever the server writes as one."""


def texts_json(pieces: Sequence[bytes]) -> Iterable[bytes]:
    """The JSON of texts. A column in which nothing is to be escaped is looked at as a whole, and only quoted."""
    if _to_be_escaped(b"".join(pieces)) is None:
        return [b'"%b"' % piece for piece in pieces]
    return quoted(map(bytes.decode, pieces))


def base64_json(pieces: Sequence[bytes]) -> Iterable[bytes]:
    """The JSON of bytes."""
    return [b'"%b"' % base64.b64encode(piece) for piece in pieces]


def bit(piece: bytes) -> int:
    """BIT is a number."""
    return int.from_bytes(piece, "big")


def bits_json(pieces: Sequence[bytes]) -> Iterable[bytes]:
    """The JSON of such numbers."""
    return integers_json([int.from_bytes(piece, "big") for piece in pieces])


def checked_json(piece: bytes) -> bytes:
    """JSON as it is, and as a string what a server takes for JSON though it is none: MariaDB does so with ``1.``."""
    return piece if is_json(piece) else orjson.dumps(piece.decode())


def all_checked_json(pieces: Sequence[bytes]) -> Sequence[bytes]:
    """A column of such JSON."""
    try:
        deque(map(orjson.loads, pieces), maxlen=0)
    except orjson.JSONDecodeError:
        return [checked_json(piece) for piece in pieces]
    return pieces


def single(value: float) -> float:
    """FLOAT: the number with the fewest digits that is the same 32-bit one: 0.1, not 0.10000000149011612."""
    raw = _single(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        try:
            if _single(short) == raw:
                return short
        except OverflowError:  # rounded up beyond the largest one
            continue
    return float(f"{value:.9g}")


def singles_json(pieces: Sequence[float]) -> Iterable[bytes]:
    """The JSON of such numbers."""
    return numbers_json(map(single, pieces))


def date(piece: bytes) -> str | None:
    """Four bytes, or none → ``2020-01-31``."""
    if len(piece) == _DATE.size:
        cell = _DATE_TEXT % _DATE.unpack(piece)
        return cell if cell != _ZERO_DATE else None
    if piece:
        raise Malformed("a date has a length that none has")
    return None


def timestamp(decimals: int, zone: str) -> Decode:
    """Return the decoder of timestamps.

    Args:
        decimals: digits after the second.
        zone: ``Z`` for the type that is kept in UTC, which is our session's zone; else ``""``.
    """
    size = _stamp_size(decimals)

    def decode(piece: bytes) -> str | None:
        if len(piece) not in _STAMP_SIZES:
            raise Malformed(_STAMP_LENGTH)
        cell = _MICROS_TEXT % _MICROS.unpack(piece.ljust(_MICROS.size, b"\0"))
        if decimals > _MICRO:
            cell = cell.removesuffix(".000000")
        return None if cell.startswith(_ZERO_DATE) else cell[:size] + zone

    return decode


def timestamps_json(decimals: int, zone: str) -> Encode:
    """Return what makes the JSON of timestamps; see ``timestamp``."""
    cell = timestamp(decimals, zone)
    size = 1 + _stamp_size(decimals)
    end = zone.encode() + b'"'
    whole = (f".{0:0{decimals}d}".encode() if 0 < decimals <= _MICRO else b"") + end

    def encode(pieces: Sequence[bytes]) -> Iterable[bytes]:
        try:
            stamps = [datetime(*parts) for parts in _moments(pieces)]  # noqa: DTZ001  # reason: the zone is the column's
        except ValueError:  # a date of which a part is zero
            return quoted(map(cell, pieces))
        return [
            text[:size] + end if len(text) == _LONG_STAMP else text[:-1] + whole  # orjson leaves zeros away
            for text in _elements(stamps)
        ]

    return encode


def time(decimals: int) -> Decode:
    """Return the decoder of times, which may be negative and longer than a day: ``-838:59:59.000000``."""
    digits = min(decimals, _MICRO)

    def decode(piece: bytes) -> str:
        size = len(piece)
        if size == _SPAN_MICROS.size:
            negative, days, hours, minutes, seconds, micros = _SPAN_MICROS.unpack(piece)
        elif size == _SPAN.size:
            negative, days, hours, minutes, seconds = _SPAN.unpack(piece)
            micros = 0
        elif size:
            raise Malformed("a time has a length that none has")
        else:
            negative = days = hours = minutes = seconds = micros = 0
        sign = "-" if negative else ""
        cell = f"{sign}{days * 24 + hours:02d}:{minutes:02d}:{seconds:02d}"
        if digits and (micros or decimals <= _MICRO):
            cell += f".{micros:06d}"[: digits + 1]
        return cell

    return decode


def _elements(values: Sequence[Any]) -> list[bytes]:
    """Return the JSON of values whose JSON has no comma."""
    return orjson.dumps(values)[1:-1].split(b",")


def _stamp_size(decimals: int) -> int:
    """Return how long the text of a timestamp is that has so many digits after the second."""
    return len("2020-01-31T00:00:00") + (1 + min(decimals, _MICRO) if decimals else 0)


def _moments(pieces: Sequence[bytes]) -> Iterator[tuple[Any, ...]]:
    """Yield year, month, day, hour, minute, second and microsecond of each timestamp."""
    if not _STAMP_SIZES.issuperset(map(len, pieces)):
        raise Malformed(_STAMP_LENGTH)
    return _MICROS.iter_unpack(b"".join([piece.ljust(_MICROS.size, b"\0") for piece in pieces]))
