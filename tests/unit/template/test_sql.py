"""What becomes of a statement as a whole: its class, its flags, its slots. Placements have their golden list."""

import re
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from appsmith_proxy.model.plan import PlannedStatement, Slot, Source, Transform
from appsmith_proxy.sdk import Driver, ParameterType, Statement
from appsmith_proxy.template.sql import compile_sql, reads_as_planned
from appsmith_proxy_postgres.dialect import POSTGRES
from tests.unit.template.drivers import (
    POSTGRES_DRIVER,
    SQL_DRIVERS,
    SQLITE_DRIVER,
    bound,
    compile_sql_action,
    messages,
    parameter,
    planned,
    sql_plan,
)

BOTH = pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1into t",
        "SELECT 1.into t",
        "SELECT 1e1into t",
        "SELECT a FROM t WHERE a = 1for update",
        "SELECT 1 WHERE 2>1and 1 = 1",
        "SELECT 0xfg",
        "SELECT 1{{a}}",
    ],
)
@BOTH
def test_a_word_that_touches_a_number_is_refused(driver: Driver, text: str) -> None:
    assert any("touch" in message for message in messages(compile_sql_action(text, driver=driver)))


@BOTH
def test_numbers_that_a_database_knows_are_taken(driver: Driver) -> None:
    sql_plan("SELECT 1, 1.5, .5, 1., 1e5, 1.5E-3, 0x1F, 1_000", driver=driver)


@pytest.mark.parametrize(
    ("text", "makes_a_table"),
    [
        ("SELECT a AS into FROM t", False),
        ("SELECT t.into FROM t", False),
        ("SELECT t.as AS into FROM t", False),
        ("SELECT a INTO b FROM t", True),
        ("SELECT t.as INTO b FROM t", True),
        ("SELECT 1 AS as INTO b", True),
        ("SELECT t.as AS as INTO b FROM t", True),
    ],
)
def test_select_into_is_found_behind_a_name_that_reads_like_as(text: str, makes_a_table: bool) -> None:
    found = messages(compile_sql_action(text))
    assert ("SELECT … INTO stores what it reads" in found) is makes_a_table


@BOTH
def test_a_byte_order_mark_is_neither_a_name_nor_white_space(driver: Driver) -> None:
    """SQLite skips it, so that what stands behind it would be a keyword that was not seen."""
    text = "WITH a AS (SELECT 1) \ufeffDELETE FROM t"
    assert "this character has no meaning here" in messages(compile_sql_action(text, driver=driver))
    assert "this character has no meaning here" in messages(compile_sql_action("SELECT a\ufeffFROM t", driver=driver))
    sql_plan("SELECT '\ufeff' /* \ufeff */", driver=driver)


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


@BOTH
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


@BOTH
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


@BOTH
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


def test_every_problem_is_reported_at_once_in_order() -> None:
    refused = compile_sql_action("SELECT $1\nFROM {{t}}\nWHERE a IS {{b}}\n  AND c = '{{d}}'\nORDER BY {{e}}; SELECT 2")
    assert [(problem.line, problem.column) for problem in refused.problems] == [
        (1, 8),
        (2, 6),
        (3, 12),
        (5, 10),
        (5, 15),
    ]
    assert all(problem.hint for problem in refused.problems)


def test_a_text_full_of_problems_is_reported_in_part() -> None:
    assert len(compile_sql_action("SELECT " + "$1," * 3000).problems) == 100


def test_bounds() -> None:
    assert messages(compile_sql_action("SELECT " + "{{a}}," * 1000 + "{{a}}")) == [
        "more than 1000 bindings in one statement"
    ]
    assert messages(compile_sql_action("SELECT " + "(" * 101 + ")" * 101)) == [
        "brackets are nested more than 100 levels deep"
    ]


def test_each_occurrence_has_its_own_slot() -> None:
    statement = planned(
        sql_plan("SELECT {{a}}, '{{b}}x{{a}}' /* {{c}} */ WHERE x LIKE '%{{a}}' AND y IN ({{l}}) LIMIT {{n}}")
    )
    assert [slot.name for slot in statement.slots] == ["a", "b", "a", "a", "l", "n"]
    assert [slot.transform for slot in statement.slots] == [
        Transform.NONE,
        Transform.TEXT,
        Transform.TEXT,
        Transform.LIKE,
        Transform.LIST,
        Transform.NONE,
    ]
    parameters = statement.statement.parameters
    assert [parameter.name for parameter in parameters] == ["a", "b", "a", "a", "l", "n"]
    assert [parameter.is_list for parameter in parameters] == [False, False, False, False, True, False]
    assert parameters[5].type is ParameterType.INTEGER


