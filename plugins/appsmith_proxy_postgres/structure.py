"""The database described: schemas, tables and views, columns, keys, and a statement of each sort to start from."""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Final

import orjson

from appsmith_proxy.sdk import (
    KeyKind,
    Parameter,
    Statement,
    Structure,
    StructureColumn,
    StructureKey,
    StructureTable,
    starters,
)
from appsmith_proxy_postgres.wire import Wire

PAGE: Final = 100
"""Tables on one page."""

_KINDS: Final = {"r": "table", "p": "table", "f": "table", "v": "view", "m": "view"}
_KEYS: Final = {"p": KeyKind.PRIMARY, "u": KeyKind.UNIQUE, "f": KeyKind.FOREIGN}
_PLAIN_NAME: Final = re.compile(r"[a-z_][a-z0-9_]*")

_TABLES: Final = Statement(
    text=r"""
SELECT c.oid::int8, n.nspname::text, c.relname::text, c.relkind::text,
       pg_catalog.lower(n.nspname)::text, pg_catalog.lower(c.relname)::text
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v', 'm') AND NOT c.relispartition
  AND n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'
  AND pg_catalog.has_schema_privilege(n.oid, 'USAGE')
  AND (pg_catalog.has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE')
       OR pg_catalog.has_any_column_privilege(c.oid, 'SELECT, INSERT, UPDATE'))
  AND ($1::text IS NULL OR n.nspname = $1::text)
  AND ($2::text IS NULL OR c.relname = $2::text)
  AND (pg_catalog.lower(n.nspname)::text COLLATE "C", pg_catalog.lower(c.relname)::text COLLATE "C", c.oid::int8)
      > ($3::text, $4::text, $5::int8)
ORDER BY pg_catalog.lower(n.nspname)::text COLLATE "C", pg_catalog.lower(c.relname)::text COLLATE "C", c.oid::int8
LIMIT $6::int4""",
    parameters=tuple(Parameter(name=name, type=None) for name in ("schema", "table", "after", "name", "oid", "limit")),
)
_COLUMNS: Final = Statement(
    text=r"""
SELECT a.attrelid::int8, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
       CASE WHEN a.attgenerated = '' THEN pg_catalog.pg_get_expr(d.adbin, d.adrelid) END,
       a.attidentity <> '' OR a.attgenerated <> ''
FROM pg_catalog.pg_attribute a LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = ANY ($1::oid[]) AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum""",
    parameters=(Parameter(name="tables", type=None, is_list=True),),
)
_CONSTRAINTS: Final = Statement(
    text=r"""
SELECT k.conrelid::int8, k.conname::text, k.contype::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.conkey) WITH ORDINALITY u(num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.place),
       COALESCE(n.nspname, '')::text, COALESCE(c.relname, '')::text,
       ARRAY(SELECT a.attname::text FROM pg_catalog.unnest(k.confkey) WITH ORDINALITY u(num, place)
             JOIN pg_catalog.pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.place)
FROM pg_catalog.pg_constraint k
LEFT JOIN pg_catalog.pg_class c ON c.oid = k.confrelid LEFT JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE k.conrelid = ANY ($1::oid[]) AND k.contype IN ('p', 'u', 'f')
ORDER BY k.conrelid, k.conname""",
    parameters=(Parameter(name="tables", type=None, is_list=True),),
)


async def describe(wire: Wire, path: Sequence[str], page: str | None) -> Structure:
    """Describe what the role may use: all schemas, one schema (``(schema,)``) or one table (``(schema, table)``)."""
    schema = path[0] if path else None
    table = path[1] if len(path) > 1 else None
    after = _read_page(page)
    found = await wire.fetch(_TABLES, schema, table, *after, PAGE + 1)
    shown = found[:PAGE]
    oids = [row[0] for row in shown]
    columns = _by_table(await wire.fetch(_COLUMNS, [*oids])) if oids else {}
    constraints = _by_table(await wire.fetch(_CONSTRAINTS, [*oids])) if oids else {}
    tables = tuple(
        _table(
            row,
            [_column(item) for item in columns.get(row[0], ())],
            [_key(item) for item in constraints.get(row[0], ())],
        )
        for row in shown
    )
    last = shown[-1] if len(found) > PAGE else None
    return Structure(tables=tables, next=json.dumps([last[4], last[5], last[0]]) if last is not None else None)


def quoted(name: str) -> str:
    """Return a name as it must be written in a statement."""
    if _PLAIN_NAME.fullmatch(name) and name not in _RESERVED:
        return name
    return '"' + name.replace('"', '""') + '"'


def _table(row: Sequence[Any], columns: list[StructureColumn], keys: list[StructureKey]) -> StructureTable:
    _, schema, name, kind, *_ = row
    target = quoted(name) if schema == "public" else f"{quoted(schema)}.{quoted(name)}"
    made = starters(target, columns, keys, quoted=quoted)
    return StructureTable(
        name=name,
        schema=schema,
        kind=_KINDS[kind],
        columns=tuple(columns),
        keys=tuple(keys),
        starters=tuple(made if _KINDS[kind] == "table" else made[:1]),
    )


def _column(row: Sequence[Any]) -> StructureColumn:
    _, name, kind, nullable, default, generated = row
    return StructureColumn(name=name, type=kind, nullable=nullable, default=default, generated=generated)


def _key(row: Sequence[Any]) -> StructureKey:
    _, name, kind, columns, schema, table, referenced = row
    return StructureKey(
        name=name,
        kind=_KEYS[kind],
        columns=tuple(orjson.loads(columns)),
        referenced_schema=schema,
        referenced_table=table,
        referenced_columns=tuple(orjson.loads(referenced)),
    )


def _by_table(rows: Iterable[Sequence[Any]]) -> dict[int, list[Sequence[Any]]]:
    grouped: defaultdict[int, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


def _read_page(page: str | None) -> tuple[str, str, int]:
    """Read what ``next`` said; a page that nobody gave out starts at the beginning."""
    try:
        schema, name, oid = json.loads(page) if page else ("", "", 0)
        return str(schema), str(name), int(oid)
    except (ValueError, TypeError):
        return "", "", 0


_RESERVED_WORDS: Final = """\
all analyse analyze and any array as asc asymmetric authorization binary both case cast check collate
collation column concurrently constraint create cross current_catalog current_date current_role current_schema
current_time current_timestamp current_user default deferrable desc distinct do else end except false fetch
for foreign freeze from full grant group having ilike in initially inner intersect into is isnull join lateral
leading left like limit localtime localtimestamp natural not notnull null offset on only or order outer
overlaps placing primary references returning right select session_user similar some symmetric system_user
table tablesample then to trailing true union unique user using variadic verbose when where window with"""
_RESERVED: Final = frozenset(_RESERVED_WORDS.split())
"""Words that PostgreSQL takes for a column's or table's name only in quotes."""
