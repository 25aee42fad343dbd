"""What goes in: JSON values, declared types and extended JSON become BSON's types, exactly or not at all.

==============  ====================================================================
value           BSON
==============  ====================================================================
text            string
integer         int32 where it fits, else int64; ``bigint``: always int64
fraction        double, where it holds the number; ``decimal``: Decimal128
boolean, null   the same
date            Date at midnight UTC; ``timestamp``: Date, read as UTC
timestamptz     Date
uuid, bytes     Binary of subtype 4, of subtype 0
json            as its own parts; extended JSON (``{"$oid": …}``) in it is read
==============  ====================================================================
"""

import base64
import binascii
import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from bson import Binary, DatetimeMS, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.decimal128 import create_decimal128_context

from appsmith_proxy.sdk import ParameterType


class Misfit(Exception):
    """A value is not what its place takes. It tells what was expected and never quotes the value."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


def of_type(kind: ParameterType | None, value: Any) -> Any:
    """Return a coerced value of a declared type (None: undeclared) as BSON has it. JSON and lists are the caller's.

    Raises:
        Misfit: BSON cannot hold it.
    """
    if value is None:
        return None
    return _TYPES.get(kind, scalar)(value)


def scalar(value: Any) -> Any:
    """Return a JSON scalar as BSON has it: what the author wrote, or an undeclared value."""
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return _integer(value)
    if isinstance(value, float | Decimal):
        return _double(value)
    if isinstance(value, str):
        return _text(value)
    return value


def _text(value: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Misfit("text of whole Unicode characters") from None
    return value


def _integer(value: int) -> int:
    if not _LEAST_LONG <= value <= _MOST_LONG:
        raise Misfit("an integer of at most 64 bits", 'declare the parameter decimal, or write {"$numberDecimal": …}')
    return value


def _long(value: Any) -> Int64:
    return Int64(_integer(int(value)))


def _double(value: float | Decimal) -> float:
    """A double holds a decimal when its shortest digits are the same number."""
    if isinstance(value, float):
        return value
    nearest = float(value)
    if not math.isfinite(nearest) or Decimal(repr(nearest)) != value:
        raise Misfit("a number that a double holds", 'declare the parameter decimal, or write {"$numberDecimal": …}')
    return nearest


def _decimal(value: Any) -> Decimal128:
    context = create_decimal128_context()
    try:
        number = context.create_decimal(value)
    except ArithmeticError:
        raise Misfit("a number of at most 34 digits") from None
    if value != number:
        raise Misfit("a number of at most 34 digits")
    return Decimal128(number)


def _date(value: str) -> DatetimeMS:
    return date_of(value if "T" in value or " " in value else f"{value}T00:00:00")


def date_of(text: str) -> DatetimeMS:
    """Return an ISO 8601 moment as a Date; without an offset it is read as UTC.

    Raises:
        Misfit: it is none, or finer than the milliseconds of a Date.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Misfit("a moment of the years 1 to 9999 (2024-02-29T23:59:59Z)") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    fraction = _FRACTION.search(text)
    if fraction is not None and fraction[1][3:].strip("0"):
        raise Misfit("a moment of at most milliseconds", "MongoDB's dates hold milliseconds")
    try:
        return DatetimeMS((moment - _EPOCH) // _MILLISECOND)
    except OverflowError:
        raise Misfit("a moment of the years 1 to 9999 (2024-02-29T23:59:59Z)") from None


def _uuid(value: str) -> Binary:
    if not _UUID.fullmatch(value):  # the library takes braces, URNs and dashes anywhere
        raise Misfit("a UUID (8-4-4-4-12 hexadecimal digits)")
    return Binary(UUID(value).bytes, 4)


_LEAST_LONG: Final = -(2**63)
_MOST_LONG: Final = 2**63 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)
_FRACTION: Final = re.compile(r"[.,]([0-9]+)")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")

_TYPES: Final[Mapping[ParameterType | None, Callable[[Any], Any]]] = {
    ParameterType.BIGINT: _long,
    ParameterType.DECIMAL: _decimal,
    ParameterType.FLOAT: float,
    ParameterType.DATE: _date,
    ParameterType.TIMESTAMP: _date,
    ParameterType.TIMESTAMPTZ: _date,
    ParameterType.UUID: _uuid,
    ParameterType.BYTES: bytes,
}


# Extended JSON: {"$name": argument}, where the argument's own leaves are JSON scalars by now.


def _object_id(argument: Any) -> ObjectId:
    if not isinstance(argument, str) or not _OBJECT_ID.fullmatch(argument):
        raise Misfit("an ObjectId (24 hexadecimal digits)")
    return ObjectId(argument)


