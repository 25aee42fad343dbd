"""What becomes of a statement as a whole: its problems, bounds and slots. Placements have their golden list."""

import re

import pytest

from appsmith_proxy.model.plan import PlannedStatement, Slot, Source, Transform
from appsmith_proxy.sdk import Driver, ParameterType, Statement
from appsmith_proxy.template.sql import compile_sql, reads_as_planned
from appsmith_proxy_postgres.dialect import POSTGRES
from tests.unit.template.drivers import (
    EACH_SQL_DRIVER,
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
@EACH_SQL_DRIVER
def test_a_word_that_touches_a_number_is_refused(driver: Driver, text: str) -> None:
    assert any("touch" in message for message in messages(compile_sql_action(text, driver=driver)))


@EACH_SQL_DRIVER
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


@EACH_SQL_DRIVER
def test_a_byte_order_mark_is_neither_a_name_nor_white_space(driver: Driver) -> None:
    """SQLite skips it, so that what stands behind it would be a keyword that was not seen."""
    text = "WITH a AS (SELECT 1) \ufeffDELETE FROM t"
    assert "this character has no meaning here" in messages(compile_sql_action(text, driver=driver))
    assert "this character has no meaning here" in messages(compile_sql_action("SELECT a\ufeffFROM t", driver=driver))
    sql_plan("SELECT '\ufeff' /* \ufeff */", driver=driver)


@pytest.mark.parametrize("driver", [POSTGRES_DRIVER, SQLITE_DRIVER], ids=["postgres", "sqlite"])
@pytest.mark.parametrize(
    ("text", "is_value"),
    [
        ('SELECT 1 FROM t WHERE a IN ("{{x}}", 2)', True),
        ('INSERT INTO t (a) VALUES ("{{x}}")', True),
        ('SELECT count("{{x}}") FROM t', False),
        ('SELECT 1 FROM t WHERE a = lower("{{x}}")', False),
        ('SELECT 1 FROM t WHERE (("{{x}}") = 1)', False),
    ],
)
def test_quotes_of_names_hold_a_value_only_where_no_name_can_stand(driver: Driver, text: str, is_value: bool) -> None:
    refused = messages(compile_sql_action(text, driver=driver))
    assert refused == ([] if is_value else ["these quotes are for names, and a binding is a value"])


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


def test_every_denied_function_is_refused_around_a_binding() -> None:
    for driver in SQL_DRIVERS.values():
        assert driver.dialect is not None
        for function in driver.dialect.denied_functions:
            for text in (f"SELECT {function}({{{{x}}}})", f"SELECT a.\"{function}\" (1, lower('y{{{{x}}}}'))"):
                assert any(
                    "no value may reach" in message for message in messages(compile_sql_action(text, driver=driver))
                )
            assert compile_sql_action(f"SELECT {function}('x'), {{{{x}}}}", driver=driver).plan is not None
