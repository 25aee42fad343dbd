"""What a driver answers: rows of exact values, an HTTP body, or what prepare and describe found."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from appsmith_proxy.sdk.nouns import Noun

Cell: TypeAlias = Any
"""One value of a row. The column's type says what it is:

=============  =====================================================================================================
column type    cell (None is always NULL)
=============  =====================================================================================================
``integer``    int, any size
``decimal``    str, the database's own digits (or ``NaN``, ``Infinity``, ``-Infinity``)
``float``      float (NaN and infinities too)
``boolean``    bool
``text``       str. Also dates, times, uuid, enum and everything that is shown in the database's own text form
``bytes``      bytes
``json``       str or bytes: JSON text, passed through untouched
``any``        one of int, float, str, bytes, bool: the cell's own Python type decides (SQLite)
=============  =====================================================================================================

A driver gives dates, times and intervals as ISO 8601 text in columns whose type names them (``timestamptz`` …); those
types are encoded as text.
"""


class ColumnType(StrEnum):
    """How a column's cells are read and encoded. Decided by the column's type, never by a value's looks."""

    INTEGER = "integer"
    DECIMAL = "decimal"
    FLOAT = "float"
    BOOLEAN = "boolean"
    TEXT = "text"
    DATE = "date"
    TIME = "time"
    TIMESTAMP = "timestamp"
    TIMESTAMPTZ = "timestamptz"
    INTERVAL = "interval"
    UUID = "uuid"
    BYTES = "bytes"
    JSON = "json"
    ANY = "any"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result, in order."""

    name: str
    """Already unique: see ``unique_names``."""
    type: ColumnType
    native_type: str
    """The datasource's own name of the type; editors see it."""


def unique_names(names: Iterable[str]) -> tuple[list[str], list[str]]:
    """Make column names unique: a repeated ``name`` becomes ``name_2``, ``name_3`` …, never one that stands already.

    Returns:
        The unique names in order, and the original names that were repeated, each once.
    """
    given = list(names)
    seen: set[str] = set()
    taken = set(given)
    repeated: dict[str, None] = {}
    unique: list[str] = []
    for name in given:
        candidate, count = name, 1
        if name in seen:
            repeated[name] = None
            while candidate in taken:
                count += 1
                candidate = f"{name}_{count}"
            taken.add(candidate)
        seen.add(candidate)
        unique.append(candidate)
    return unique, list(repeated)


class EncodedRows(Noun, frozen=True):
    """Rows that the datasource encoded: one JSON object a row, values as DESIGN's table of values says."""

    texts: Sequence[str | bytes]


class BodyKind(StrEnum):
    """How an HTTP body is shown."""

    JSON = "json"
    TEXT = "text"
    BINARY = "binary"


class Body(Noun, frozen=True, kw_only=True):
    """An HTTP answer: not rows."""

    kind: BodyKind
    value: bytes
    """JSON text, UTF-8 text, or raw bytes, by ``kind``. JSON has been checked to be exactly one JSON text."""
    status: int
    reason: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    """The upstream's headers that may be shown; never Set-Cookie, never an injected secret."""


class Result(Noun, frozen=True, kw_only=True):
    """The answer of one execution: rows, a body, or a count of affected rows."""

    columns: tuple[Column, ...] = ()
    rows: Sequence[Sequence[Cell]] | EncodedRows | None = None
    """None when the statement returns no rows."""
    body: Body | None = None
    affected: int | None = None
    truncated: bool = False
    """A limit cut the answer."""
    messages: tuple[str, ...] = ()
    """Hints for people; never a value, a statement or a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """What the server's own prepare reported (``SupportsPrepare``)."""

    parameter_types: tuple[str | None, ...]
    """The native type of each placeholder; None where the server reports none."""
    columns: tuple[Column, ...]
    returns_rows: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reported:
    """What prepare reported of one statement when its action was published: what every later answer is held to."""

    statement: str
    """The digest of its text."""
    parameter_types: tuple[str | None, ...]
    columns: tuple[tuple[str, str], ...]
    """(name, native type)"""

    @classmethod
    def of(cls, statement: str, prepared: Prepared) -> "Reported":
        """Return what is remembered of a report.

        Args:
            statement: the digest of the statement's text.
            prepared: what the datasource reported.
        """
        return cls(statement=statement, parameter_types=prepared.parameter_types, columns=_shape(prepared.columns))

    def has_columns(self, columns: tuple[Column, ...]) -> bool:
        """Return whether an answer has the columns that were reported."""
        return self.columns == _shape(columns)

    def differences(self, now: "Reported", names: Sequence[str]) -> tuple[str, ...]:
        """Return in words what another report says otherwise; empty when nothing. No value is in it.

        Args:
            now: what is reported today.
            names: of the statement's parameters, in order.
        """
        found = [
            f"{{{{{name}}}}} was {was or 'of no type'}, is {new or 'of no type'}"
            for name, was, new in zip(names, self.parameter_types, now.parameter_types, strict=False)
            if was != new
        ]
        before, after = dict(self.columns), dict(now.columns)
        found += [f"column {name} is gone" for name in before if name not in after]
        found += [f"column {name} is new" for name in after if name not in before]
        found += [
            f"column {name} was {before[name]}, is {new}" for name, new in after.items() if before.get(name, new) != new
        ]
        if not found and self.columns != now.columns:
            found.append("the columns come in another order")
        if not found and self.parameter_types != now.parameter_types:
            found.append("the number of parameters is another")
        return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """The answer of ``Client.check``: the datasource can be used."""

    server: str = ""
    """Product and version, for editors."""
    warnings: tuple[str, ...] = ()
    """What an operator should know: rights of the role that are too wide, weak TLS …"""


class KeyKind(StrEnum):
    """Kinds of keys in a structure."""

    PRIMARY = "primary"
    FOREIGN = "foreign"
    UNIQUE = "unique"


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureColumn:
    """One column of a table."""

    name: str
    type: str
    nullable: bool = True
    default: str | None = None
    generated: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureKey:
    """One key of a table; the ``referenced_…`` fields are for foreign keys."""

    name: str
    kind: KeyKind
    columns: tuple[str, ...]
    referenced_schema: str = ""
    referenced_table: str = ""
    referenced_columns: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Starter:
    """Something to start an action from."""

    title: str
    body: str
    """A statement; of drivers that are no SQL, the JSON of an action's configuration."""
    suggested: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class StructureTable:
    """One table or view."""

    name: str
    schema: str = ""
    kind: str = "table"
    """``table`` or ``view``."""
    columns: tuple[StructureColumn, ...] = ()
    keys: tuple[StructureKey, ...] = ()
    starters: tuple[Starter, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Structure:
    """One page of a datasource's structure, in case-insensitive name order."""

    tables: tuple[StructureTable, ...]
    next: str | None = None
    """Pass it as ``page`` to get what follows; None at the end."""


def _shape(columns: Iterable[Column]) -> tuple[tuple[str, str], ...]:
    return tuple((column.name, column.native_type) for column in columns)
