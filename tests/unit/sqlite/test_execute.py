"""Values in and out, limits, counts, transactions: what a statement answers."""

import logging
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from appsmith_proxy.sdk import (
    ColumnType,
    ConstraintViolated,
    DatasourceError,
    Document,
    ExecuteRequest,
    Outcome,
    Parameter,
    ParameterInvalid,
    ParameterType,
    ResourceExhausted,
    Statement,
    StatementInvalid,
)
from appsmith_proxy_sqlite.client import SqliteClient
from tests.unit.sqlite.conftest import OpenClient, Run, make, request

T = ParameterType
BIG = 2**63


@pytest.mark.parametrize(
    ("declared", "value", "native", "of"),
    [
        (None, None, None, "null"),
        (None, "12", "12", "text"),
        (None, 12, "12", "text"),
        (None, 1.5, "1.5", "text"),
        (None, Decimal("1.50"), "1.50", "text"),
        (None, True, "true", "text"),
        (T.TEXT, "ä\0b", "ä\0b", "text"),
        (T.TEXT, 7, "7", "text"),
        (T.INTEGER, 7, 7, "integer"),
        (T.INTEGER, "7", 7, "integer"),
        (T.INTEGER, 7.0, 7, "integer"),
        (T.INTEGER, None, None, "null"),
        (T.BIGINT, BIG - 1, BIG - 1, "integer"),
        (T.BIGINT, str(-BIG), -BIG, "integer"),
        (T.FLOAT, 1, 1.0, "real"),
        (T.FLOAT, "1e3", 1000.0, "real"),
        (T.FLOAT, Decimal("0.1"), 0.1, "real"),
        (T.DECIMAL, Decimal("12.50"), 12.5, "real"),
        (T.DECIMAL, "12", 12, "integer"),
        (T.BOOLEAN, True, 1, "integer"),
        (T.BOOLEAN, "false", 0, "integer"),
        (T.BYTES, b"\x00\xff", b"\x00\xff", "blob"),
        (T.JSON, {"a": [1, None]}, '{"a":[1,null]}', "text"),
        (T.JSON, '{"a": 1.0}', '{"a": 1.0}', "text"),
        (T.DATE, "2024-02-29", "2024-02-29", "text"),
        (T.UUID, "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000001", "text"),
    ],
)
async def test_a_value_is_bound_by_its_declared_type(
    run: Run, declared: ParameterType | None, value: Any, native: Any, of: str
) -> None:
    result = await run("SELECT ?1, typeof(?1)", declared, values=(value,))
    assert result.rows == [(native, of)]
    assert type(result.rows[0][0]) is type(native)


@pytest.mark.parametrize(
    ("declared", "value"),
    [
        (T.INTEGER, "12 apples"),
        (T.INTEGER, "kit_marker"),
        (T.INTEGER, 1.5),
        (T.INTEGER, True),
        (T.BIGINT, BIG),
        (T.BIGINT, str(-BIG - 1)),
        (T.BIGINT, "9" * 30),
        (T.FLOAT, "1_000"),
        (T.FLOAT, "nan"),
        (T.FLOAT, float("inf")),
        (T.DECIMAL, "12345678901234567.89"),
        (T.DECIMAL, Decimal("0.10000000000000000001")),
        (T.BOOLEAN, "yes"),
        (T.BOOLEAN, 1),
        (T.BYTES, "text"),
        (T.TEXT, ["a"]),
        (T.TEXT, {"a": 1}),
        (T.TEXT, b"bytes"),
        (None, b"bytes"),
        (None, ["a"]),
    ],
)
async def test_a_value_that_does_not_fit_is_named_by_its_place(
    run: Run, declared: ParameterType | None, value: Any
) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        await run("SELECT ?1, ?2", T.TEXT, declared, values=("fits", value))
    assert caught.value.parameter == 1
    assert caught.value.outcome is Outcome.NOT_SENT
    assert str(value) not in str(caught.value)


async def test_an_empty_text_is_no_number(run: Run) -> None:
    for declared in (T.INTEGER, T.FLOAT, T.DECIMAL, T.BOOLEAN):
        with pytest.raises(ParameterInvalid):
            await run("SELECT ?1", declared, values=("",))


async def test_a_number_sent_where_text_was_meant_matches_nothing_else(run: Run) -> None:
    """An undeclared number is text; the column's affinity makes a number of it where the column holds numbers."""
    assert (await run("SELECT name FROM authors WHERE born = ?1", values=(1815,))).rows == [("Ada",)]
    assert (await run("SELECT name FROM authors WHERE name = ?1", values=(0,))).rows == []
    assert (await run("SELECT id FROM books WHERE price < ?1", values=("13",))).rows == [(1,)]


def listed(declared: ParameterType | None, value: Any, text: str) -> ExecuteRequest:
    payload = Statement(text=text, parameters=(Parameter(name="ids", type=declared, is_list=True),))
    plain = request(text)
    return ExecuteRequest(payload=payload, values=(value,), deadline=plain.deadline)


