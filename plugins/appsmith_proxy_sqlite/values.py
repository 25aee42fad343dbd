"""Values in and out: bound by the declared type alone, read as what ``typeof`` says they are.

SQLite has five types: NULL, integer (64 bit), real (double), text, blob. It reports no type for a placeholder, so an
undeclared value is bound as text; a column's affinity makes a number of it where the column holds numbers.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Final

from appsmith_proxy.sdk import (
    Cell,
    Column,
    ColumnType,
    Parameter,
    ParameterType,
    TypeFamily,
    Value,
    json_text,
    misfit,
    to_text,
    unique_names,
)

Native = str | int | float | bytes | None
"""What the library binds."""

_FAMILIES: Final[Mapping[ParameterType, TypeFamily]] = {
    ParameterType.TEXT: TypeFamily.TEXT,
    ParameterType.INTEGER: TypeFamily.INTEGER,
    ParameterType.BIGINT: TypeFamily.INTEGER,
    ParameterType.DECIMAL: TypeFamily.NUMERIC,
    ParameterType.FLOAT: TypeFamily.NUMERIC,
    ParameterType.BOOLEAN: TypeFamily.BOOLEAN,
    ParameterType.JSON: TypeFamily.JSON,
    ParameterType.BYTES: TypeFamily.BYTES,
}

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,19}")
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]{1,4})?")


def native_values(parameters: Sequence[Parameter], values: Sequence[Value | Decimal]) -> tuple[Native, ...]:
    """Return what to bind, one for each placeholder.

    Raises:
        ParameterInvalid: a value does not fit its declared type; ``parameter`` says which.
    """
    if len(parameters) != len(values):
        raise misfit(min(len(parameters), len(values)), f"{len(parameters)} values")
    return tuple(
        _list(parameter, value, index) if parameter.is_list else _native(parameter.type, value, index)
        for index, (parameter, value) in enumerate(zip(parameters, values, strict=True))
    )


def result_columns(names: Sequence[str]) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """Return the columns and the messages about names that stand twice. SQLite knows no type of a result's column."""
    unique, repeated = unique_names(names)
    messages = tuple(f"column {name} occurs more than once; the later ones are numbered" for name in repeated)
    return tuple(Column(name, ColumnType.ANY, "any") for name in unique), messages


def subquery_columns(names: Sequence[str]) -> tuple[Column, ...]:
    """Return the columns of a statement that ran as a subquery, where SQLite itself numbers repeated names: ``a:1``."""
    first = set(names)
    plain = [base if number.isdigit() and base in first else name for name, base, number in map(_numbered, names)]
    return result_columns(plain)[0]


def read_text(raw: bytes) -> str | bytes:
    """Return a text cell; what is not UTF-8 (SQLite does not check) stays bytes, so nothing is lost."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


def weight(row: Sequence[Cell]) -> int:
    """Return about how many bytes a row takes in an answer."""
    return sum(len(cell) if isinstance(cell, str | bytes) else 8 for cell in row)


def _numbered(name: str) -> tuple[str, str, str]:
    base, _, number = name.rpartition(":")
    return name, base, number


def _list(parameter: Parameter, value: Value | Decimal, index: int) -> Native:
    """Return a list as the one JSON text that ``json_each`` reads; its elements are converted as single values are."""
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise misfit(index, "a list")
    elements = [_native(parameter.type, element, index) for element in value]
    if any(isinstance(element, bytes) for element in elements):
        raise misfit(index, "a list of texts or numbers", hint="JSON, in which SQLite takes lists, has no bytes")
    return json_text(list(elements))


def _native(declared: ParameterType | None, value: Value | Decimal, index: int) -> Native:
    expected = declared.value if declared else "text"
    family = _FAMILIES.get(declared, TypeFamily.OTHER) if declared else TypeFamily.TEXT
    text = to_text(value, family, index=index, expected=expected)
    if not isinstance(text, str):
        return text
    try:
        text.encode()  # a lone surrogate has no UTF-8
        return _READERS.get(declared, str)(text)
    except (ValueError, KeyError, InvalidOperation):
        raise misfit(index, expected, hint=_HINTS.get(declared, "")) from None


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError
    return int(text)


def _float(text: str) -> float:
    if not _NUMBER.fullmatch(text):
        raise ValueError
    return float(text)


def _decimal(text: str) -> int | float:
    """Return the number when SQLite can hold it exactly enough that its digits come back."""
    if _INTEGER.fullmatch(text):
        return _integer(text)
    number = _float(text)
    if Decimal(repr(number)) != Decimal(text):
        raise ValueError
    return number


def _boolean(text: str) -> int:
    return {"false": 0, "0": 0, "true": 1, "1": 1}[text.lower()]


_READERS: Final[Mapping[ParameterType | None, Callable[[str], Native]]] = {
    ParameterType.INTEGER: _integer,
    ParameterType.BIGINT: _integer,
    ParameterType.FLOAT: _float,
    ParameterType.DECIMAL: _decimal,
    ParameterType.BOOLEAN: _boolean,
}
"""How text becomes the declared type. A CAST of SQLite would read ``'12 apples'`` as 12."""

_HINTS: Final[Mapping[ParameterType | None, str]] = {
    ParameterType.INTEGER: "SQLite's integers have 64 bits",
    ParameterType.BIGINT: "SQLite's integers have 64 bits",
    ParameterType.DECIMAL: "SQLite keeps decimals as doubles, which hold about 15 digits; text keeps them all",
}
