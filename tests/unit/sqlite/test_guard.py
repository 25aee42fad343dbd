"""What SQL may not do, whatever the text says: each layer by itself."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.sdk import DatasourceError, ParameterInvalid, PermissionRejected, ResourceExhausted
from appsmith_proxy_sqlite.client import SqliteClient
from appsmith_proxy_sqlite.connection import connection_pragmas
from appsmith_proxy_sqlite.guard import DENIED_FUNCTIONS, Guard
from tests.unit.sqlite.conftest import OpenClient, Run, make, request

DENIED = [
    ("ATTACH '/tmp/x.db' AS other", "ATTACH"),
    ("ATTACH ':memory:' AS other", "ATTACH"),
    ("DETACH main", "DETACH"),
    ("PRAGMA user_version", "PRAGMA"),
    ("PRAGMA writable_schema = ON", "PRAGMA"),
    ("PRAGMA query_only = OFF", "PRAGMA"),
    ("PRAGMA journal_mode = OFF", "PRAGMA"),
    ("PRAGMA page_size = 8192", "PRAGMA"),
    ("SELECT * FROM pragma_database_list", "PRAGMA"),
    ("SELECT * FROM pragma_table_xinfo('authors')", "PRAGMA"),
    ("BEGIN", "transaction control"),
    ("COMMIT", "transaction control"),
    ("ROLLBACK", "transaction control"),
    ("SAVEPOINT s", "transaction control"),
    ("CREATE TEMP TABLE t (x)", "temporary objects"),
    ("CREATE TEMP VIEW v AS SELECT 1", "temporary objects"),
    ("CREATE TEMP TRIGGER r AFTER INSERT ON authors BEGIN SELECT 1; END", "temporary objects"),
    ("CREATE VIRTUAL TABLE t USING fts5(x)", "CREATE VIRTUAL TABLE"),
    ("SELECT load_extension('x')", "the function load_extension"),
    ("SELECT LOAD_EXTENSION('x', 'y')", "the function load_extension"),
    ("SELECT fts3_tokenizer('simple')", "the function fts3_tokenizer"),
    ("SELECT sqlite_log(1, 'x')", "the function sqlite_log"),
    ("SELECT last_insert_rowid()", "the function last_insert_rowid"),
    ("SELECT changes()", "the function changes"),
    ("SELECT total_changes()", "the function total_changes"),
    ("SELECT sql FROM sqlite_stmt", "the table sqlite_stmt"),
    ("SELECT * FROM dbstat", "the table dbstat"),
]


@pytest.mark.parametrize("read_only", [False, True], ids=["write", "read"])
@pytest.mark.parametrize(("text", "what"), DENIED, ids=[text for text, _ in DENIED])
async def test_what_leaves_the_file_or_stays_on_the_connection_is_denied(
    run: Run, text: str, what: str, read_only: bool
) -> None:
    with pytest.raises(DatasourceError) as caught:
        await run(text, writes=not read_only, read_only=read_only)
    if "no such" not in caught.value.native_message:  # not every build has every module
        assert isinstance(caught.value, PermissionRejected)
        if not (read_only and what in ("temporary objects", "CREATE VIRTUAL TABLE")):
            assert caught.value.message == f"{what} is not allowed in a datasource"
    assert (await run("SELECT count(*) FROM authors")).rows == [(2,)]


async def test_functions_that_only_other_builds_have_are_on_the_list() -> None:
    assert {"edit", "readfile", "writefile", "load_extension"} <= DENIED_FUNCTIONS


WRITES = [
    "INSERT INTO authors (name) VALUES ('x')",
    "INSERT INTO authors (name) VALUES ('x') RETURNING id",
    "REPLACE INTO authors (id, name) VALUES (1, 'x')",
    "INSERT INTO authors (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET name = 'y'",
    "UPDATE authors SET name = 'x' WHERE id = 1",
    "DELETE FROM books",
    "WITH x AS (SELECT 1) INSERT INTO authors (name) SELECT 'x' FROM x",
    "/* SELECT */ DELETE FROM books",
    "-- SELECT\nDELETE FROM books",
    "CREATE TABLE t (x)",
    "CREATE TABLE t AS SELECT 1",
    "CREATE INDEX i ON authors (born)",
    "CREATE VIEW v AS SELECT 1",
    "CREATE TRIGGER r AFTER INSERT ON authors BEGIN SELECT 1; END",
    "ALTER TABLE authors ADD COLUMN x",
    "ALTER TABLE authors RENAME TO people",
    "DROP TABLE books",
    "DROP VIEW view_of_books",
    "REINDEX",
    "ANALYZE",
    "VACUUM",
    "PRAGMA user_version = 7",
    "INSERT INTO sqlite_master VALUES ('table', 'x', 'x', 0, '')",
    "DELETE FROM view_of_books",
    "DELETE FROM tree",
    "INSERT INTO tree_node VALUES (9, x'00')",
]
VIEW = """
CREATE VIRTUAL TABLE tree USING rtree(id, a, b);
CREATE VIEW view_of_books AS SELECT * FROM books;
CREATE TRIGGER deletes INSTEAD OF DELETE ON view_of_books BEGIN DELETE FROM books WHERE id = old.id; END;
"""


@pytest.mark.parametrize("text", WRITES)
async def test_nothing_is_written_through_a_read_only_execution(
    folder: Path, open_client: OpenClient, text: str
) -> None:
    make(folder / "sample.db", VIEW)
    before = (folder / "sample.db").read_bytes()
    client = await open_client()
    with pytest.raises(DatasourceError):
        await client.execute(request(text, read_only=True))
    with pytest.raises(DatasourceError):
        await client.execute(request(text, writes=False))  # the class of the statement is wrong: the file is not
    assert (folder / "sample.db").read_bytes() == before


@pytest.mark.parametrize("text", ["INSERT INTO authors (name) VALUES ('x')", "CREATE TABLE t (x)"])
async def test_nothing_is_written_through_a_read_only_datasource(
    folder: Path, open_client: OpenClient, text: str
) -> None:
    before = (folder / "sample.db").read_bytes()
    client = await open_client(readOnly=True)
    with pytest.raises(PermissionRejected):
        await client.execute(request(text))
    assert (folder / "sample.db").read_bytes() == before


@pytest.mark.parametrize("text", ["SELECT 1; SELECT 2", "SELECT 1; DELETE FROM books", "SELECT 1;;DROP TABLE books"])
async def test_two_statements_in_one_text_are_refused(run: Run, text: str) -> None:
    for writes in (False, True):
        with pytest.raises(DatasourceError):
            await run(text, writes=writes)
    assert (await run("SELECT count(*) FROM books")).rows == [(2,)]


async def test_triggers_may_use_their_own_last_row(folder: Path, open_client: OpenClient) -> None:
    make(
        folder / "log.db",
        """CREATE TABLE t (id INTEGER PRIMARY KEY, x); CREATE TABLE log (id, row);
        CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.id, last_insert_rowid()); END;""",
    )
    client = await open_client("log.db")
    assert (await client.execute(request("INSERT INTO t (x) VALUES (1), (2)"))).affected == 2
    assert (await client.execute(request("SELECT * FROM log"))).rows == [(1, 1), (2, 2)]


async def test_full_text_and_range_tables_that_exist_work(folder: Path, open_client: OpenClient) -> None:
    script = "CREATE VIRTUAL TABLE f USING fts5(x); CREATE VIRTUAL TABLE r USING rtree(id, a, b);"
    make(folder / "virtual.db", script)
    client = await open_client("virtual.db")
    await client.execute(request("INSERT INTO f VALUES ('some words'), ('others')"))
    await client.execute(request("INSERT INTO r VALUES (1, 0, 10)"))
    found = await client.execute(request("SELECT x FROM f WHERE f MATCH ?1", values=("words",), read_only=True))
    assert found.rows == [("some words",)]
    assert (await client.execute(request("SELECT id FROM r WHERE a < 5"))).rows == [(1,)]


@pytest.mark.parametrize(
    ("text", "values", "error"),
    [
        ("SELECT ?1", ("x" * (64 * 1024 * 1024 + 1),), ResourceExhausted),
        ("SELECT zeroblob(64 * 1024 * 1024 + 1)", (), ResourceExhausted),
        ("SELECT 'x' LIKE ?1", ("%x" * 501,), DatasourceError),
        (f"SELECT '{'x' * 1024 * 1024}'", (), ResourceExhausted),
        (f"SELECT {'(' * 600}1{')' * 600}", (), DatasourceError),
    ],
    ids=["value", "made value", "pattern", "text", "depth"],
)
async def test_sizes_are_bounded(run: Run, text: str, values: tuple[Any, ...], error: type[DatasourceError]) -> None:
    with pytest.raises(error):
        await run(text, values=values)


def test_each_layer_of_read_only_holds_by_itself() -> None:
    """The file is opened read-only (see the URI); beside that, the authorizer and the connection's own switch."""
    for text in ("INSERT INTO t VALUES (1)", "UPDATE t SET x = 1", "DELETE FROM t", "DROP TABLE t"):
        by_guard, by_switch = sqlite3.connect(":memory:"), sqlite3.connect(":memory:")
        for raw in (by_guard, by_switch):
            raw.execute("CREATE TABLE t (x)")
        guard = Guard(read_only=True)
        guard.install(by_guard)
        for pragma in connection_pragmas(read_only=True, foreign_keys=True):
            by_switch.execute(pragma)
        for raw, words in ((by_guard, "not authorized"), (by_switch, "readonly database")):
            with pytest.raises(sqlite3.DatabaseError, match=words):
                raw.execute(text)
            raw.close()
        assert guard.denied == "writing"


def test_a_strangers_schema_is_not_trusted() -> None:
    raw = sqlite3.connect(":memory:")
    for pragma in connection_pragmas(read_only=False, foreign_keys=True):
        raw.execute(pragma)
    seen = {name: raw.execute(f"PRAGMA {name}").fetchone()[0] for name in ("trusted_schema", "cell_size_check")}
    raw.close()
    assert seen == {"trusted_schema": 0, "cell_size_check": 1}


async def test_the_rule_is_the_guards_and_not_the_file_modes(client: SqliteClient) -> None:
    """In the lane that writes, a denied function is refused by the authorizer alone."""
    raw = sqlite3.connect(":memory:")
    raw.execute("SELECT last_insert_rowid()")  # SQLite itself has nothing against it
    raw.close()
    with pytest.raises(PermissionRejected):
        await client.execute(request("UPDATE authors SET born = last_insert_rowid()"))


async def test_a_value_that_no_utf8_can_hold_is_refused(run: Run) -> None:
    with pytest.raises(ParameterInvalid):
        await run("SELECT ?1", values=("\ud800",))