@pytest.mark.parametrize("value", [[1, 2], ["1", "2"], "[1,2]", '["1", "2"]'])
@pytest.mark.parametrize("declared", [None, T.INTEGER])
async def test_a_list_fills_one_placeholder(client: SqliteClient, declared: ParameterType | None, value: Any) -> None:
    text = "SELECT name FROM authors WHERE id IN (SELECT value FROM json_each(?1)) ORDER BY id"
    assert (await client.execute(listed(declared, value, text))).rows == [("Ada",), ("Grace",)]


async def test_an_element_that_does_not_fit_is_refused(client: SqliteClient) -> None:
    for declared, value in ((T.INTEGER, [1, "x"]), (T.BYTES, [b"x"]), (T.INTEGER, 7)):
        with pytest.raises(ParameterInvalid):
            await client.execute(listed(declared, value, "SELECT value FROM json_each(?1)"))


async def test_cells_are_what_the_database_holds(run: Run) -> None:
    result = await run(
        f"SELECT {BIG - 1}, 9e999, -0.0, 'x' || char(0), x'00ff', NULL, cast(x'ff' AS TEXT), 1.0, '1.50', 0.1"
    )
    assert result.rows == [(BIG - 1, float("inf"), 0.0, "x\0", b"\x00\xff", None, b"\xff", 1.0, "1.50", 0.1)]
    assert {column.type for column in result.columns} == {ColumnType.ANY}
    assert result.affected is None or result.affected == 0


async def test_names_that_stand_twice_are_numbered_and_told(run: Run) -> None:
    result = await run("SELECT 1 AS a, 2 AS b, 3 AS a, 4 AS a_2")
    assert [column.name for column in result.columns] == ["a", "b", "a_3", "a_2"]
    assert len(result.messages) == 1
    assert "a" in result.messages[0]


NUMBERS = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 5000) SELECT x FROM n"


@pytest.mark.parametrize("count", [0, 1, 2, 3, 511, 512, 1023, 4999])
async def test_rows_stop_at_the_limit(run: Run, count: int) -> None:
    result = await run(NUMBERS, rows=count)
    assert result.rows == [(number,) for number in range(1, count + 1)]
    assert result.truncated


@pytest.mark.parametrize("count", [5000, 5001])
async def test_an_answer_that_just_fits_is_not_truncated(run: Run, count: int) -> None:
    result = await run(NUMBERS, rows=count)
    assert isinstance(result.rows, list)
    assert len(result.rows) == 5000
    assert not result.truncated


async def test_bytes_stop_at_the_limit(run: Run) -> None:
    result = await run("SELECT printf('%.1000c', 'x') FROM (" + NUMBERS + ")", bytes=10_500)
    assert isinstance(result.rows, list)
    assert len(result.rows) == 10
    assert result.truncated
    result = await run("SELECT zeroblob(5000)", bytes=4000)
    assert result.rows == []
    assert result.truncated


@pytest.mark.parametrize(
    ("text", "affected"),
    [
        ("INSERT INTO authors (name) VALUES ('x'), ('y')", 2),
        ("UPDATE authors SET born = born + 1", 2),
        ("UPDATE authors SET born = 1 WHERE id = 99", 0),
        ("DELETE FROM books", 2),
        ("WITH x AS (SELECT 'x') INSERT INTO authors (name) SELECT * FROM x", 1),
        ("CREATE TABLE t AS SELECT * FROM authors", 0),
    ],
)
async def test_a_write_tells_how_many_rows_it_changed(run: Run, text: str, affected: int) -> None:
    await run("UPDATE books SET price = price")  # an earlier count must not shine through
    result = await run(text)
    assert (result.rows, result.affected) == (None, affected)


async def test_a_write_may_return_rows(run: Run) -> None:
    result = await run("INSERT INTO authors (name) VALUES ('x'), ('y') RETURNING id, name", rows=1)
    assert (result.rows, result.affected, result.truncated) == ([(3, "x")], 2, True)
    assert (await run("SELECT count(*) FROM authors")).rows == [(4,)]


async def test_too_many_changes_are_rolled_back(run: Run) -> None:
    with pytest.raises(ResourceExhausted) as caught:
        await run("DELETE FROM books RETURNING id", affected=1)
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert (await run("SELECT count(*) FROM books")).rows == [(2,)]
    assert (await run("DELETE FROM books", affected=2)).affected == 2


async def test_a_failing_write_leaves_nothing_and_the_next_one_works(run: Run) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await run("INSERT INTO authors (name) VALUES ('new'), ('Ada')")
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert (await run("SELECT count(*) FROM authors")).rows == [(2,)]
    assert (await run("INSERT INTO authors (name) VALUES ('new')")).affected == 1


