"""Bound values as binary parameters: the declared type of a place decides how its value travels, never the value.

==========================  ==========  ==========================================================================
declared                    sent as     what is taken
==========================  ==========  ==========================================================================
integer, bigint             LONGLONG    whole numbers, and texts of them; over 2⁶³ unsigned
decimal                     NEWDECIMAL  numbers, and texts of them; no more digits than the server can keep
float                       DOUBLE      finite numbers, and texts of them
boolean                     TINY        true and false, 1 and 0, and texts of them
date, time                  DATE, TIME  ISO 8601
timestamp, timestamptz      DATETIME    ISO 8601; an offset is converted to UTC, which is the session's zone
bytes                       BLOB        bytes
json                        text        any JSON value; a text is JSON text
text, uuid                  text        texts; numbers and booleans as their own text
*nothing*                   text        as text; but true and false as MySQL writes them: 1 and 0
==========================  ==========  ==========================================================================

The server reports no types of parameters. Without a declared one a value is text: a number sent where text was meant
matches other rows (``'abc' = 0`` is true). MySQL has no boolean: ``active = 'true'`` would find the rows where it is 0.
"""

import datetime as dt
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final, NamedTuple, TypeAlias

from appsmith_proxy.sdk import (
    Outcome,
    Parameter,
    ParameterInvalid,
    ParameterType,
    TypeFamily,
    Value,
    misfit,
    number_text,
    to_text,
)

Argument: TypeAlias = tuple[bytes, bytes | None]
"""One parameter, ready to be sent: its type in two bytes, the second of which says whether it is unsigned; and its data,
None for NULL."""

_Encode: TypeAlias = Callable[[Value | Decimal, int, str], Argument]
"""From (value, index, the expected type's name) to the argument."""


class Writer(NamedTuple):
    """What writes the values of one place."""

    encode: _Encode
    expected: str
    """The type's name, for messages."""


_TINY: Final = b"\x01\x00"
_DOUBLE: Final = b"\x05\x00"
_NULL: Final = b"\x06\x00"
_LONGLONG: Final = b"\x08\x00"
_UNSIGNED_LONGLONG: Final = b"\x08\x80"
_DATE: Final = b"\x0a\x00"
_TIME: Final = b"\x0b\x00"
_DATETIME: Final = b"\x0c\x00"
_NEWDECIMAL: Final = b"\xf6\x00"
_BLOB: Final = b"\xfc\x00"
_TEXT: Final = b"\xfd\x00"

NULL: Final[Argument] = (_NULL, None)

_signed: Final = struct.Struct("<q").pack
_unsigned: Final = struct.Struct("<Q").pack
_double: Final = struct.Struct("<d").pack
_date: Final = struct.Struct("<BHBB").pack
_datetime: Final = struct.Struct("<BHBBBBBI").pack
_time: Final = struct.Struct("<BBIBBBI").pack

_MOST: Final = 2**63 - 1
_UNSIGNED_MOST: Final = 2**64 - 1
_DIGITS: Final = 65
_SCALE: Final = 30
_MAX_HOURS: Final = 838
_INTEGER: Final = re.compile(r"\s*[+-]?[0-9]{1,40}\s*", re.ASCII)
_NUMBER: Final = re.compile(r"\s*[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?\s*", re.ASCII)
_ISO_DATE: Final = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})", re.ASCII)
_ISO_TIME: Final = re.compile(r"(-?)([0-9]{2,3}):([0-9]{2})(?::([0-9]{2})(?:\.([0-9]{1,6}))?)?", re.ASCII)
_ISO_TIMESTAMP: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)(Z|[+-][0-9]{2}(?::?[0-9]{2})?)?)?",
    re.ASCII,
)
_BOOLEANS: Final[Mapping[object, bytes]] = {
    True: b"\x01",  # and 1
    False: b"\x00",
    "true": b"\x01",
    "false": b"\x00",
    "1": b"\x01",
    "0": b"\x00",
}


