"""The second text of a statement: the same rows, each as one JSON text that PostgreSQL writes. Pure: text and columns in.

::

    SELECT concat('{"id":', r.c1, …, '}') AS json, CASE WHEN false THEN r.c1 END AS "id", …
    FROM (SELECT * FROM (the statement's own text) AS o OFFSET 0) AS o     planned as it would be alone, evaluated once
    CROSS JOIN LATERAL (SELECT o.*) AS r (c1, …)                           columns by number: names may be equal

What follows the JSON text, always NULL, are the statement's own columns. They are there so that PostgreSQL itself says
``cached plan must not change result type`` when a type is another than it was. A text that may get other columns by itself
(``SELECT *``) asks for them in a way that follows their names and number too, and costs a little more for each row::

    SELECT concat(…) AS json, g.* FROM … LEFT JOIN LATERAL (SELECT o.*) AS g ON false

Every function and operator is named with its schema, and every value is written by a form of a kept list, by its type's
oid; a statement that has a column of any other type has no second text.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

import orjson

from appsmith_proxy.sdk import Statement, unique_names
from appsmith_proxy_postgres.typebook import TypeInfo

_MAX_COLUMNS: Final = 200
_MAX_ARGUMENTS: Final = 100
"""That a function of PostgreSQL takes."""

_WORD: Final = re.compile(r"[a-z_]+|\*")
_NEVER: Final = frozenset({"delete", "insert", "into", "merge", "share", "update"})
"""Words of statements that write or lock. A mere name among them costs only the second text."""
_OTHERS: Final = frozenset({"*", "table"})
"""What stands for columns without naming them."""
_JOIN: Final = "\nLEFT JOIN LATERAL (SELECT o.*) AS g ON false"


@dataclass(frozen=True, slots=True, kw_only=True)
class Derived:
    """What is derived from one statement and its columns."""

    statement: Statement
    columns: int
    """How many columns, always NULL, follow the JSON text of a row."""
    names_bytes: int
    """What the columns' names take in each row: limits are of values."""


def derive(statement: Statement, columns: Sequence[tuple[str, TypeInfo]], *, server: int) -> Derived | None:
    """Return the second text of a statement, or None when it has none.

    Args:
        statement: prepared by itself, so that it is known to be one whole statement.
        columns: its columns, by the names that they have in it.
        server: PostgreSQL's major version, or an older one: what that writes, each later one writes too.
    """
    if not columns or len(columns) > _MAX_COLUMNS or statement.writes:
        return None
    words = set(_WORD.findall(statement.text.lower()))
    if _NEVER & words:
        return None
    forms = _FORMS if server >= _JSON_SCALAR_SINCE else _OLDER_FORMS
    arguments: list[str] = []
    names_bytes = 1
    names, _ = unique_names(name for name, _ in columns)
    for number, (name, (_, info)) in enumerate(zip(names, columns, strict=True), start=1):
        form = forms.get(_ANY_ENUM if info.is_enum else info.oid)
        if form is None:
            return None
        key = f"{'{' if number == 1 else ','}{orjson.dumps(name).decode()}:"
        names_bytes += len(key.encode())
        arguments += form(key, f"r.c{number}")
    own, joined = ("g.*", _JOIN) if _OTHERS & words else (_nulls([name for name, _ in columns]), "")
    numbered = ", ".join(f"c{number}" for number in range(1, len(names) + 1))
    text = "\n".join(
        (
            f"SELECT {_concat([*arguments, _quoted('}')])} AS json, {own}",
            "FROM (SELECT * FROM (",
            statement.text,  # on lines of its own: it may end in a comment
            ") AS o OFFSET 0) AS o",
            f"CROSS JOIN LATERAL (SELECT o.*) AS r ({numbered}){joined}",
        )
    )
    return Derived(
        statement=Statement(text=text, parameters=statement.parameters), columns=len(names), names_bytes=names_bytes
    )


Form: TypeAlias = Callable[[str, str], tuple[str, ...]]
"""From a key as it stands in JSON, with its colon, and a column to arguments of ``concat``, which leaves NULLs out."""


def _number(key: str, column: str) -> tuple[str, ...]:
    return _case((f"{column} IS NULL", key + "null"), otherwise=key), column


def _bigint(key: str, column: str) -> tuple[str, ...]:
    """A number as long as every reader of JSON keeps it, else a string."""
    small = f"{column} {_op('<=')} 9007199254740991 AND {column} {_op('>=')} -9007199254740991"
    return _bare_or_quoted(key, column, bare=small)


def _float(bound: str) -> Form:
    """Return the form of a float: shortest digits, a string where JSON has no number.

    Args:
        bound: from which on PostgreSQL writes an exponent. Below it a whole number has no sign of being a float.
    """

    def form(key: str, column: str) -> tuple[str, ...]:
        finite = f"{column} {_op('>')} '-Infinity' AND {column} {_op('<')} 'Infinity'"
        whole = " AND ".join(
            (
                f"{column} {_op('=')} pg_catalog.trunc({column})",
                f"{column} {_op('<')} '{bound}'",
                f"{column} {_op('>')} '-{bound}'",
            )
        )
        return _bare_or_quoted(key, column, (whole, ".0"), bare=finite)

    return form


def _boolean(key: str, column: str) -> tuple[str, ...]:
    return (_case((column, key + "true"), (f"{column} IS NULL", key + "null"), otherwise=key + "false"),)


def _safe(key: str, column: str) -> tuple[str, ...]:
    """A type whose text form never has a character that JSON escapes."""
    return _bare_or_quoted(key, column, bare="false")


def _escaped(to_json: str) -> Form:
    """Return the form of a text, or of an array.

    Args:
        to_json: what writes it as JSON.
    """
    return lambda key, column: (_quoted(key), f"COALESCE({to_json}({column}), 'null')")