async def test_a_statement_that_ends_its_own_transaction_leaves_nothing(run: Run) -> None:
    """OR ROLLBACK ends the whole transaction inside the statement: nothing is committed after it."""
    with pytest.raises(ConstraintViolated):
        await run("INSERT OR ROLLBACK INTO authors (name) VALUES ('new'), ('Ada')")
    assert (await run("SELECT count(*) FROM authors")).rows == [(2,)]
    assert (await run("INSERT OR IGNORE INTO authors (name) VALUES ('new'), ('Ada')")).affected == 1


async def test_foreign_keys_are_enforced_unless_the_datasource_says_not_to(run: Run, open_client: OpenClient) -> None:
    text = "INSERT INTO books (author) VALUES (99)"
    with pytest.raises(ConstraintViolated):
        await run(text)
    loose = await open_client(foreignKeys=False)
    assert (await loose.execute(request(text))).affected == 1


async def test_a_deferred_violation_at_commit_is_rolled_back(folder: Path, open_client: OpenClient) -> None:
    make(
        folder / "deferred.db",
        "CREATE TABLE a (id PRIMARY KEY); CREATE TABLE b (a REFERENCES a (id) DEFERRABLE INITIALLY DEFERRED);",
    )
    client = await open_client("deferred.db")
    with pytest.raises(ConstraintViolated) as caught:
        await client.execute(request("INSERT INTO b VALUES (1)"))
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert (await client.execute(request("SELECT count(*) FROM b"))).rows == [(0,)]
    assert (await client.execute(request("INSERT INTO a VALUES (1)"))).affected == 1


@pytest.mark.parametrize(
    ("text", "constraint"),
    [
        ("INSERT INTO authors (name) VALUES ('Ada')", "authors.name"),
        ("INSERT INTO authors (id) VALUES (9)", "authors.name"),
        ("INSERT INTO authors (name, born) VALUES ('x', -1)", ""),
        ("INSERT INTO books (author) VALUES (99)", ""),
    ],
)
async def test_the_violated_constraint_is_named_where_sqlite_names_it(run: Run, text: str, constraint: str) -> None:
    with pytest.raises(ConstraintViolated) as caught:
        await run(text)
    assert caught.value.constraint == constraint
    assert caught.value.native_code.startswith("SQLITE_CONSTRAINT_")


@pytest.mark.parametrize("text", ["SELEC 1", "SELECT * FROM missing", "SELECT missing FROM authors", "SELECT 'a\0'"])
async def test_a_wrong_statement_is_refused_without_being_quoted(run: Run, text: str) -> None:
    with pytest.raises(StatementInvalid) as caught:
        await run(text, values=())
    assert "missing" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


async def test_other_payloads_are_refused(client: SqliteClient) -> None:
    with pytest.raises(StatementInvalid):
        await client.execute(ExecuteRequest(payload=Document(fields={}), deadline=request("").deadline))


async def test_values_and_statements_stay_out_of_the_log(
    folder: Path, open_client: OpenClient, caplog: pytest.LogCaptureFixture
) -> None:
    """aiosqlite logs both when its logger is at DEBUG."""
    caplog.set_level(logging.DEBUG)
    caplog.set_level(logging.DEBUG, logger="aiosqlite")
    client = await open_client()
    await client.execute(request("SELECT ?1 AS canary_name", values=("canary_value",)))
    with pytest.raises(DatasourceError):
        await client.execute(request("SELECT canary_name", values=()))
    assert "canary" not in caplog.text


async def test_prepare_checks_and_runs_nothing(client: SqliteClient) -> None:
    deadline = request("").deadline
    good = request("DELETE FROM books WHERE id = ?1 OR ?2", values=(1, 2)).payload
    assert isinstance(good, Statement)
    prepared = await client.prepare(good, deadline=deadline)
    assert prepared.parameter_types == (None, None)
    assert (await client.execute(request("SELECT count(*) FROM books"))).rows == [(2,)]
    for text, names in (
        ("SELECT 1 AS a, 2 AS b, 3 AS a -- comment", ["a", "b", "a_2"]),
        ("VALUES (1)", ["column1"]),
        ("SELECT 1 AS a;", []),
        (NUMBERS.replace("5000", "1e18"), ["x"]),
    ):
        read = request(text).payload
        assert isinstance(read, Statement)
        assert [column.name for column in (await client.prepare(read, deadline=deadline)).columns] == names
    explained = request("EXPLAIN QUERY PLAN SELECT 1").payload
    assert isinstance(explained, Statement)
    await client.prepare(explained, deadline=deadline)
    for text in (
        "SELECT missing",
        "SELEC",
        "SELECT 1; DELETE FROM books",
        "PRAGMA user_version",
    ):
        bad = request(text).payload
        assert isinstance(bad, Statement)
        with pytest.raises(DatasourceError):
            await client.prepare(bad, deadline=deadline)
    assert (await client.execute(request("SELECT count(*) FROM books"))).rows == [(2,)]