def writers_of(parameters: Sequence[Parameter]) -> tuple[Writer, ...]:
    """Return what writes the values of each parameter, found once for a statement."""
    return tuple(_writer(parameter.type) for parameter in parameters)


def bind(values: Sequence[Value], writers: Sequence[Writer]) -> list[Argument]:
    """Return one argument for each place.

    Raises:
        ParameterInvalid: a value does not fit its place; nothing was sent.
    """
    arguments: list[Argument] = []
    for value, (encode, expected) in zip(values, writers, strict=True):
        arguments.append(NULL if value is None else encode(value, len(arguments), expected))
    return arguments


def _writer(kind: ParameterType | None) -> Writer:
    if kind is None or kind not in _ENCODERS:
        return Writer(_undeclared, "text")
    return Writer(_ENCODERS[kind], kind.value)


def _undeclared(value: Value | Decimal, index: int, expected: str) -> Argument:
    if isinstance(value, str):
        return (_TEXT, _utf8(value, index, expected))
    if isinstance(value, bool):
        return (_TEXT, b"\x011" if value else b"\x010")
    if isinstance(value, list | dict):
        raise misfit(index, expected, hint="declare the parameter's type as json, or as a list")
    return _text(value, index, expected)


def _text(value: Value | Decimal, index: int, expected: str) -> Argument:
    text = value if isinstance(value, str) else to_text(value, TypeFamily.TEXT, index=index, expected=expected)
    return (_TEXT, _utf8(text, index, expected))


def _json(value: Value | Decimal, index: int, expected: str) -> Argument:
    return (_TEXT, _utf8(to_text(value, TypeFamily.JSON, index=index, expected=expected), index, expected))


def _bytes(value: Value | Decimal, index: int, expected: str) -> Argument:
    data = to_text(value, TypeFamily.BYTES, index=index, expected=expected)
    return (_BLOB, _lengthened(data if isinstance(data, bytes) else b""))


def _integer(value: Value | Decimal, index: int, expected: str) -> Argument:
    if type(value) is int:
        number = value
    elif isinstance(value, str):
        if not _INTEGER.fullmatch(value):
            raise misfit(index, expected)
        number = int(value)
    else:
        number = int(str(to_text(value, TypeFamily.INTEGER, index=index, expected=expected)))
    if -_MOST - 1 <= number <= _MOST:
        return (_LONGLONG, _signed(number))
    if _MOST < number <= _UNSIGNED_MOST:
        return (_UNSIGNED_LONGLONG, _unsigned(number))
    raise misfit(index, expected, hint="the number has more than 64 bits; declare the parameter as decimal")


def _number(value: Value | Decimal, index: int, expected: str) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal | str):
        raise misfit(index, expected)
    text = value if isinstance(value, str) else number_text(value)
    if not _NUMBER.fullmatch(text):
        raise misfit(index, expected)
    try:
        return Decimal(text.strip())
    except InvalidOperation:
        raise misfit(index, expected) from None


def _decimal(value: Value | Decimal, index: int, expected: str) -> Argument:
    number = _number(value, index, expected)
    _, digits, exponent = number.as_tuple()
    scale = max(0, -int(exponent))
    whole = max(len(digits) + int(exponent), 0)
    if scale > _SCALE or whole + scale > _DIGITS:
        raise misfit(index, expected, hint=f"the server keeps {_DIGITS} digits, {_SCALE} of them after the point")
    return (_NEWDECIMAL, _lengthened(format(number, "f").encode()))


def _float(value: Value | Decimal, index: int, expected: str) -> Argument:
    number = float(_number(value, index, expected))
    if not math.isfinite(number):
        raise misfit(index, expected)
    return (_DOUBLE, _double(number))


def _boolean(value: Value | Decimal, index: int, expected: str) -> Argument:
    known = value.strip().lower() if isinstance(value, str) else value
    data = _BOOLEANS.get(known) if isinstance(known, str | int | float | Decimal) else None
    if data is None:
        raise misfit(index, expected)
    return (_TINY, data)


