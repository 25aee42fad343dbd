"""What a statement is: reading, writing, changing the schema, or not allowed; and which flags go with it."""

import pytest

from appsmith_proxy.sdk import Driver
from tests.unit.template.drivers import EACH_SQL_DRIVER, SQLITE_DRIVER, compile_sql_action, messages, planned, sql_plan


@pytest.mark.parametrize(
    ("text", "writes", "returns_rows"),
    [
        ("SELECT 1", False, True),
        ("VALUES (1)", False, True),
        ("TABLE people", False, True),
        ("(SELECT 1) UNION (SELECT 2)", False, True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False, True),
        ("WITH RECURSIVE a(n) AS (SELECT 1 UNION SELECT n + 1 FROM a) SELECT n FROM a", False, True),
        ("SELECT replace(name, 'a', 'b') FROM people", False, True),
        ("SELECT updated, deleted FROM inserts", False, True),
        ("SELECT a.update FROM a", False, True),
        ("INSERT INTO t VALUES (1)", True, False),
        ("INSERT INTO t VALUES (1) RETURNING id", True, True),
        ("UPDATE t SET a = 1", True, False),
        ("DELETE FROM t", True, False),
        ("MERGE INTO t USING s ON true WHEN MATCHED THEN DELETE", True, False),
        ("WITH a AS (SELECT 1) DELETE FROM t", True, False),
        ("WITH a AS (SELECT 1) INSERT INTO t SELECT * FROM a RETURNING id", True, True),
        ("WITH a AS (DELETE FROM t RETURNING id) SELECT * FROM a", True, True),
        ("WITH a AS (SELECT 1), b AS (UPDATE t SET x = 1 RETURNING 1) SELECT 1", True, True),
        ("WITH a AS MATERIALIZED (INSERT INTO t VALUES (1)) SELECT 1", True, True),
        ("SELECT * FROM t FOR UPDATE", True, True),
        ("SELECT * FROM t FOR NO KEY UPDATE", True, True),
        ("SELECT * FROM t FOR SHARE", True, True),
        ("SELECT substring(a FOR 3) FROM t", False, True),
        ("CALL p(1)", True, True),
    ],
)
def test_nature(text: str, writes: bool, returns_rows: bool) -> None:
    plan = sql_plan(text)
    statement = planned(plan).statement
    assert (plan.writes, statement.writes, statement.returns_rows) == (writes, writes, returns_rows)
    assert plan.read_only is not writes


@pytest.mark.parametrize("text", ["REPLACE INTO t VALUES (1)", "WITH a AS (SELECT 1) REPLACE INTO t SELECT * FROM a"])
def test_nature_in_sqlite(text: str) -> None:
    assert sql_plan(text, driver=SQLITE_DRIVER).writes


@EACH_SQL_DRIVER
@pytest.mark.parametrize(
    "text",
    [
        "ROLLBACK",
        " COMMIT",
        " START TRANSACTION",
        " SAVEPOINT a",
        " RELEASE a",
        " SET a = 1",
        " RESET ALL",
        " SHOW a",
        " PREPARE a AS SELECT 1",
        "\n    EXECUTE a",
        " DEALLOCATE a",
        " DECLARE c CURSOR FOR SELECT 1",
        " FETCH c",
        " LISTEN a",
        " NOTIFY a",
        " UNLISTEN a",
        " LOCK TABLE t",
        "\n    COPY t TO STDOUT",
        " VACUUM",
        " ANALYZE",
        " CLUSTER",
        " CHECKPOINT",
        " LOAD 'x'",
        " DISCARD ALL",
        " GRANT a TO b",
        " REVOKE a FROM b",
        "\n    SECURITY LABEL",
        " REINDEX TABLE t",
        " ATTACH 'x' AS y",
        " DETACH y",
        " PRAGMA a",
        " KILL 1",
        " HANDLER t OPEN",
        " USE x",
        " SIGNAL",
        "\n    DO 1",
        " FLUSH",
        " SHUTDOWN",
        " IMPORT FOREIGN SCHEMA a",
        " REASSIGN OWNED BY a",
        " SELEKT 1",
        " 1",
        " 'SELECT'",
        ' "SELECT" 1',
        "\n    SЕLECT 1",
    ],
)
def test_other_statements_are_refused(driver: Driver, text: str) -> None:
    refused = compile_sql_action(text.strip(), driver=driver, allow_ddl=True)
    assert any("not run" in message for message in messages(refused))


@EACH_SQL_DRIVER
def test_ddl_needs_the_flag_and_takes_no_values(driver: Driver) -> None:
    ddl = "CREATE TABLE t (a text)"
    assert messages(compile_sql_action(ddl, driver=driver)) == ["CREATE needs the action's flag allowDdl"]
    plan = compile_sql_action(ddl, driver=driver, allow_ddl=True).plan
    assert plan is not None
    assert plan.writes
    assert not plan.read_only
    assert not planned(plan).statement.returns_rows
    with_value = compile_sql_action("CREATE TABLE t AS SELECT {{x}} AS a", driver=driver, allow_ddl=True)
    assert messages(with_value) == ["a statement that changes the schema takes no values"]


@EACH_SQL_DRIVER
def test_explain_needs_the_flag(driver: Driver) -> None:
    assert compile_sql_action("EXPLAIN SELECT {{x}}", driver=driver).plan is None
    plan = compile_sql_action("EXPLAIN SELECT {{x}}", driver=driver, allow_ddl=True).plan
    assert plan is not None
    assert plan.writes
    assert planned(plan).statement.returns_rows


def test_ddl_excludes_read_only() -> None:
    refused = compile_sql_action("SELECT 1", read_only=True, allow_ddl=True)
    assert [(problem.path, problem.message) for problem in refused.problems] == [("allowDdl", "excludes readOnly")]


def test_read_only_refuses_a_writing_statement() -> None:
    refused = compile_sql_action("DELETE FROM t", read_only=True)
    assert [(problem.path, problem.message) for problem in refused.problems] == [("readOnly", "the action writes")]


def test_a_read_may_be_run_where_writing_is_possible() -> None:
    plan = compile_sql_action("SELECT nextval('s')", read_only=False).plan
    assert plan is not None
    assert (plan.writes, plan.read_only) == (False, False)


@pytest.mark.parametrize(
    "text",
    [
        "ALTER SYSTEM SET a = 1",
        "CREATE  /* */ EXTENSION x",
        "create role x",
        "ALTER GROUP a ADD USER b",
        "CREATE OR REPLACE TRUSTED PROCEDURAL LANGUAGE x",
    ],
)
def test_denied_words(text: str) -> None:
    refused = compile_sql_action(text, allow_ddl=True)
    assert any("is not run" in message for message in messages(refused))
