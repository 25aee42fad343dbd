"""What is known of PostgreSQL's types: how a parameter of each is written, how a cell of each is read.

The common built-in types are a table; all else (rarer built-ins, domains, enums, composites, ranges, arrays of them) is
looked up in the catalog once for each Client.
"""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, Self, TypeAlias

import orjson

from appsmith_proxy.sdk import Column, ColumnType, Parameter, Statement, TypeFamily
from appsmith_proxy_postgres import forms
from appsmith_proxy_postgres.forms import JsonText

_MAX_COLUMNS: Final = 1_000
"""Of how many statements the columns are kept."""
BINARY: Final = TypeFamily.BYTES
"""The one family that travels in binary: its text form would double it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TypeInfo:
    """One type of a server."""

    oid: int
    name: str
    family: TypeFamily
    column: ColumnType
    decode: Callable[[Any], object] = str
    """From the text form to a cell; from bytes for ``BINARY``."""
    json: JsonText = forms.json_string
    """For values inside arrays and composites."""
    element: "TypeInfo | None" = None
    """Of an array."""
    native: bool = False
    """asyncpg's own binary decoder gives just this cell, in C. Never so for what it rounds, normalises or wraps."""
    is_enum: bool = False
    direct: frozenset[type] = field(init=False, compare=False)
    """Python's types of which ``str`` is a parameter's text form. Exactly these: ``bool`` is another than ``int``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "direct", _DIRECT.get(self.family, frozenset({str})))


_DIRECT: Final[Mapping[TypeFamily, frozenset[type]]] = {BINARY: frozenset(), TypeFamily.INTEGER: frozenset({str, int})}
_F = TypeFamily
_C = ColumnType

_SCALARS: Final[tuple[tuple[int, int, str, TypeFamily, ColumnType, Callable[[Any], object], JsonText], ...]] = (
    # oid, oid of its array, name, family, column, to a cell, to JSON
    (16, 1000, "bool", _F.BOOLEAN, _C.BOOLEAN, forms.boolean, forms.json_boolean),
    (17, 1001, "bytea", _F.BYTES, _C.BYTES, bytes, forms.json_string),
    (18, 1002, "char", _F.TEXT, _C.TEXT, str, forms.json_string),
    (19, 1003, "name", _F.TEXT, _C.TEXT, str, forms.json_string),
    (20, 1016, "int8", _F.INTEGER, _C.INTEGER, int, str),
    (21, 1005, "int2", _F.INTEGER, _C.INTEGER, int, str),
    (23, 1007, "int4", _F.INTEGER, _C.INTEGER, int, str),
    (25, 1009, "text", _F.TEXT, _C.TEXT, str, forms.json_string),
    (26, 1028, "oid", _F.INTEGER, _C.INTEGER, int, str),
    (114, 199, "json", _F.JSON, _C.JSON, str, str),
    (700, 1021, "float4", _F.NUMERIC, _C.FLOAT, float, forms.json_number),
    (701, 1022, "float8", _F.NUMERIC, _C.FLOAT, float, forms.json_number),
    (790, 791, "money", _F.NUMERIC, _C.TEXT, str, forms.json_string),
    (1042, 1014, "bpchar", _F.TEXT, _C.TEXT, str, forms.json_string),
    (1043, 1015, "varchar", _F.TEXT, _C.TEXT, str, forms.json_string),
    (1082, 1182, "date", _F.OTHER, _C.DATE, str, forms.json_string),
    (1083, 1183, "time", _F.OTHER, _C.TIME, str, forms.json_string),
    (1114, 1115, "timestamp", _F.OTHER, _C.TIMESTAMP, forms.timestamp, forms.json_timestamp),
    (1184, 1185, "timestamptz", _F.OTHER, _C.TIMESTAMPTZ, forms.timestamptz, forms.json_timestamptz),
    (1186, 1187, "interval", _F.OTHER, _C.INTERVAL, str, forms.json_string),
    (1266, 1270, "timetz", _F.OTHER, _C.TIME, forms.timetz, forms.json_timetz),
    (1700, 1231, "numeric", _F.NUMERIC, _C.DECIMAL, str, forms.json_number),
    (2950, 2951, "uuid", _F.OTHER, _C.UUID, str, forms.json_string),
    (3802, 3807, "jsonb", _F.JSON, _C.JSON, str, str),
)

_NATIVE: Final = frozenset(
    {"bool", "bytea", "name", "int8", "int2", "int4", "text", "oid", "json", "float8", "bpchar", "varchar", "jsonb"}
)
_PLAIN: Final = frozenset({_F.INTEGER, _F.NUMERIC})
_CATEGORIES: Final[Mapping[str, TypeFamily]] = {"S": _F.TEXT, "B": _F.BOOLEAN, "N": _F.NUMERIC}
"""``pg_type.typcategory`` of types that are not in the table, where it says more than OTHER."""

LOOKUP: Final = Statement(
    text="""\