def _json(key: str, column: str) -> tuple[str, ...]:
    return _quoted(key), f"COALESCE({column}, 'null')"


def _enum(to_json: str) -> Form:
    """Return the form of an enum: its own text, by way of a text, for a cast of the user's own could make JSON of it."""

    def form(key: str, column: str) -> tuple[str, ...]:
        escaped = f"{to_json}(pg_catalog.concat({column}))"
        return _quoted(key), f"CASE WHEN {column} IS NULL THEN 'null' ELSE {escaped} END"

    return form


def _timestamp(to_json: str, *, zone: str) -> Form:
    """Return the form of a timestamp: ISO 8601 in the years that it has, else PostgreSQL's own text.

    Args:
        to_json: what writes it as JSON.
        zone: what that writes for UTC; ``""`` for a type without a zone.
    """
    lower, upper = f"'0001-01-01 00:00:00{zone}'", f"'10000-01-01 00:00:00{zone}'"

    def form(key: str, column: str) -> tuple[str, ...]:
        iso = f"pg_catalog.concat({to_json}({column}))"
        if zone:
            iso = f"pg_catalog.replace({iso}, '{zone}', 'Z')"
        plain = f"pg_catalog.concat({_quoted(_QUOTE)}, {column}, {_quoted(_QUOTE)})"
        common = f"{column} {_op('>=')} {lower} AND {column} {_op('<')} {upper}"
        return _quoted(key), f"CASE WHEN {common} THEN {iso} WHEN {column} IS NULL THEN 'null' ELSE {plain} END"

    return form


def _bare_or_quoted(key: str, column: str, *suffixes: tuple[str, str], bare: str) -> tuple[str, ...]:
    """Return a column's own text form, in quotation marks unless a condition holds."""
    null = f"{column} IS NULL"
    begin = ((bare, key), (null, key + "null"))
    end = (*suffixes, (f"{null} OR {bare}", ""))
    return _case(*begin, otherwise=key + _QUOTE), column, _case(*end, otherwise=_QUOTE)


def _case(*branches: tuple[str, str], otherwise: str) -> str:
    """Return a choice between constants. It is the cheapest thing that a row can bring."""
    choices = "".join(f"WHEN {condition} THEN {_constant(text)} " for condition, text in branches)
    return f"CASE {choices}ELSE {_constant(otherwise)} END"


def _constant(text: str) -> str:
    return _quoted(text) if text else "NULL"


def _nulls(names: Sequence[str]) -> str:
    parts = []
    for number, name in enumerate(names, start=1):
        quoted = name.replace('"', '""')
        parts.append(f'CASE WHEN false THEN r.c{number} END AS "{quoted}"')
    return ", ".join(parts)


def _concat(arguments: Sequence[str]) -> str:
    """Join any number of arguments with a function that takes only so many."""
    while len(arguments) > _MAX_ARGUMENTS:
        starts = range(0, len(arguments), _MAX_ARGUMENTS)
        arguments = [_concat(arguments[start : start + _MAX_ARGUMENTS]) for start in starts]
    return f"pg_catalog.concat({', '.join(arguments)})"


def _quoted(text: str) -> str:
    """Return a literal that means the same whatever ``standard_conforming_strings`` says."""
    if "\\" not in text:
        return "'" + text.replace("'", "''") + "'"
    return "E'" + text.replace("\\", "\\\\").replace("'", "''") + "'"


def _op(name: str) -> str:
    return f"OPERATOR(pg_catalog.{name})"


_QUOTE: Final = '"'
_TO_JSON: Final = "pg_catalog.to_json"
_JSON_SCALAR: Final = "JSON_SCALAR"
"""Writes what ``to_json`` writes, and looks its type up once for each execution, not for each value. It is grammar, so
no schema can put its own in its place. Only of what it is meant for: an array stays with ``to_json``."""
_JSON_SCALAR_SINCE: Final = 17
_ANY_ENUM: Final = -1
"""In the place of an oid, for each enum has its own."""


def _forms(scalar: str) -> dict[int, Form]:
    """Return the kept list.

    Args:
        scalar: what writes texts and times as JSON.
    """
    text, array, enum = _escaped(scalar), _escaped(_TO_JSON), _enum(scalar)
    return {
        _ANY_ENUM: enum,
        16: _boolean,
        18: enum,  # "char"
        19: text,  # name
        20: _bigint,
        21: _number,  # int2
        23: _number,  # int4
        25: text,
        26: _number,  # oid
        114: _json,
        650: _safe,  # cidr
        700: _float("1e6"),
        701: _float("1e15"),
        829: _safe,  # macaddr
        869: _safe,  # inet
        1000: array,  # boolean
        1005: array,  # int2
        1007: array,  # int4
        1009: array,  # text
        1015: array,  # varchar
        1016: array,  # int8
        1021: array,  # float4
        1022: array,  # float8
        1042: text,  # bpchar
        1043: text,  # varchar
        1082: _safe,  # date
        1083: _safe,  # time
        1114: _timestamp(scalar, zone=""),
        1184: _timestamp(scalar, zone="+00:00"),
        1186: _safe,  # interval
        1231: array,  # numeric
        1700: _safe,  # numeric
        2950: _safe,  # uuid
        2951: array,  # uuid
        3802: _json,  # jsonb
    }


_FORMS: Final = _forms(_JSON_SCALAR)
_OLDER_FORMS: Final = _forms(_TO_JSON)
"""The kept list, by oid. Off it: ``bytea``, whose text would be larger than what it travels as; ``timetz``, arrays of times and
composites, whose JSON is not PostgreSQL's own; everything else for being rare."""
