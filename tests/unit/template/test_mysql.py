"""What the compiler makes of MySQL's own language; placements have their golden list, lists their own file."""

import pytest

from appsmith_proxy.model.plan import Transform
from appsmith_proxy.sdk import StatementClass
from appsmith_proxy_mysql.dialect import MYSQL
from tests.unit.template.drivers import MYSQL_DRIVER, bound, compile_sql_action, messages, parameter, planned, sql_plan


def refused(text: str, *, allow_ddl: bool = False) -> list[str]:
    compiled = compile_sql_action(text, driver=MYSQL_DRIVER, allow_ddl=allow_ddl)
    assert all(problem.hint for problem in compiled.problems if "not run" in problem.message)
    return messages(compiled)


@pytest.mark.parametrize(
    ("text", "writes", "returns_rows"),
    [
        ("SELECT 1", False, True),
        ("TABLE people", False, True),
        ("VALUES ROW(1, 2)", False, True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False, True),
        ("SELECT REPLACE(name, 'a', 'b') FROM people", False, True),
        ("SELECT a FROM t GROUP BY a WITH ROLLUP", False, True),
        ("REPLACE INTO t VALUES (1)", True, False),
        ("INSERT INTO t SET a = 1 ON DUPLICATE KEY UPDATE a = VALUES(a)", True, False),
        ("INSERT INTO t VALUES (1) RETURNING a", True, True),
        ("UPDATE a, b SET a.x = b.x", True, False),
        ("DELETE a FROM a JOIN b USING (id)", True, False),
        ("WITH a AS (SELECT 1) DELETE FROM t", True, False),
        ("SELECT * FROM t FOR UPDATE SKIP LOCKED", True, True),
        ("SELECT * FROM t FOR SHARE", True, True),
        ("SELECT * FROM t LOCK IN SHARE MODE", True, True),
        ("SELECT a.lock, b FROM a", False, True),
        ("CALL p(1)", True, True),
    ],
)
def test_nature(text: str, writes: bool, returns_rows: bool) -> None:
    plan = sql_plan(text, driver=MYSQL_DRIVER)
    statement = planned(plan).statement
    assert (plan.writes, statement.writes, statement.returns_rows) == (writes, writes, returns_rows)
    assert plan.read_only is not writes


@pytest.mark.parametrize("word", [word for word, kind in MYSQL.first_words.items() if kind is StatementClass.EXPLAIN])
def test_a_plan_is_shown_with_the_flag(word: str) -> None:
    assert refused(f"{word} SELECT 1") == [f"{word} needs the action's flag allowDdl"]
    assert refused(f"{word} SELECT 1", allow_ddl=True) == []


@pytest.mark.parametrize(
    "text",
    [
        "SET @a = 1",
        "SET STATEMENT max_statement_time = 0 FOR SELECT 1",
        "SHOW VARIABLES",
        "USE other",
        "LOAD DATA INFILE '/x' INTO TABLE t",
        "HANDLER t OPEN",
        "PREPARE a FROM 'SELECT 1'",
        "EXECUTE IMMEDIATE 'SELECT 1'",
        "DO SLEEP(1)",
        "KILL 5",
        "LOCK TABLES t WRITE",
        "UNLOCK TABLES",
        "FLUSH PRIVILEGES",
        "GRANT ALL ON *.* TO a",
        "REVOKE ALL ON *.* FROM a",
        "INSTALL PLUGIN a SONAME 'b'",
        "UNINSTALL SONAME 'b'",
        "BEGIN",
        "BEGIN NOT ATOMIC SELECT 1",
        "START TRANSACTION",
        "XA START 'a'",
        "COMMIT",
        "CHANGE MASTER TO MASTER_HOST = 'x'",
        "PURGE BINARY LOGS",
        "RESET MASTER",
        "SHUTDOWN",
        "ANALYZE TABLE t",
        "OPTIMIZE TABLE t",
        "CHECK TABLE t",
        "IMPORT TABLE FROM 'x'",
        "CLONE LOCAL DATA DIRECTORY = 'x'",
        "GET DIAGNOSTICS a = ROW_COUNT",
        "SIGNAL SQLSTATE '45000'",
        "HELP 'x'",
    ],
)
def test_other_statements_are_not_run(text: str) -> None:
    assert any("not run" in message for message in refused(text, allow_ddl=True))


@pytest.mark.parametrize(
    "text",
    [
        "SELECT a FROM t INTO OUTFILE '/x'",
        "SELECT a INTO DUMPFILE '/x' FROM t",
        "SELECT a FROM t LIMIT 1 INTO x",
        "(SELECT a INTO OUTFILE '/x' FROM t)",
        "INSERT INTO t SELECT a FROM u INTO /* */ OUTFILE '/x'",
        "EXPLAIN FOR CONNECTION 5",
        "CREATE USER a",
        "CREATE OR REPLACE USER a",
        "ALTER USER a",
        "RENAME USER a TO b",
        "DROP ROLE a",
        "CREATE FUNCTION f RETURNS STRING SONAME 'x.so'",
        "CREATE SERVER s FOREIGN DATA WRAPPER mysql OPTIONS (HOST 'x')",
        "CREATE TABLE t (a int) DATA DIRECTORY = '/x'",
        "ALTER TABLE t IMPORT TABLESPACE",
        "ALTER INSTANCE ROTATE INNODB MASTER KEY",
    ],
)
def test_denied_words(text: str) -> None:
    assert any("not run" in message or "stores what it reads" in message for message in refused(text, allow_ddl=True))


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("SELECT @a", "@"),
        ("SELECT 1=@a", "@"),
        ("SELECT @@version", "@"),
        ("SELECT @`a`", "@"),
        ("SELECT 'root'@'localhost'", "@"),
        ("UPDATE t SET a := 1", ":="),
        ("SELECT a || b FROM t", "||"),
        ("SELECT a ||-1 FROM t", "||"),
        ("SELECT a|||b FROM t", "||"),
    ],
)
def test_denied_operators(text: str, sign: str) -> None:
    assert f"{sign} is not run in MySQL" in refused(text)


