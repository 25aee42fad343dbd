"""Describing a file: tables, views, keys, pages, and starters that the compiler takes."""

from pathlib import Path

import pytest

from appsmith_proxy.sdk import KeyKind, StructureTable
from appsmith_proxy.template import compile_action
from appsmith_proxy_sqlite.driver import SqliteDriver
from tests.unit.sqlite.conftest import OpenClient, make

SCHEMA = '''
CREATE TABLE "odd ""name""" ("first name" TEXT DEFAULT 'x', "2nd" INT, PRIMARY KEY ("2nd", "first name")) WITHOUT ROWID;
CREATE TABLE child (
    id INTEGER PRIMARY KEY, code TEXT UNIQUE, parent INT NOT NULL REFERENCES parent (id), other REFERENCES parent,
    twice INT AS (id * 2), UNIQUE (code, parent)
);
CREATE TABLE Parent (id INTEGER PRIMARY KEY AUTOINCREMENT, anything);
CREATE VIEW broken AS SELECT * FROM child;
CREATE VIEW fine AS SELECT id AS number FROM child;
CREATE VIRTUAL TABLE words USING fts5(text);
INSERT INTO parent (anything) VALUES (1);
CREATE TABLE gone (x);
DROP VIEW broken;
CREATE VIEW broken AS SELECT * FROM gone;
DROP TABLE gone;
'''


@pytest.fixture
async def tables(folder: Path, open_client: OpenClient) -> dict[str, StructureTable]:
    make(folder / "schema.db", SCHEMA)
    client = await open_client("schema.db")
    structure = await client.describe((), None)
    assert structure.next is None
    return {table.name: table for table in structure.tables}


async def test_tables_come_in_case_insensitive_order_without_sqlites_own(tables: dict[str, StructureTable]) -> None:
    assert list(tables) == ["broken", "child", "fine", 'odd "name"', "Parent", "words"]
    assert [table.kind for table in tables.values()] == ["view", "table", "view", "table", "table", "table"]


async def test_columns(tables: dict[str, StructureTable]) -> None:
    child = {column.name: column for column in tables["child"].columns}
    assert [(name, column.type, column.nullable, column.generated) for name, column in child.items()] == [
        ("id", "INTEGER", False, True),
        ("code", "TEXT", True, False),
        ("parent", "INT", False, False),
        ("other", "any", True, False),
        ("twice", "INT", True, True),
    ]
    assert tables['odd "name"'].columns[0].default == "'x'"
    assert [column.name for column in tables["fine"].columns] == ["number"]
    assert [column.name for column in tables["words"].columns] == ["text"]


async def test_keys(tables: dict[str, StructureTable]) -> None:
    keys = tables["child"].keys
    assert [(key.kind, key.columns) for key in keys] == [
        (KeyKind.PRIMARY, ("id",)),
        (KeyKind.UNIQUE, ("code", "parent")),
        (KeyKind.UNIQUE, ("code",)),
        (KeyKind.FOREIGN, ("other",)),
        (KeyKind.FOREIGN, ("parent",)),
    ]
    assert [(key.referenced_table, key.referenced_columns) for key in keys[3:]] == [("parent", ()), ("parent", ("id",))]
    assert tables['odd "name"'].keys[0].columns == ("2nd", "first name")


async def test_a_broken_view_does_not_hide_the_rest(tables: dict[str, StructureTable]) -> None:
    assert tables["broken"].columns == ()


async def test_every_starter_compiles(tables: dict[str, StructureTable]) -> None:
    for table in tables.values():
        for starter in table.starters:
            compiled = compile_action(SqliteDriver(), {"body": starter.body}, (), read_only=None, allow_ddl=False)
            assert compiled.plan is not None, (starter.body, compiled.problems)
    assert [starter.title for starter in tables["child"].starters] == ["SELECT", "INSERT", "UPDATE", "DELETE"]
    assert [starter.title for starter in tables["fine"].starters] == ["SELECT"]


async def test_pages_follow_each_other(folder: Path, open_client: OpenClient) -> None:
    make(folder / "many.db", "".join(f"CREATE TABLE {'tT'[n % 2]}{n} (x);" for n in range(450)))
    client = await open_client("many.db")
    names: list[str] = []
    page: str | None = None
    while True:
        structure = await client.describe(("main",), page)
        names += [table.name for table in structure.tables]
        page = structure.next
        if page is None:
            break
    assert len(names) == 450
    assert names == sorted(names, key=lambda name: (name.lower(), name))


async def test_there_is_no_other_schema(open_client: OpenClient) -> None:
    client = await open_client()
    assert (await client.describe(("temp",), None)).tables == ()
