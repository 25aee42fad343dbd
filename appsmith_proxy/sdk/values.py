"""Bound values in a server's own input syntax: one rule for every driver that sends text.

===========  ===========================================================================================
JSON value   what is sent
===========  ===========================================================================================
null         NULL
string       itself: any type, in that type's own input syntax
number       its digits, for numeric and text types; a fraction is refused for integer types
boolean      ``true`` / ``false``, for boolean and text types
array        only where the place takes an array or JSON
object       JSON text, only where the place takes JSON
bytes        only where the place takes bytes
===========  ===========================================================================================
"""

import codecs
import json
import math
from decimal import Decimal
from enum import StrEnum
from typing import Final, NoReturn

import msgspec
import orjson

from appsmith_proxy.errors import Outcome, ParameterInvalid
from appsmith_proxy.sdk.statements import Value


class TypeFamily(StrEnum):
    """What a server's type takes. A driver maps its native types to these."""

    INTEGER = "integer"
    NUMERIC = "numeric"
    """Decimals and floats."""
    TEXT = "text"
    BOOLEAN = "boolean"
    JSON = "json"
    BYTES = "bytes"
    OTHER = "other"
    """Dates, uuid, enums, anything that is written as text and is neither a number nor a boolean."""


def number_text(value: int | float | Decimal) -> str:
    """Return the number's own digits, without an exponent where it is integral and short."""
    if isinstance(value, float):
        if value.is_integer() and abs(value) < 1e21:
            return format(value, ".0f")  # keeps the sign of -0.0
        return repr(value)
    if isinstance(value, Decimal):
        return format(value, "f") if abs(value.adjusted()) <= 40 else str(value)
    return str(value)


def to_text(value: Value | Decimal, family: TypeFamily, *, index: int, expected: str) -> str | bytes | None:
    """Return a value as its place's text (bytes for ``BYTES``), or None for NULL.

    Args:
        value: as ``ExecuteRequest.values`` holds it.
        family: what the place takes.
        index: the placeholder's position, for the error.
        expected: the type's name for the error; never the value.

    Raises:
        ParameterInvalid: the value's JSON type does not fit the place.
    """
    match value:
        case None:
            return None
        case bool():
            if family in (TypeFamily.BOOLEAN, TypeFamily.TEXT, TypeFamily.JSON):
                return "true" if value else "false"
        case int() | float() | Decimal():
            return _number(value, family, index=index, expected=expected)
        case str():
            if family is TypeFamily.BYTES:
                raise misfit(index, expected, hint="declare the parameter's type as bytes and send base64")
            return value
        case bytes():
            if family is TypeFamily.BYTES:
                return value
        case list() | dict():
            if family is TypeFamily.JSON:
                return json_text(value)
    raise misfit(index, expected)


def json_text(value: Value | Decimal) -> str:
    """Return a value as compact JSON text; decimals keep their digits."""
    return orjson.dumps(value, default=_json_default).decode()


def is_json(data: bytes) -> bool:
    """Return whether ``data`` is exactly one JSON text in UTF-8 (RFC 8259; no NaN, no byte order mark).

    No object is made of it: that takes a tenth of the time that reading it takes.
    """
    if not _is_utf_8(data):
        return False
    try:
        _SKIPPING.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return _is_unusual_json(data)
    return True


_PIECE_BYTES: Final = 65_536
_SKIPPING: Final = msgspec.json.Decoder(msgspec.Raw)
"""Reads JSON to its end and keeps nothing. It does not look at the bytes of strings, so UTF-8 is looked at before."""


def misfit(index: int, expected: str, *, hint: str = "") -> ParameterInvalid:
    """Return the error for a value that does not fit its place."""
    return ParameterInvalid(
        f"the value does not fit: expected {expected}",
        hint=hint,
        outcome=Outcome.NOT_SENT,
        parameter=index,
        expected=expected,
    )


def _number(value: int | float | Decimal, family: TypeFamily, *, index: int, expected: str) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        raise misfit(index, expected)
    match family:
        case TypeFamily.INTEGER:
            if value != int(value):
                raise misfit(index, expected, hint="the number has a fraction")
            return str(int(value))
        case TypeFamily.NUMERIC | TypeFamily.TEXT | TypeFamily.JSON:
            return number_text(value)
        case _:
            raise misfit(index, expected)


def _is_utf_8(data: bytes) -> bool:
    if data.isascii():
        return True
    if len(data) <= _PIECE_BYTES:
        try:
            data.decode()
        except UnicodeDecodeError:
            return False
        return True
    view, at = memoryview(data), 0
    try:
        while at < len(view):  # piece by piece: a large text would be made only to be thrown away
            at += codecs.utf_8_decode(view[at : at + _PIECE_BYTES], "strict", at + _PIECE_BYTES >= len(view))[1]
    except UnicodeDecodeError:
        return False
    return True


def _is_unusual_json(data: bytes) -> bool:
    """Return whether ``data`` is JSON that the fast reader does not take: an escaped half character, a thousand lists in one another."""
    try:
        json.loads(data.decode(), parse_int=str, parse_float=str, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return False
    return True


def _no_constant(name: str) -> NoReturn:
    raise ValueError("NaN and Infinity are not JSON")


def _json_default(value: object) -> object:
    if isinstance(value, Decimal):
        return orjson.Fragment(number_text(value))
    raise TypeError(type(value).__name__)
