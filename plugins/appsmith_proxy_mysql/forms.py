"""MySQL's binary values, turned into cells as the contract wants them. Pure, and called for every cell.

Dates and times keep the digits that the server's own text has: as many after the second as the column says. A zero date
is NULL; one of which only a part is zero (``2020-00-00``) is the text that it is.
"""

import struct
from collections.abc import Callable
from typing import Any, Final, TypeAlias

import orjson

from appsmith_proxy.sdk import is_json
from appsmith_proxy_mysql.protocol import Malformed

Decode: TypeAlias = Callable[[Any], object]
"""From a value as it came to its cell."""

UNKNOWN_DECIMALS: Final = 31
"""From here on a column says that it does not know how many digits follow the second."""
_MICRO: Final = 6

_date: Final = struct.Struct("<HBB").unpack
_seconds: Final = struct.Struct("<HBBBBB").unpack
_micros: Final = struct.Struct("<HBBBBBI").unpack
_span: Final = struct.Struct("<BIBBB").unpack
_span_micros: Final = struct.Struct("<BIBBBI").unpack
_single: Final = struct.Struct("<f").pack


def date(raw: bytes) -> str | None:
    """Four bytes, or none → ``2020-01-31``."""
    if len(raw) == 4:
        year, month, day = _date(raw)
        return f"{year:04d}-{month:02d}-{day:02d}" if year or month or day else None
    if raw:
        raise Malformed("a date has a length that none has")
    return None


def timestamp(decimals: int, zone: str) -> Decode:
    """Return the decoder of a timestamp.

    Args:
        decimals: digits after the second.
        zone: ``Z`` for the type that is kept in UTC, which is our session's zone; else ``""``.
    """
    digits = min(decimals, _MICRO)
    whole = "%04d-%02d-%02dT%02d:%02d:%02d" + (f".{0:0{digits}d}" if 0 < decimals <= _MICRO else "") + zone
    broken = f"%04d-%02d-%02dT%02d:%02d:%02d.%06d{zone}"
    surplus = _MICRO - digits
    cut = -(surplus + len(zone)) or None

    def decode(raw: bytes) -> str | None:
        size = len(raw)
        if size == 11:
            text = broken % _micros(raw)
            if surplus:
                text = text[:cut].rstrip(".") + zone
        elif size == 7:
            text = whole % _seconds(raw)
        elif size == 4:
            text = whole % (*_date(raw), 0, 0, 0)
        elif size:
            raise Malformed("a timestamp has a length that none has")
        else:
            return None
        return text if text[:10] != "0000-00-00" else None

    return decode


def time(decimals: int) -> Decode:
    """Return the decoder of a time, which may be negative and longer than a day: ``-838:59:59.000000``."""
    digits = min(decimals, _MICRO)

    def decode(raw: bytes) -> str:
        size = len(raw)
        if size == 12:
            negative, days, hours, minutes, seconds, micros = _span_micros(raw)
        elif size == 8:
            negative, days, hours, minutes, seconds = _span(raw)
            micros = 0
        elif size:
            raise Malformed("a time has a length that none has")
        else:
            negative = days = hours = minutes = seconds = micros = 0
        sign = "-" if negative else ""
        text = f"{sign}{days * 24 + hours:02d}:{minutes:02d}:{seconds:02d}"
        if digits and (micros or decimals <= _MICRO):
            text += f".{micros:06d}"[: digits + 1]
        return text

    return decode


def single(value: float) -> float:
    """Return the number with the fewest digits that is this 32-bit one: 0.1, not 0.10000000149011612."""
    raw = _single(value)
    for digits in (6, 7, 8):
        short = float(f"{value:.{digits}g}")
        try:
            if _single(short) == raw:
                return short
        except OverflowError:  # rounded up beyond the largest one
            continue
    return float(f"{value:.9g}")


def bits(raw: bytes) -> int:
    """BIT is a number."""
    return int.from_bytes(raw, "big")


def json(raw: bytes) -> bytes:
    """Return JSON as it is, and as a JSON string what a server calls JSON though it is none (MariaDB keeps it as text)."""
    return raw if is_json(raw) else orjson.dumps(raw.decode())
