"""Turn a caller's JSON value into a value of a declared type, exactly or not at all.

===========  ============================================================  ====================
type         what is taken                                                 what is bound
===========  ============================================================  ====================
text         text; numbers and booleans as their own text                  ``str``
integer      whole numbers within 64 bits, as numbers or digits            ``int``
bigint       the same                                                      ``int``
decimal      finite numbers, as numbers or digits                          ``int | Decimal``
float        the same                                                      ``int | float``
boolean      booleans; ``true false t f yes no on off 1 0`` as text        ``bool``
date         ``2024-02-29``                                                ``str``
time         ``23:59[:59[.999999]]``                                       ``str``
timestamp    ``2024-02-29T23:59:59.999999``, no offset                     ``str``
timestamptz  the same with ``Z`` or an offset                              ``str``
uuid         ``8-4-4-4-12`` hexadecimal digits                             ``str``
json         anything; text is JSON text                                   ``str`` (JSON text)
bytes        base64                                                        ``bytes``
===========  ============================================================  ====================

Dates and timestamps also take what databases write for them: ``infinity``, ``… BC``, years over 9999. Fractions of a second
end at microseconds, which is what databases keep: a finer one is refused, zeros behind the sixth digit are left out.
"""

import binascii
import json
import math
import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from typing import Final, TypeAlias

from appsmith_proxy.sdk import ParameterType, Value, json_text, number_text

Given: TypeAlias = "Value | Decimal"
"""A value as the caller's JSON gave it: fractions may be decimals with the caller's own digits."""


class Misfit(Exception):
    """A value is not of the type; says what was expected and never quotes the value."""

    def __init__(self, expected: str, hint: str = "") -> None:
        super().__init__(expected)
        self.expected = expected
        self.hint = hint


def coerce(kind: ParameterType, value: Given) -> Given:
    """Return a value that is not None as the type's own.

    Raises:
        Misfit: it is not of the type.
    """
    return _COERCIONS[kind](value)


def as_text(value: Given) -> str:
    """Return a value's own text, for a place inside a longer text. None is nothing."""
    if isinstance(value, str):
        return value
    if value.__class__ is int:  # before the others: it is the usual one, and no boolean
        return str(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float | Decimal):
        return number_text(value)
    if isinstance(value, bytes):
        return binascii.b2a_base64(value, newline=False).decode()
    return json_text(value)


def order_key(kind: ParameterType, value: Given) -> Decimal | date | datetime | time | None:
    """Return what a coerced value is compared by with ``min`` and ``max``; None when it is outside the calendar."""
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return Decimal(str(value))
    if not isinstance(value, str):
        return None
    try:
        match kind:
            case ParameterType.DATE:
                return date.fromisoformat(value)
            case ParameterType.TIME:
                return time.fromisoformat(value)
            case ParameterType.TIMESTAMP | ParameterType.TIMESTAMPTZ:
                return datetime.fromisoformat(value)
            case _:
                return None
    except ValueError:
        return None


ORDERED: Final = frozenset(
    {
        ParameterType.INTEGER,
        ParameterType.BIGINT,
        ParameterType.DECIMAL,
        ParameterType.FLOAT,
        ParameterType.DATE,
        ParameterType.TIME,
        ParameterType.TIMESTAMP,
        ParameterType.TIMESTAMPTZ,
    }
)
"""The types that ``min`` and ``max`` apply to."""

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,25}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,3})?")
_DATE: Final = r"([0-9]{4,6})-([0-9]{2})-([0-9]{2})"
_TIME: Final = r"([01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}(?P<beyond>0*))?)?"
_OFFSET: Final = r"(?:Z|[+-](?:0[0-9]|1[0-5])(?::?[0-5][0-9])?)"
_DATE_ONLY: Final = re.compile(rf"{_DATE}( BC)?")
_TIME_ONLY: Final = re.compile(_TIME)
_TIMESTAMP: Final = re.compile(rf"{_DATE}[T ]{_TIME}( BC)?")
_TIMESTAMPTZ: Final = re.compile(rf"{_DATE}[T ]{_TIME}{_OFFSET}( BC)?")
_TOO_FINE: Final = re.compile(r":[0-9]{2}\.[0-9]{6}[0-9]")
_UUID: Final = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}")
_INFINITE: Final = frozenset({"infinity", "-infinity"})
_BOOLEANS: Final[Mapping[str, bool]] = {
    **dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True),
    **dict.fromkeys(("false", "f", "no", "n", "off", "0"), False),
}
_FINEST: Final = "at most six digits behind the second: databases keep microseconds, and would round the rest"
_MAX_DIGITS: Final = 1_000
_BIGINT: Final = 2**63


def _text(value: Given) -> Given:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float | Decimal):
        return as_text(value)
    raise Misfit("text")