def _a_date(value: Value | Decimal, index: int, expected: str) -> Argument:
    found = _ISO_DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise misfit(index, expected, hint="send it as ISO 8601: 2020-01-31")
    day = _day(found[0], index, expected)
    return (_DATE, _date(4, day.year, day.month, day.day))


def _a_time(value: Value | Decimal, index: int, expected: str) -> Argument:
    found = _ISO_TIME.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise misfit(index, expected, hint="send it as ISO 8601: 13:30:00")
    sign, hours, minutes, seconds, fraction = found.groups()
    hour, minute, second = int(hours), int(minutes), int(seconds or 0)
    if hour > _MAX_HOURS or minute > 59 or second > 59:
        raise misfit(index, expected)
    micros = int((fraction or "").ljust(6, "0"))
    days, hour = divmod(hour, 24)
    return (_TIME, _time(12, sign == "-", days, hour, minute, second, micros))


def _a_timestamp(value: Value | Decimal, index: int, expected: str) -> Argument:
    found = _ISO_TIMESTAMP.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise misfit(index, expected, hint="send it as ISO 8601: 2020-01-31T13:30:00Z")
    moment = dt.datetime.combine(_day(found[1], index, expected), _clock(found[2], index, expected), tzinfo=dt.UTC)
    try:
        moment -= _offset(found[3])
    except (OverflowError, ValueError):
        raise misfit(index, expected) from None
    return (
        _DATETIME,
        _datetime(
            11,
            moment.year,
            moment.month,
            moment.day,
            moment.hour,
            moment.minute,
            moment.second,
            moment.microsecond,
        ),
    )


def _day(text: str, index: int, expected: str) -> dt.date:
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise misfit(index, expected, hint="there is no such day") from None


def _clock(text: str | None, index: int, expected: str) -> dt.time:
    try:
        return dt.time.fromisoformat(text) if text else dt.time()
    except ValueError:
        raise misfit(index, expected, hint="there is no such time of day") from None


def _offset(text: str | None) -> dt.timedelta:
    if text is None or text == "Z":
        return dt.timedelta()
    hours, minutes = int(text[1:3]), int(text[3:].lstrip(":") or 0)
    if hours > 15 or minutes > 59:
        raise ValueError("no such offset")
    return dt.timedelta(hours=hours, minutes=minutes) * (-1 if text[0] == "-" else 1)


def _utf8(text: str | bytes | None, index: int, expected: str) -> bytes:
    if not isinstance(text, str):
        raise misfit(index, expected)
    try:
        return _lengthened(text.encode())
    except UnicodeEncodeError:
        raise ParameterInvalid(
            "a value cannot be written as text", outcome=Outcome.NOT_SENT, parameter=index, expected=expected
        ) from None


def _lengthened(data: bytes) -> bytes:
    size = len(data)
    if size < 0xFB:
        return bytes((size,)) + data
    if size < 1 << 16:
        return b"\xfc" + size.to_bytes(2, "little") + data
    if size < 1 << 24:
        return b"\xfd" + size.to_bytes(3, "little") + data
    return b"\xfe" + size.to_bytes(8, "little") + data


_ENCODERS: Final[Mapping[ParameterType, _Encode]] = {
    ParameterType.TEXT: _text,
    ParameterType.UUID: _text,
    ParameterType.INTEGER: _integer,
    ParameterType.BIGINT: _integer,
    ParameterType.DECIMAL: _decimal,
    ParameterType.FLOAT: _float,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.DATE: _a_date,
    ParameterType.TIME: _a_time,
    ParameterType.TIMESTAMP: _a_timestamp,
    ParameterType.TIMESTAMPTZ: _a_timestamp,
    ParameterType.JSON: _json,
    ParameterType.BYTES: _bytes,
}
