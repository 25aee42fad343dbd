"""Finished statements: what may be chosen without another reading, what a left-out block leaves, and the last look."""

from dataclasses import replace

import pytest

from appsmith_proxy.model.plan import PlannedStatement, StatementSet
from appsmith_proxy.sdk import Dialect, Driver, ParameterType, Statement
from appsmith_proxy.template.sql import reads_as_planned
from appsmith_proxy_postgres.dialect import POSTGRES
from tests.unit.template.drivers import (
    MYSQL_DRIVER,
    POSTGRES_DRIVER,
    SQL_DRIVERS,
    SQLITE_DRIVER,
    Postgres,
    compile_sql_action,
    messages,
    parameter,
    sql_plan,
)

ALL = pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)


@pytest.mark.parametrize(
    ("driver", "text", "choices", "refused"),
    [
        pytest.param(
            POSTGRES_DRIVER, "SELECT 1 FROM t WHERE a {{k}} ({{ids}})", ("IN", "NOT IN"), True, id="other edits"
        ),
        pytest.param(SQLITE_DRIVER, "SELECT 1 FROM t WHERE a {{k}} ({{ids}})", ("IN", "NOT IN"), False, id="the same"),
        pytest.param(MYSQL_DRIVER, "SELECT 1 FROM t WHERE a {{k}} {{q}}", ("=", "LIKE"), True, id="other slots"),
        pytest.param(
            MYSQL_DRIVER, "SELECT a FROM t LOCK {{k}} SHARE MODE", ("NOT IN", "IN"), True, id="another nature"
        ),
    ],
)
def test_a_keyword_may_not_place_values_in_another_way(
    driver: Driver, text: str, choices: tuple[str, ...], refused: bool
) -> None:
    compiled = compile_sql_action(
        text,
        parameter("k", "keyword", choices=choices),
        parameter("q", "text"),
        parameter("ids", "integer"),
        driver=driver,
    )
    expected = [f"with {choices[1]} the statement's values would be placed in another way"] if refused else []
    assert messages(compiled) == expected


@pytest.mark.parametrize(
    ("text", "without"),
    [
        ("SELECT a FROM t WHERE b = 1[[AND c = {{c}}]]OR d = 2", "SELECT a FROM t WHERE b = 1 OR d = 2"),
        ("SELECT a FROM t[[WHERE c = {{c}}]]ORDER BY a", "SELECT a FROM t ORDER BY a"),
        ("SELECT a FROM t WHERE b = 1[[AND c = {{c}}]][[AND d = {{d}}]]OR e", "SELECT a FROM t WHERE b = 1  OR e"),
    ],
)
@ALL
def test_what_stood_beside_a_block_does_not_grow_together_without_it(driver: Driver, text: str, without: str) -> None:
    payload = sql_plan(text, driver=driver).steps[0].payload
    assert isinstance(payload, StatementSet)
    assert payload.statements[0].statement.text == without


@pytest.mark.parametrize(
    ("text", "writes", "returns_rows", "holds"),
    [
        ("SELECT 1", False, True, True),
        ("SELECT 1", True, True, False),
        ("SELECT 1", False, False, False),
        ("SELECT a FROM t FOR UPDATE", False, True, False),
        ("DELETE FROM t", False, False, False),
        ("DELETE FROM t", True, False, True),
        ("SELECT 1 INTO b FROM t", False, True, False),
        ("SET a = 1", False, True, False),
    ],
)
def test_a_finished_statement_is_what_it_was_planned_as(
    text: str, writes: bool, returns_rows: bool, holds: bool
) -> None:
    statement = Statement(text=text, writes=writes, returns_rows=returns_rows)
    assert reads_as_planned(PlannedStatement(statement=statement, slots=()), POSTGRES) is holds


@pytest.mark.parametrize(
    "dialect",
    [
        pytest.param(replace(POSTGRES, author_parameters=r":[0-9]+"), id="other parameters"),
        pytest.param(replace(POSTGRES, casts={ParameterType.TEXT: "text; text"}), id="two statements"),
        pytest.param(replace(POSTGRES, casts={ParameterType.TEXT: "text /*"}), id="an open comment"),
    ],
)
def test_a_dialect_that_reads_otherwise_what_it_writes_compiles_nothing(dialect: Dialect) -> None:
    class Disagreeing(Postgres):
        pass

    Disagreeing.dialect = dialect
    refused = compile_sql_action("SELECT {{a}}", parameter("a", "text"), driver=Disagreeing())
    assert messages(refused) == ["the statement cannot be compiled without changing its meaning"]