SELECT t.oid::pg_catalog.int8, t.typname::pg_catalog.text, t.typcategory::pg_catalog.text,
       t.typbasetype::pg_catalog.int8, t.typdelim::pg_catalog.text,
       CASE WHEN t.typlen = -1 AND t.typcategory = 'A' THEN t.typelem ELSE 0 END::pg_catalog.int8,
       ARRAY(SELECT a.attname::pg_catalog.text FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::pg_catalog.text[],
       ARRAY(SELECT a.atttypid::pg_catalog.int8 FROM pg_catalog.pg_attribute a
             WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum)::pg_catalog.int8[]
FROM pg_catalog.pg_type t WHERE t.oid = ANY ($1::pg_catalog.oid[])""",
    parameters=(Parameter(name="oids", type=None, is_list=True),),
)
"""The driver's own statement: everything about some types. A user's type may be named like one of the server's, and be found
before it: hence the names with their schema."""

Lookup: TypeAlias = Callable[[Sequence[int]], Awaitable[Iterable[Sequence[Any]]]]
"""Runs ``LOOKUP`` for some oids. Cells are as a viewer would get them: arrays are JSON text."""


class TypeBook:
    """The types of one server, as far as statements have met them."""

    def __init__(self) -> None:
        self._known = _built_in()
        self._columns: dict[tuple[Column, ...], tuple[Column, ...]] = {}

    def __getitem__(self, oid: int) -> TypeInfo:
        return self._known[oid]

    def columns(self, names: Sequence[str], types: Sequence[TypeInfo]) -> tuple[Column, ...]:
        """Return the columns of these names and types: the very same tuple for the same ones, on every connection."""
        columns = tuple(Column(name, info.column, info.name) for name, info in zip(names, types, strict=True))
        if len(self._columns) >= _MAX_COLUMNS:
            self._columns.clear()
        return self._columns.setdefault(columns, columns)

    def missing(self, oids: Iterable[int]) -> set[int]:
        """Return which types must be looked up."""
        return {oid for oid in oids if oid not in self._known}

    async def learn(self, oids: Iterable[int], lookup: Lookup) -> None:
        """Look types up, and what they are made of."""
        rows: dict[int, _Row] = {}
        wanted = self.missing(oids)
        while wanted:
            found = {row.oid: row for row in map(_Row.read, await lookup(sorted(wanted)))}
            rows |= found
            needed = {oid for row in found.values() for oid in row.parts}
            wanted = self.missing(needed) - rows.keys() - wanted
        for oid in rows:
            self._define(oid, rows, frozenset())
        for oid in self.missing(oids):  # dropped between prepare and lookup: shown in its own text form
            self._known[oid] = _text_type(oid, "unknown")

    def _define(self, oid: int, rows: Mapping[int, "_Row"], within: frozenset[int]) -> TypeInfo:
        if oid in self._known:
            return self._known[oid]
        if oid in within or oid not in rows:  # a type that contains itself
            return _text_type(oid, "unknown")
        row = rows[oid]
        inner = within | {oid}
        if row.base:
            info = replace(self._define(row.base, rows, inner), oid=oid, name=row.name, native=False)
        elif row.element:
            element = self._define(row.element, rows, inner)
            info = _array_of(oid, element, delimiter=row.delimiter)
        elif row.attributes:
            to_json = forms.json_composite(
                [(name, self._define(part, rows, inner).json) for name, part in row.attributes]
            )
            info = TypeInfo(oid=oid, name=row.name, family=_F.OTHER, column=_C.JSON, decode=to_json, json=to_json)
        else:
            info = _text_type(oid, row.name, _CATEGORIES.get(row.category, _F.OTHER), is_enum=row.category == "E")
        self._known[oid] = info
        return info


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One row of ``LOOKUP``."""

    oid: int
    name: str
    category: str
    base: int
    delimiter: str
    element: int
    attributes: tuple[tuple[str, int], ...]

    @classmethod
    def read(cls, row: Sequence[Any]) -> Self:
        oid, name, category, base, delimiter, element, names, types = row
        attributes = tuple(zip(orjson.loads(names), orjson.loads(types), strict=True))
        return cls(
            oid=oid,
            name=name,
            category=category,
            base=base,
            delimiter=delimiter,
            element=element,
            attributes=attributes,
        )

    @property
    def parts(self) -> Iterator[int]:
        """What the type is made of."""
        yield from (oid for oid in (self.base, self.element) if oid)
        yield from (oid for _, oid in self.attributes)


def _text_type(oid: int, name: str, family: TypeFamily = TypeFamily.OTHER, *, is_enum: bool = False) -> TypeInfo:
    return TypeInfo(oid=oid, name=name, family=family, column=ColumnType.TEXT, is_enum=is_enum)


def _array_of(oid: int, element: TypeInfo, *, delimiter: str = ",") -> TypeInfo:
    to_json = forms.json_array(element.json, plain=element.family in _PLAIN, delimiter=delimiter)
    return TypeInfo(
        oid=oid,
        name=f"{element.name}[]",
        family=TypeFamily.OTHER,
        column=ColumnType.JSON,
        decode=to_json,
        json=to_json,
        element=element,
    )


def _built_in() -> dict[int, TypeInfo]:
    book: dict[int, TypeInfo] = {}
    for oid, array_oid, name, family, column, decode, to_json in _SCALARS:
        scalar = TypeInfo(
            oid=oid, name=name, family=family, column=column, decode=decode, json=to_json, native=name in _NATIVE
        )
        book[oid] = scalar
        book[array_oid] = _array_of(array_oid, scalar)
    return book
