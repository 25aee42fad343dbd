"""The database described: tables and views, columns, keys, and a statement of each sort to start from."""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, Final

from appsmith_proxy.sdk import (
    KeyKind,
    Parameter,
    ParameterType,
    Statement,
    Structure,
    StructureColumn,
    StructureKey,
    StructureTable,
    starters,
)
from appsmith_proxy_mysql.wire import Wire

PAGE: Final = 100
"""Tables on one page."""

_KINDS: Final = {"BASE TABLE": "table", "SYSTEM VERSIONED": "table", "VIEW": "view", "SYSTEM VIEW": "view"}
_GENERATED: Final = ("auto_increment", "VIRTUAL GENERATED", "STORED GENERATED")
_NO_DEFAULT: Final = "NULL"
"""How MariaDB writes the default of a column that has none."""

# Names are compared by bytes, whatever collation the server has for them: pages must neither overlap nor leave gaps.
_LOWER: Final = "CAST(LOWER(TABLE_NAME) AS BINARY)"
_EXACT: Final = "CAST(TABLE_NAME AS BINARY)"
_TABLES: Final = Statement(
    text=f"""
SELECT TABLE_SCHEMA, TABLE_NAME, TABLE_TYPE, LOWER(TABLE_NAME), TABLE_SCHEMA = DATABASE()
FROM information_schema.TABLES
WHERE TABLE_SCHEMA = COALESCE(?, DATABASE()) AND TABLE_TYPE IN ({", ".join(f"'{kind}'" for kind in _KINDS)})
  AND (? IS NULL OR TABLE_NAME = ?)
  AND ({_LOWER} > ? OR ({_LOWER} = ? AND {_EXACT} > ?))
ORDER BY {_LOWER}, {_EXACT}
LIMIT ?""",  # noqa: S608  # reason: a constant
    parameters=(
        *(Parameter(name=name, type=ParameterType.TEXT) for name in ("schema", "table", "table")),
        *(Parameter(name=name, type=ParameterType.BYTES) for name in ("after", "after", "name")),
        Parameter(name="limit", type=ParameterType.INTEGER),
    ),
)
_NAMED: Final = tuple(Parameter(name=name, type=ParameterType.TEXT) for name in ("schema", *["table"] * PAGE))
_OF_TABLES: Final = f"TABLE_SCHEMA = ? AND TABLE_NAME IN ({', '.join('?' * PAGE)})"
_COLUMNS: Final = Statement(
    text=f"""
SELECT TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE = 'YES', COLUMN_DEFAULT, EXTRA
FROM information_schema.COLUMNS WHERE {_OF_TABLES} ORDER BY TABLE_NAME, ORDINAL_POSITION""",  # noqa: S608
    parameters=_NAMED,
)
_INDEXES: Final = Statement(
    text=f"""
SELECT TABLE_NAME, INDEX_NAME, COLUMN_NAME
FROM information_schema.STATISTICS WHERE NOT NON_UNIQUE AND {_OF_TABLES}
ORDER BY TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX""",  # noqa: S608
    parameters=_NAMED,
)
_REFERENCES: Final = Statement(
    text=f"""
SELECT TABLE_NAME, CONSTRAINT_NAME, COLUMN_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, REFERENCED_COLUMN_NAME
FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_NAME IS NOT NULL AND {_OF_TABLES}
ORDER BY TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION""",  # noqa: S608
    parameters=_NAMED,
)
_PRIMARY: Final = "PRIMARY"


async def describe(wire: Wire, path: Sequence[str], page: str | None) -> Structure:
    """Describe what the account may use: of the datasource's database, of another (``(database,)``), or one table."""
    schema = path[0] if path else None
    table = path[1] if len(path) > 1 else None
    lower, name = _read_page(page)
    found = await wire.fetch(_TABLES, schema, table, table, lower.encode(), lower.encode(), name.encode(), PAGE + 1)
    shown = found[:PAGE]
    if not shown:
        return Structure(tables=())
    names = [row[1] for row in shown]
    of_tables = (shown[0][0], *names, *[names[-1]] * (PAGE - len(names)))
    columns = _by_table(await wire.fetch(_COLUMNS, *of_tables))
    indexes = _by_table(await wire.fetch(_INDEXES, *of_tables))
    references = _by_table(await wire.fetch(_REFERENCES, *of_tables))
    tables = tuple(
        _table(
            row,
            [_column(item) for item in columns[row[1]]],
            [*_indexes(indexes[row[1]]), *_references(references[row[1]])],
        )
        for row in shown
    )
    last = shown[-1] if len(found) > PAGE else None
    return Structure(tables=tables, next=json.dumps([last[3], last[1]]) if last is not None else None)


def quoted(name: str) -> str:
    """Return a name as it can be written in any statement: reserved words are many, and differ between servers."""
    return "`" + name.replace("`", "``") + "`"


def _table(row: Sequence[Any], columns: list[StructureColumn], keys: list[StructureKey]) -> StructureTable:
    schema, name, kind, _, own = row
    target = quoted(name) if own else f"{quoted(schema)}.{quoted(name)}"
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
    _, name, kind, nullable, default, extra = row
    return StructureColumn(
        name=name,
        type=kind,
        nullable=bool(nullable),
        default=None if default == _NO_DEFAULT else default,
        generated=any(word in extra for word in _GENERATED),
    )


def _indexes(rows: Iterable[Sequence[Any]]) -> Iterable[StructureKey]:
    """Yield primary and unique keys. One over an expression, which has no column's name, is none that a row is found by."""
    for name, parts in groupby(rows, key=itemgetter(1)):
        columns = tuple(part[2] for part in parts)
        if None not in columns:
            kind = KeyKind.PRIMARY if name == _PRIMARY else KeyKind.UNIQUE
            yield StructureKey(name=name, kind=kind, columns=columns)


def _references(rows: Iterable[Sequence[Any]]) -> Iterable[StructureKey]:
    for name, group in groupby(rows, key=itemgetter(1)):
        parts = list(group)
        yield StructureKey(
            name=name,
            kind=KeyKind.FOREIGN,
            columns=tuple(part[2] for part in parts),
            referenced_schema=parts[0][3],
            referenced_table=parts[0][4],
            referenced_columns=tuple(part[5] for part in parts),
        )


def _by_table(rows: Iterable[Sequence[Any]]) -> defaultdict[str, list[Sequence[Any]]]:
    grouped: defaultdict[str, list[Sequence[Any]]] = defaultdict(list)
    for row in rows:
        grouped[row[0]].append(row)
    return grouped


def _read_page(page: str | None) -> tuple[str, str]:
    """Read what ``next`` said; a page that nobody gave out starts at the beginning."""
    try:
        lower, name = json.loads(page) if page else ("", "")
        return str(lower), str(name)
    except (ValueError, TypeError):
        return "", ""