def _integer(value: Given) -> Given:
    if isinstance(value, bool):
        raise Misfit("an integer")
    if isinstance(value, str):
        digits = value.strip()
        if not _INTEGER.fullmatch(digits):
            raise Misfit("an integer")
        number = int(digits)
    elif isinstance(value, int):
        number = value
    elif isinstance(value, float | Decimal):
        if not math.isfinite(value) or not -_BIGINT <= value < _BIGINT:
            raise Misfit("an integer of at most 64 bits")
        number = int(value)
        if value != number:
            raise Misfit("an integer", "the number has a fraction")
    else:
        raise Misfit("an integer")
    if not -_BIGINT <= number < _BIGINT:
        raise Misfit("an integer of at most 64 bits")
    return number


def _decimal(value: Given) -> Given:
    if isinstance(value, str):
        digits = value.strip()
        if len(digits) > _MAX_DIGITS or not _NUMBER.fullmatch(digits):
            raise Misfit("a number")
        return Decimal(digits)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if not isinstance(value, float | Decimal) or not math.isfinite(value):
        raise Misfit("a number")
    return Decimal(repr(value)) if isinstance(value, float) else value


def _float(value: Given) -> Given:
    number = _decimal(value)
    try:
        nearest = float(number) if isinstance(number, int | Decimal) else math.inf
    except OverflowError:
        nearest = math.inf
    if not math.isfinite(nearest):
        raise Misfit("a number that a double can hold")
    return number if isinstance(number, int) else nearest


def _boolean(value: Given) -> Given:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and (known := _BOOLEANS.get(value.strip().lower())) is not None:
        return known
    raise Misfit("true or false")


def _calendar(pattern: re.Pattern[str], expected: str, hint: str = "") -> Callable[[Given], Given]:
    def coerce_date(value: Given) -> Given:
        text = value.strip() if isinstance(value, str) else ""
        if text.lower() in _INFINITE:
            return text
        match = pattern.fullmatch(text)
        if match is None or not _is_day(match):
            raise Misfit(expected, _FINEST if _TOO_FINE.search(text) else hint)
        return _to_microseconds(match)

    return coerce_date


def _is_day(match: re.Match[str]) -> bool:
    """Return whether the date exists. Years outside the calendar are left to the database, their months and days not."""
    year, month, day = int(match[1]), int(match[2]), int(match[3])
    if match[match.lastindex or 0] == " BC" or not 1 <= year <= 9999:
        year = 2000
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True


def _time(value: Given) -> Given:
    text = value.strip() if isinstance(value, str) else ""
    match = _TIME_ONLY.fullmatch(text)
    if match is None:
        raise Misfit("a time (23:59:59)", _FINEST if _TOO_FINE.search(text) else "")
    return _to_microseconds(match)


def _to_microseconds(match: re.Match[str]) -> str:
    """Return the text without zeros behind the sixth digit of its second: some databases refuse them, others keep them."""
    start, end = match.span("beyond") if "beyond" in match.re.groupindex else (-1, -1)
    return match.string if start == end else match.string[:start] + match.string[end:]


def _uuid(value: Given) -> Given:
    text = value.strip() if isinstance(value, str) else ""
    if not _UUID.fullmatch(text):
        raise Misfit("a UUID (8-4-4-4-12 hexadecimal digits)")
    return text


def _json(value: Given) -> Given:
    if not isinstance(value, str):
        try:
            return json_text(value)
        except TypeError:
            raise Misfit("JSON with whole Unicode characters, and integers within 64 bits") from None
    try:
        json.loads(value, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise Misfit("JSON", "text is read as JSON text: send the value itself, or quote a string") from None
    return value


def _no_constant(name: str) -> Value:
    raise ValueError(name)


def _bytes(value: Given) -> Given:
    if isinstance(value, bytes):
        return value
    try:
        return binascii.a2b_base64(value if isinstance(value, str) else "?", strict_mode=True)
    except ValueError:
        raise Misfit("bytes as base64") from None


_COERCIONS: Final[Mapping[ParameterType, Callable[[Given], Given]]] = {
    ParameterType.TEXT: _text,
    ParameterType.INTEGER: _integer,
    ParameterType.BIGINT: _integer,
    ParameterType.DECIMAL: _decimal,
    ParameterType.FLOAT: _float,
    ParameterType.BOOLEAN: _boolean,
    ParameterType.DATE: _calendar(_DATE_ONLY, "a date (2024-02-29)"),
    ParameterType.TIME: _time,
    ParameterType.TIMESTAMP: _calendar(
        _TIMESTAMP,
        "a date and time without an offset (2024-02-29T23:59:59)",
        "an offset would be dropped silently: leave it out, or declare timestamptz",
    ),
    ParameterType.TIMESTAMPTZ: _calendar(
        _TIMESTAMPTZ,
        "a date and time with an offset (2024-02-29T23:59:59Z)",
        "without an offset its moment is not known: add Z or +01:00, or declare timestamp",
    ),
    ParameterType.UUID: _uuid,
    ParameterType.JSON: _json,
    ParameterType.BYTES: _bytes,
}