def test_a_binding_in_a_comment_counts_but_needs_no_value() -> None:
    plan = sql_plan("SELECT 1 -- {{why}}")
    assert plan.client_names == ("why",)
    assert bound(plan).values == ()


def test_the_statement_ends_where_its_last_word_ends() -> None:
    assert planned(sql_plan("SELECT 1 ;; -- bye")).statement.text == "SELECT 1"


def test_warnings() -> None:
    plan = sql_plan(
        'SELECT 1 WHERE a LIKE {{q}} AND b = \'{"x": "{{v}}"}\' AND c = {{d}} -- {{open',
        parameter("unused", "text"),
    )
    assert [re.sub(r"[:;,] .*", "", warning) for warning in plan.warnings] == [
        "configuration.body",
        "line 1",
        "line 1",
        "parameter unused is declared but not used",
    ]


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("SELECT 1 AS limit, {{x}}", [None]),
        ("SELECT t.limit, {{x}} FROM t", [None]),
        ("SELECT a IS NOT DISTINCT FROM {{x}}, {{y}} FROM t", [None, None]),
        ("SELECT 1 LIMIT coalesce({{x}}, 10)", [ParameterType.INTEGER]),
        ("SELECT 1 LIMIT (SELECT n FROM t WHERE a = {{x}})", [None]),
        (
            "(SELECT 1 LIMIT {{x}}) UNION SELECT {{y}} OFFSET {{z}}",
            [ParameterType.INTEGER, None, ParameterType.INTEGER],
        ),
        ("SELECT 1 FROM t LIMIT {{x}} FOR UPDATE", [ParameterType.INTEGER]),
    ],
)
def test_only_limit_and_offset_take_integers(text: str, kinds: list[ParameterType | None]) -> None:
    assert [slot.type for slot in planned(sql_plan(text)).slots] == kinds


def test_a_nul_is_refused_even_where_the_configuration_table_lets_it_through() -> None:
    compiled = compile_sql("SELECT 'a\x00{{x}}'", POSTGRES, {}, path="p", allow_ddl=False)
    assert [problem.message for problem in compiled.problems] == ["a NUL character stands in the statement"]


@pytest.mark.parametrize(
    ("text", "slots", "holds"),
    [
        ("SELECT $1", 1, True),
        ("SELECT $1", 2, False),
        ("SELECT $1, $2", 1, False),
        ("SELECT '$1'", 1, False),
        ("SELECT $1; SELECT 2", 1, False),
        ("SELECT $1 'a", 1, False),
    ],
)
def test_a_finished_statement_is_read_once_more(text: str, slots: int, holds: bool) -> None:
    slot = Slot(name="x", source=Source.CLIENT)
    finished = PlannedStatement(statement=Statement(text=text), slots=(slot,) * slots)
    assert reads_as_planned(finished, POSTGRES) is holds