def _wrapped_date(argument: Any) -> DatetimeMS:
    if isinstance(argument, Int64):
        return DatetimeMS(int(argument))
    if isinstance(argument, int) and not isinstance(argument, bool):
        return DatetimeMS(_integer(argument))
    if isinstance(argument, DatetimeMS):  # a value that was declared as a date
        return argument
    if not isinstance(argument, str):
        raise Misfit("a moment (2024-02-29T23:59:59Z)")
    return _date(argument)


def _wrapped_int(argument: Any) -> int:
    number = _wrapped_long(argument)
    if not -(2**31) <= number < 2**31:
        raise Misfit("an integer of at most 32 bits")
    return int(number)


def _wrapped_long(argument: Any) -> Int64:
    if isinstance(argument, bool) or not _DIGITS.fullmatch(str(argument)):
        raise Misfit("an integer")
    return _long(argument)


def _wrapped_double(argument: Any) -> float:
    if isinstance(argument, str) and argument in ("NaN", "Infinity", "-Infinity"):
        return float(argument)
    return _double(_number(argument))


def _wrapped_decimal(argument: Any) -> Decimal128:
    if isinstance(argument, Decimal128):
        return argument
    if isinstance(argument, str) and argument in ("NaN", "Infinity", "-Infinity"):
        return Decimal128(argument)
    return _decimal(_number(argument))


def _number(argument: Any) -> Decimal:
    if isinstance(argument, bool) or not _NUMBER.fullmatch(str(argument)):
        raise Misfit("a number")
    return Decimal(str(argument))


def _binary(argument: Any) -> Binary:
    if not isinstance(argument, Mapping) or set(argument) != {"base64", "subType"}:
        raise Misfit('binary data ({"base64": …, "subType": "00"})')
    subtype = argument["subType"]
    if not isinstance(subtype, str) or not _SUBTYPE.fullmatch(subtype):
        raise Misfit("a subtype of two hexadecimal digits")
    data = argument["base64"]
    if isinstance(data, bytes):  # a value that was declared as bytes
        return Binary(data, int(subtype, 16))
    try:
        return Binary(base64.b64decode(data, validate=True), int(subtype, 16))
    except (binascii.Error, TypeError, ValueError):
        raise Misfit("bytes as base64") from None


def _wrapped_uuid(argument: Any) -> Binary:
    if isinstance(argument, Binary):
        return argument
    if not isinstance(argument, str):
        raise Misfit("a UUID (8-4-4-4-12 hexadecimal digits)")
    return _uuid(argument)


def _regex(argument: Any) -> Regex[str]:
    if not isinstance(argument, Mapping) or not {"pattern"} <= set(argument) <= {"pattern", "options"}:
        raise Misfit('a regular expression ({"pattern": …, "options": "i"})')
    pattern, options = argument["pattern"], argument.get("options", "")
    if not isinstance(pattern, str) or not isinstance(options, str) or not set(options) <= set("imsx"):
        raise Misfit("a regular expression, with the options i, m, s and x")
    if "\0" in pattern:
        raise Misfit("a regular expression without NUL")
    flags = sum(
        {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}[letter] for letter in {*options}
    )
    return Regex(pattern, int(flags))


def _timestamp(argument: Any) -> Timestamp:
    match argument:
        case {"t": bool()} | {"i": bool()}:  # which are integers to Python
            pass
        case {"t": int(seconds), "i": int(number), **rest} if not rest and 0 <= seconds < 2**32 and 0 <= number < 2**32:
            return Timestamp(seconds, number)
    raise Misfit('a timestamp ({"t": seconds, "i": number})')


def _key(kind: type[MinKey | MaxKey]) -> Callable[[Any], Any]:
    def make(argument: Any) -> MinKey | MaxKey:
        if argument != 1 or isinstance(argument, bool):
            raise Misfit("1")
        return kind()

    return make


_OBJECT_ID: Final = re.compile(r"[0-9A-Fa-f]{24}")
_SUBTYPE: Final = re.compile(r"[0-9A-Fa-f]{1,2}")
_DIGITS: Final = re.compile(r"-?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?")

WRAPPERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "$oid": _object_id,
    "$date": _wrapped_date,
    "$numberInt": _wrapped_int,
    "$numberLong": _wrapped_long,
    "$numberDouble": _wrapped_double,
    "$numberDecimal": _wrapped_decimal,
    "$binary": _binary,
    "$uuid": _wrapped_uuid,
    "$regularExpression": _regex,
    "$timestamp": _timestamp,
    "$minKey": _key(MinKey),
    "$maxKey": _key(MaxKey),
}
"""The forms of extended JSON that are read: an object with this one key. JavaScript, DBPointer and Symbol are not."""


def wrapper_of(node: Any) -> str:
    """Return the name of the form of extended JSON that an object is, or ``""``."""
    name = next(iter(node)) if isinstance(node, Mapping) and len(node) == 1 else ""
    return name if name in WRAPPERS else ""