def test_denied_operators_in_quotes_and_comments_are_text() -> None:
    sql_plan("SELECT '@a || b := c', \"@@d\", `e||f`, 1 | 2, 3 & 4 # @g || h\n /* := */", driver=MYSQL_DRIVER)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("SELECT 5--3", "two dashes touch what follows, and databases disagree whether a comment begins"),
        ("SELECT 1 /*! + 1 */", "a comment that the database would run"),
        ("SELECT /*+ NO_ICP(t) */ 1", "a comment that the database would run"),
        ("SELECT 1 # a\rb", "a carriage return stands in a comment; databases disagree where the comment ends"),
        ("SELECT 1 -- a\rb", "a carriage return stands in a comment; databases disagree where the comment ends"),
        ("SELECT `a", "this quote is never closed"),
        ("SELECT N'a", "this quote is never closed"),
        ("SELECT $a", "this character has no meaning here"),
        ("SELECT ?", "MySQL would read this as a parameter of its own"),
    ],
)
def test_what_cannot_be_read(text: str, why: str) -> None:
    assert why in refused(text)


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("SELECT 1 FROM t WHERE a IS {{x}}", "write x <=> {{value}}"),
        ("SELECT 'a' 'b'", "write them as one, or join them with CONCAT"),
    ],
)
def test_advice_is_mysqls(text: str, hint: str) -> None:
    compiled = compile_sql_action(text, driver=MYSQL_DRIVER)
    assert [problem.hint for problem in compiled.problems] == [hint]


@pytest.mark.parametrize(
    ("text", "transform"),
    [
        ("SELECT 1 WHERE a LIKE BINARY {{q}}", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE BINARY CONCAT('%', {{q}})", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE BINARY('%{{q}}')", Transform.LIKE),
        ('SELECT 1 WHERE a NOT LIKE "{{q}}%"', Transform.LIKE),
        ("SELECT 1 WHERE a LIKE {{q}} COLLATE utf8mb4_bin", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE b AND BINARY {{q}} = a", Transform.NONE),
        ("SELECT 1 WHERE a REGEXP {{q}}", Transform.NONE),
        ("SELECT 1 WHERE a REGEXP '^{{q}}'", Transform.TEXT),
    ],
)
def test_what_is_part_of_a_pattern(text: str, transform: Transform) -> None:
    (slot,) = planned(sql_plan(text, driver=MYSQL_DRIVER)).slots
    assert slot.transform is transform


@pytest.mark.parametrize(
    ("literal", "message"),
    [
        (r"'a\{{q}}'", "an escape character stands directly before the binding"),
        (r"'a\\{{q}}'", "the pattern's escape character stands directly before the binding"),
        (r"'a\\\{{q}}'", "an escape character stands directly before the binding"),
        (r"'a\\\\{{q}}'", None),
        (r"'\\\\\\{{q}}'", "the pattern's escape character stands directly before the binding"),
        (r"'\%{{q}}'", None),
        (r"'%\'{{q}}'", None),
        (r"'\x5c{{q}}'", "a pattern around a binding holds a character by its number"),
        (r"'!{{q}}' ESCAPE '!'", "the pattern's escape character stands directly before the binding"),
        (r"'\!{{q}}' ESCAPE '!'", "the pattern's escape character stands directly before the binding"),
        (r"'!\!{{q}}' ESCAPE '!'", None),
        (r"'\\{{q}}' ESCAPE '!'", None),
        (r"'\\{{q}}' ESCAPE '\\'", "the pattern's escape character stands directly before the binding"),
        (r"'{{q}}' ESCAPE '\\'", None),
        (r"'{{q}}' ESCAPE '\n'", "ESCAPE must be one plain character, so that the value's wildcards can be escaped"),
        (r"'{{q}}' ESCAPE ''", "ESCAPE must be one plain character, so that the value's wildcards can be escaped"),
    ],
)
def test_no_escape_of_the_authors_reaches_the_value(literal: str, message: str | None) -> None:
    """Else it would take what escapes the value's first wildcard, and the wildcard would be left."""
    assert refused(f"SELECT 1 WHERE a LIKE {literal}") == ([message] if message else [])


def test_a_value_in_a_pattern_is_escaped_by_a_backslash() -> None:
    plan = sql_plan("SELECT 1 WHERE a LIKE '%{{q}}%'", driver=MYSQL_DRIVER)
    assert bound(plan, q=r"50%_\ '").values == (r"50\%\_\\ '",)
    wild = sql_plan("SELECT 1 WHERE a LIKE '%{{q}}%'", parameter("q", "text", wildcards=True), driver=MYSQL_DRIVER)
    assert bound(wild, q="50%").values == ("50%",)


def test_every_cast_of_a_literals_type_belongs_to_one() -> None:
    assert set(MYSQL.string_type_casts) <= MYSQL.string_type_names