@pytest.mark.parametrize(
    ("text", "transform"),
    [
        ("SELECT 1 WHERE a LIKE {{q}}", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE concat('%', lower({{q}}))", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE ('%' || ({{q}}))", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE ANY (ARRAY[{{q}}])", Transform.LIKE),
        ("SELECT 1 WHERE a LIKE '%' || replace({{q}}, 'a', '%')", Transform.NONE),
        ("SELECT 1 WHERE a LIKE (SELECT p FROM patterns WHERE id = {{q}})", Transform.NONE),
        ("SELECT 1 WHERE a LIKE b AND c = {{q}}", Transform.NONE),
        ("SELECT 1 WHERE a LIKE names[{{q}}]", Transform.NONE),
        ("SELECT 1 WHERE {{q}} LIKE a", Transform.NONE),
    ],
)
def test_what_is_part_of_a_pattern(text: str, transform: Transform) -> None:
    (slot,) = planned(sql_plan(text)).slots
    assert slot.transform is transform


@pytest.mark.parametrize("escape", ["'%'", "'_'", "''", "'ab'", "name", "E'!'"])
def test_an_escape_must_be_one_plain_character(escape: str) -> None:
    refused = compile_sql_action(f"SELECT 1 WHERE a LIKE '{{{{q}}}}' ESCAPE {escape}")
    assert any("ESCAPE must be" in message for message in messages(refused))


FRAGMENTS = [
    *(
        "SELECT",
        "FROM",
        "WHERE",
        "ORDER BY",
        "LIMIT",
        "IN (",
        "VALUES (",
        "INSERT INTO",
        "UPDATE",
        "SET",
        "DELETE",
        "WITH",
    ),
    *("LIKE", "ESCAPE", "AS", "NOT", "AND", "CASE", "interval", "date", "t", "a", "1", "=", "||", "::", ",", ".", ";"),
    *(
        "(",
        ")",
        "[",
        "]",
        "[[",
        "]]",
        "'",
        '"',
        "$$",
        "$1",
        "?",
        "--",
        "/*",
        "*/",
        "\n",
        "E'",
        "U&'",
        "\\",
        "\x00",
        "`",
    ),
    *(
        "{{a}}",
        "'{{b}}'",
        '"{{c}}"',
        "'%{{d}}%'",
        "{{",
        "}}",
        "{{appsmith.user.id}}",
        "{{appsmith.user.x}}",
        "é",
        "\ud800",
    ),
]
TEXTS = st.lists(st.sampled_from(FRAGMENTS), max_size=14).map(" ".join) | st.text(max_size=40)


@settings(max_examples=400)
@given(TEXTS, st.sampled_from(sorted(SQL_DRIVERS)), st.booleans())
def test_compiling_never_raises(text: str, dialect: str, allow_ddl: bool) -> None:
    compiled = compile_sql_action(text, driver=SQL_DRIVERS[dialect], allow_ddl=allow_ddl)
    assert (compiled.plan is None) == bool(compiled.problems)
    if compiled.plan is not None:
        statement = planned(compiled.plan)
        assert len(statement.slots) == len(statement.statement.parameters)
        assert "{{" not in statement.statement.text or "{{" in text.replace("{{a}}", "")
        assert ";" not in re.sub(
            r"'[^']*'|\"[^\"]*\"|--.*|/\*.*\*/|\$\$.*\$\$|`[^`]*`|\[[^]]*\]",
            "",
            statement.statement.text,
            flags=re.DOTALL,
        )


VALUES: Any = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"])),
    st.sampled_from(["' OR 1=1 --", "\\'; DROP TABLE t; --", "%_\\", "$1", "?1", "{{a}}", "\x00", "'||(SELECT 1)||'"]),
)


@pytest.mark.parametrize("driver", [POSTGRES_DRIVER, SQLITE_DRIVER], ids=["postgres", "sqlite"])
@given(q=VALUES, a=VALUES, ids=st.lists(VALUES.filter(lambda item: item is not None), max_size=5))
def test_no_value_changes_the_statement(driver: Driver, q: Any, a: Any, ids: list[Any]) -> None:
    plan = sql_plan(
        "SELECT * FROM t WHERE a = {{a}} AND b LIKE '%{{q}}%' AND c IN ({{ids}}) AND d = 'x{{a}}'", driver=driver
    )
    compiled = planned(plan).statement
    if driver is SQLITE_DRIVER:  # which refuses NUL where it would read no further
        assume(not any(isinstance(value, str) and "\0" in value for value in (q, *ids)))
    result = bound(plan, q=q, a=a, ids=ids)
    assert result.payload is compiled
    assert (
        compiled.digest
        == planned(
            sql_plan(
                "SELECT * FROM t WHERE a = {{a}} AND b LIKE '%{{q}}%' AND c IN ({{ids}}) AND d = 'x{{a}}'",
                driver=driver,
            )
        ).statement.digest
    )
    assert len(result.values) == len(compiled.parameters)


@given(q=st.text(alphabet="%_\\ab"))
def test_a_like_value_matches_itself_and_nothing_else(q: str) -> None:
    plan = sql_plan("SELECT 1 WHERE a LIKE '%{{q}}%'")
    (pattern,) = bound(plan, q=q).values
    assert isinstance(pattern, str)
    assert re.sub(r"\\(.)", r"\1", pattern) == q
    assert not re.search(r"(?<!\\)(?:\\\\)*[%_]", pattern)


def test_every_denied_function_is_refused_around_a_binding() -> None:
    for driver in SQL_DRIVERS.values():
        assert driver.dialect is not None
        for function in driver.dialect.denied_functions:
            for text in (f"SELECT {function}({{{{x}}}})", f"SELECT a.\"{function}\" (1, lower('y{{{{x}}}}'))"):
                assert any(
                    "no value may reach" in message for message in messages(compile_sql_action(text, driver=driver))
                )
            assert compile_sql_action(f"SELECT {function}('x'), {{{{x}}}}", driver=driver).plan is not None
