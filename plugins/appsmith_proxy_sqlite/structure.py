"""What is in a file: tables, views, columns, keys, and statements to start from."""

from collections import defaultdict
from typing import Any, Final

from appsmith_proxy.sdk import (
    DatasourceError,
    ExecutionTimeout,
    KeyKind,
    Structure,
    StructureColumn,
    StructureKey,
    StructureTable,
    starters,
)
from appsmith_proxy_sqlite.connection import Connection

_PAGE: Final = 200

_TABLES: Final = """
SELECT name, type FROM pragma_table_list
WHERE schema = 'main' AND type IN ('table', 'view', 'virtual') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'
AND (lower(name), name) > (lower(?1), ?1)
ORDER BY lower(name), name LIMIT ?2
"""
_COLUMNS: Final = 'SELECT name, type, "notnull", dflt_value, pk, hidden FROM pragma_table_xinfo(?1) ORDER BY cid'
_FOREIGN_KEYS: Final = 'SELECT id, "table", "from", "to" FROM pragma_foreign_key_list(?1) ORDER BY id, seq'
_UNIQUE_KEYS: Final = """
SELECT list.name, info.name FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info
WHERE list.origin = 'u' ORDER BY list.seq, info.seqno
"""

_HIDDEN: Final = 1
_GENERATED: Final = (2, 3)


async def describe_main(connection: Connection, page: str | None, *, deadline: float) -> Structure:
    """Describe one page of the tables, in case-insensitive name order. A page starts after the table it names."""
    found = await connection.own(_TABLES, (page or "", _PAGE + 1), deadline=deadline)
    tables = [await _table(connection, name, kind, deadline) for name, kind in found[:_PAGE]]
    return Structure(tables=tuple(tables), next=tables[-1].name if len(found) > _PAGE else None)


async def _table(connection: Connection, name: str, kind: str, deadline: float) -> StructureTable:
    try:
        rows = await connection.own(_COLUMNS, (name,), deadline=deadline)
    except ExecutionTimeout:
        raise
    except DatasourceError:
        # A view whose table is gone: everything else in the file can still be described.
        return StructureTable(name=name, schema="main", kind="view" if kind == "view" else "table")
    primary = [column for _, column in sorted((row[4], row[0]) for row in rows if row[4])]
    columns = tuple(_column(row, alone=len(primary) == 1) for row in rows if row[5] != _HIDDEN)
    keys = [StructureKey(name="primary", kind=KeyKind.PRIMARY, columns=tuple(primary))] if primary else []
    keys += await _unique_keys(connection, name, deadline)
    keys += await _foreign_keys(connection, name, deadline)
    made = starters(_quoted(name), columns, keys, quoted=_quoted)
    return StructureTable(
        name=name,
        schema="main",
        kind="view" if kind == "view" else "table",
        columns=columns,
        keys=tuple(keys),
        starters=tuple(made[:1] if kind == "view" else made),
    )


def _column(row: tuple[Any, ...], *, alone: bool) -> StructureColumn:
    name, type_, not_null, default, key, hidden = row
    # INTEGER PRIMARY KEY, and only that spelling, is the row's number: SQLite makes it (https://sqlite.org/autoinc.html).
    row_number = bool(key) and alone and type_.upper() == "INTEGER"
    return StructureColumn(
        name=name,
        type=type_ or "any",
        nullable=not not_null and not row_number,
        default=default,
        generated=hidden in _GENERATED or row_number,
    )


async def _unique_keys(connection: Connection, table: str, deadline: float) -> list[StructureKey]:
    parts: defaultdict[str, list[str]] = defaultdict(list)
    for index, column in await connection.own(_UNIQUE_KEYS, (table,), deadline=deadline):
        parts[index].append(column)
    return [StructureKey(name=name, kind=KeyKind.UNIQUE, columns=tuple(columns)) for name, columns in parts.items()]


async def _foreign_keys(connection: Connection, table: str, deadline: float) -> list[StructureKey]:
    parts: defaultdict[int, list[tuple[str, str, str | None]]] = defaultdict(list)
    for number, parent, column, referenced in await connection.own(_FOREIGN_KEYS, (table,), deadline=deadline):
        parts[number].append((parent, column, referenced))
    return [
        StructureKey(
            name=f"foreign_{number}",
            kind=KeyKind.FOREIGN,
            columns=tuple(column for _, column, _ in links),
            referenced_schema="main",
            referenced_table=links[0][0],
            # Without a name the parent's primary key is meant.
            referenced_columns=tuple(referenced for _, _, referenced in links if referenced is not None),
        )
        for number, links in parts.items()
    ]


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
