"""Statements that optional blocks and choices multiply: which there are, which one values select, and what is refused."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appsmith_proxy.errors import InvalidRequest, ParameterInvalid
from appsmith_proxy.model.plan import MAX_CHARACTERS, MAX_STATEMENTS, Plan, StatementSet
from appsmith_proxy.sdk import Driver, Statement
from appsmith_proxy.template.variants import ALL_UP_TO, index_of, representatives
from tests.unit.template.drivers import (
    MYSQL_DRIVER,
    POSTGRES_DRIVER,
    SQLITE_DRIVER,
    bound,
    compile_sql_action,
    messages,
    parameter,
    sql_plan,
)

ALL = pytest.mark.parametrize("driver", [POSTGRES_DRIVER, SQLITE_DRIVER, MYSQL_DRIVER], ids=lambda it: it.kind)
COLUMN = parameter("column", "identifier", choices=("name", "o.created"), default="name")
DIRECTION = parameter("direction", "keyword", choices=("ASC", "DESC"), default="ASC")
SEARCH = (
    "SELECT * FROM t WHERE a = {{a}} [[AND b LIKE '%{{b}}%']] [[AND c BETWEEN {{low}} AND {{high}}]] "
    "ORDER BY {{column}} {{direction}} [[LIMIT {{n}}]]"
)


def statements(plan: Plan) -> StatementSet:
    payload = plan.steps[0].payload
    assert isinstance(payload, StatementSet)
    return payload


def text_of(plan: Plan, /, **values: Any) -> str:
    payload = bound(plan, **values).payload
    assert isinstance(payload, Statement)
    return payload.text


def test_each_combination_has_its_statement() -> None:
    plan = sql_plan(SEARCH, COLUMN, DIRECTION)
    made = statements(plan)
    assert len(made.statements) == 2 * 2 * 2 * 2 * 2
    assert [axis.options for axis in made.axes] == [
        ("", "AND"),
        ("", "AND"),
        ("", "LIMIT"),
        ("name", "o.created"),
        ("ASC", "DESC"),
    ]
    assert plan.client_names == ("a", "b", "low", "high", "column", "direction", "n")


@ALL
def test_what_is_not_sent_leaves_its_block_out(driver: Driver) -> None:
    plan = sql_plan(SEARCH, COLUMN, DIRECTION, driver=driver)
    bare = text_of(plan, a=1)
    assert "LIKE" not in bare
    assert "BETWEEN" not in bare
    assert "LIMIT" not in bare
    assert bare.rstrip().endswith("ASC")
    whole = bound(plan, a=1, b="x", low=2, high=3, n=4, column="o.created", direction="desc")
    assert whole.values == (1, "x", 2, 3, 4)
    assert isinstance(whole.payload, Statement)
    assert "DESC" in whole.payload.text
    assert all(f"{quote}o{quote}.{quote}created{quote}" in whole.payload.text for quote in [_quote(driver)])
    some = bound(plan, a=1, low=2, high=3)
    assert some.values == (1, 2, 3)


def test_placeholders_are_numbered_as_they_stand() -> None:
    plan = sql_plan(SEARCH, COLUMN, DIRECTION)
    assert text_of(plan, a=1, low=2, high=3) == (
        'SELECT * FROM t WHERE a = $1     AND c BETWEEN $2 AND $3   ORDER BY "name" ASC  '
    )
    assert text_of(sql_plan(SEARCH, COLUMN, DIRECTION, driver=SQLITE_DRIVER), a=1, n=1).endswith("LIMIT ?2")


@pytest.mark.parametrize(
    ("values", "missing"),
    [({"a": 1, "low": 2}, "high"), ({"a": 1, "high": 2}, "low"), ({"a": 1, "low": 2, "high": ""}, "high")],
)
def test_half_a_block_names_what_is_missing(values: Mapping[str, Any], missing: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        bound(sql_plan(SEARCH, COLUMN, DIRECTION), **values)
    assert [problem.path for problem in caught.value.details] == [f"params.{missing}"]


def test_every_problem_is_reported_at_once() -> None:
    with pytest.raises(InvalidRequest) as caught:
        bound(sql_plan(SEARCH, COLUMN, DIRECTION), low=2, column="password", direction="SIDEWAYS")
    assert {problem.path for problem in caught.value.details} == {
        "params.a",
        "params.high",
        "params.column",
        "params.direction",
    }


@pytest.mark.parametrize("value", ["password", "NAME", "name ", '"name"', "name; DROP TABLE t", 1, None, ["name"], ""])
def test_nothing_but_an_allowed_name_is_chosen(value: Any) -> None:
    plan = sql_plan("SELECT * FROM t ORDER BY {{column}}", parameter("column", "identifier", choices=("name", "id")))
    with pytest.raises(InvalidRequest if value == "" else ParameterInvalid) as caught:
        bound(plan, column=value)
    assert "password" not in str(caught.value)


def test_a_number_is_no_spelling() -> None:
    plan = sql_plan("SELECT {{column}} FROM t", parameter("column", "identifier", choices=("1", "None")))
    assert text_of(plan, column="1") == 'SELECT "1" FROM t'
    for value in (1, None):
        with pytest.raises(ParameterInvalid):
            bound(plan, column=value)


def test_a_choice_without_default_is_asked_for() -> None:
    plan = sql_plan("SELECT * FROM t ORDER BY {{column}}", parameter("column", "identifier", choices=("name", "id")))
    with pytest.raises(InvalidRequest):
        bound(plan)


def test_a_choice_inside_a_block_goes_with_it() -> None:
    column = parameter("column", "identifier", choices=("name", "id"), required=False)
    plan = sql_plan("SELECT * FROM t [[ORDER BY {{column}} {{direction}}]]", column, DIRECTION)
    assert "ORDER" not in text_of(plan)
    assert text_of(plan, column="id").rstrip().endswith('"id" ASC')
    with pytest.raises(InvalidRequest):
        bound(plan, direction="DESC")


def test_a_choice_inside_a_block_and_outside_is_always_asked_for() -> None:
    column = parameter("column", "identifier", choices=("name", "id"))
    plan = sql_plan("SELECT {{column}} FROM t WHERE true [[AND {{column}} = {{x}}]]", column)
    assert text_of(plan, column="id", x=1).startswith('SELECT "id" FROM')
    with pytest.raises(InvalidRequest) as caught:
        bound(plan)
    assert [problem.path for problem in caught.value.details] == ["params.column"]
    optional = parameter("column", "identifier", choices=("name", "id"), required=False)
    refused = compile_sql_action("SELECT {{column}} FROM t WHERE true [[AND {{column}} = {{x}}]]", optional)
    assert [problem.path for problem in refused.problems] == ["parameters[0].required"]


def test_a_choice_made_outside_of_a_block_too_does_not_bring_it_in() -> None:
    """The first page of a list has an order, and nothing that it goes on from."""
    plan = sql_plan("SELECT * FROM t WHERE true [[AND {{column}} > {{after}}]] ORDER BY {{column}}", COLUMN)
    assert [axis.names for axis in statements(plan).axes] == [("after",), ("column",)]
    assert "AND" not in text_of(plan, column="o.created")
    assert 'AND "o"."created" > $1' in text_of(plan, column="o.created", after=5)
    assert 'AND "name" > $1' in text_of(plan, after=5)


def test_a_choice_of_two_blocks_belongs_to_both() -> None:
    plan = sql_plan("SELECT * FROM t WHERE true [[AND {{column}} > {{after}}]] [[ORDER BY {{column}}]]", COLUMN)
    with pytest.raises(InvalidRequest) as caught:
        bound(plan, column="name")
    assert [problem.path for problem in caught.value.details] == ["params.after"]


def test_a_block_that_nothing_brings_in_is_refused() -> None:
    refused = compile_sql_action("SELECT {{column}} FROM t [[ORDER BY {{column}}]]", COLUMN)
    (problem,) = refused.problems
    assert problem.message.startswith("nothing decides whether this optional block is there")
    assert (problem.line, problem.column) == (1, 26)


def test_a_choice_that_is_declared_badly_is_refused_before_it_is_read() -> None:
    refused = compile_sql_action("SELECT {{column}} FROM t", parameter("column", "identifier"))
    assert [problem.path for problem in refused.problems] == ["parameters[0].choices"]


def test_in_a_comment_nothing_is_chosen() -> None:
    plan = sql_plan("SELECT 1 -- by {{column}}", COLUMN)
    assert len(statements(plan).statements) == 1


def test_choices_of_any_number_select_their_own() -> None:
    three, five = (
        parameter(name, "identifier", choices=tuple(f"{name}{n}" for n in range(count)))
        for name, count in (("c", 3), ("d", 5))
    )
    plan = sql_plan("SELECT {{d}}, {{c}} FROM t WHERE true [[AND a = {{a}}]]", three, five)
    for c, d, more in itertools.product(three.choices, five.choices, ({}, {"a": 1})):
        text = text_of(plan, c=c, d=d, **more)
        assert text.startswith(f'SELECT "{d}", "{c}" FROM')
        assert ("AND" in text) == bool(more)


def test_empty_text_is_absent_in_a_block_unless_declared_otherwise() -> None:
    body = "SELECT * FROM t WHERE true [[AND a = {{a}}]]"
    assert "AND" not in text_of(sql_plan(body), a="")
    assert "AND" not in text_of(sql_plan(body, parameter("a", "text")), a="")
    assert "AND" in text_of(sql_plan(body, parameter("a", "text", empty_is_absent=False)), a="")
    assert "AND" in text_of(sql_plan(body, parameter("a", "integer", nullable=True)), a=None)


def test_a_default_fills_a_block_only_beside_a_value_that_was_sent() -> None:
    plan = sql_plan(
        "SELECT * FROM t WHERE true [[AND a BETWEEN {{low}} AND {{high}}]]",
        parameter("low", "integer"),
        parameter("high", "integer", default=9),
    )
    assert bound(plan).values == ()
    assert bound(plan, low=1).values == (1, 9)
    with pytest.raises(InvalidRequest):
        bound(plan, high=1)


def test_a_binding_of_two_blocks_and_of_the_statement() -> None:
    plan = sql_plan("SELECT {{a}} FROM t WHERE true [[AND b = {{a}}]] [[AND c = {{a}}]]")
    assert bound(plan, a=1).values == (1, 1, 1)
    with pytest.raises(InvalidRequest):
        bound(plan)
    assert bound(plan, family=True).values == ("",)


def test_optional_without_default_is_for_names_of_blocks_alone() -> None:
    rules = parameter("a", "integer", required=False)
    assert not compile_sql_action("SELECT 1 WHERE true [[AND a = {{a}}]]", rules).problems
    refused = compile_sql_action("SELECT {{a}} WHERE true [[AND a = {{a}}]]", rules)
    assert [problem.path for problem in refused.problems] == ["parameters[0].required"]


@ALL
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("SELECT '{{column}}'", "inside quotes"),
        ("SELECT 'by {{column}}'", "inside quotes"),
        ('SELECT * FROM t ORDER BY a "{{direction}}"', "inside quotes"),
        ("SELECT {{column}}(1)", "function's name"),
        ("SELECT a{{column}} FROM t", "touches"),
        ("SELECT {{column}}a FROM t", "touches"),
        ("SELECT {{column}}{{direction}} FROM t", "touches"),
        ("SELECT t.{{direction}} FROM t", "beside a dot"),
        ("SELECT {{direction}}.a FROM t", "beside a dot"),
        ('SELECT a AS "by {{column}}" FROM t', "inside quotes"),
    ],
)
def test_where_nothing_is_chosen(driver: Driver, body: str, word: str) -> None:
    refused = messages(compile_sql_action(body, COLUMN, DIRECTION, driver=driver))
    assert any(word in message for message in refused), refused


@ALL
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("DROP TABLE {{column}}", "nothing is chosen"),
        ("DELETE FROM t [[WHERE a = {{x}}]]", "would change more rows"),
        ("SELECT * FROM t WHERE a = 1 [[OR b = {{x}}]]", "begin with OR"),
    ],
)
def test_the_rules_of_blocks_and_choices_hold_for_an_action(driver: Driver, body: str, word: str) -> None:
    refused = messages(compile_sql_action(body, COLUMN, driver=driver, allow_ddl=True))
    assert [message for message in refused if word in message], refused


@ALL
@pytest.mark.parametrize(
    "body",
    [
        "SELECT {{column}} FROM t",
        "SELECT * FROM {{column}}",
        "SELECT t.{{column}} FROM t WHERE {{column}} = {{x}} GROUP BY {{column}}",
        "INSERT INTO {{column}} (a) VALUES ({{x}})",
        "UPDATE t SET {{column}} = {{x}} WHERE a = {{y}}",
        "SELECT count(*) FROM t GROUP BY {{column}} ORDER BY {{column}} {{direction}}",
    ],
)
def test_where_names_are_chosen(driver: Driver, body: str) -> None:
    plan = sql_plan(body, COLUMN, DIRECTION, driver=driver)
    quote = _quote(driver)
    assert f"{quote}name{quote}" in text_of(plan, x=1, y=2)


def test_a_quoted_binding_is_the_same_place() -> None:
    body = 'SELECT * FROM t ORDER BY "{{column}}"'
    assert text_of(sql_plan(body, COLUMN)) == 'SELECT * FROM t ORDER BY "name"'


def test_a_keyword_that_moves_a_value_is_refused() -> None:
    operator = parameter("op", "keyword", choices=("=", "LIKE"))
    refused = messages(compile_sql_action("SELECT * FROM t WHERE a {{op}} {{x}}", operator))
    assert refused == ["with LIKE the statement's values would be placed in another way"]


def test_a_keyword_that_breaks_a_rule_is_refused_with_its_name() -> None:
    operator = parameter("op", "keyword", choices=("=", "IN"))
    refused = messages(compile_sql_action("SELECT * FROM t WHERE a {{op}} {{x}}", operator))
    assert [message.startswith("with IN: ") for message in refused] == [True]


def test_statements_are_bounded() -> None:
    blocks = " ".join(f"[[AND a{n} = {{{{x{n}}}}}]]" for n in range(12))
    body = f"SELECT * FROM t WHERE true {blocks}"
    assert len(statements(sql_plan(body)).statements) == MAX_STATEMENTS
    refused = messages(compile_sql_action(f"{body} ORDER BY {{{{direction}}}}", DIRECTION))
    assert len(refused) == 1
    assert "choices make 8192 statements" in refused[0], "they are counted before they are made"


def test_what_statements_hold_together_is_bounded() -> None:
    blocks = " ".join(f"[[AND a{n} = {{{{x{n}}}}}]]" for n in range(12))
    body = f"SELECT '' FROM t WHERE true {blocks}"
    fitting = body.replace("''", f"'{'a' * (MAX_CHARACTERS // MAX_STATEMENTS - len(body))}'")
    assert len(statements(sql_plan(fitting)).statements) == MAX_STATEMENTS
    why = "statements, too many for a text of this length"
    assert messages(compile_sql_action(fitting.replace("a'", "aa'"))) == [
        f"the optional blocks and choices make 4096 {why}"
    ]
    names = parameter("c", "identifier", choices=tuple(f"{'a' * 120}{n}" for n in range(100)))
    refused = messages(compile_sql_action(f"SELECT {', '.join(['{{c}}'] * 999)} FROM t", names))
    assert refused == [f"the optional blocks and choices make 100 {why}"], "what is chosen counts where it stands"


def test_representatives_show_every_position() -> None:
    blocks = " ".join(f"[[AND a{n} = {{{{x{n}}}}}]]" for n in range(9))
    made = statements(sql_plan(f"SELECT * FROM t WHERE true {blocks} ORDER BY {{{{column}}}}", COLUMN))
    shown = list(representatives(made))
    assert len(shown) < ALL_UP_TO < len(made.statements)
    for index, axis in enumerate(made.axes):
        for position in range(len(axis.options)):
            assert any(
                made.statements[index_of(made.axes, positions)] in shown
                for positions in itertools.product(*(range(len(it.options)) for it in made.axes))
                if positions[index] == position
            )


def test_representatives_show_all_blocks_together_and_none() -> None:
    blocks = " ".join(f"[[AND a{n} = {{{{x{n}}}}}]]" for n in range(9))
    made = statements(sql_plan(f"SELECT * FROM t WHERE true {blocks} [[ORDER BY {{{{column}}}}]]", COLUMN))
    texts = [planned.statement.text for planned in representatives(made)]
    assert {0, 9} <= {text.count("AND") for text in texts}
    assert all(any(f'ORDER BY "{name}"' in text for text in texts) for name in ("name", 'o"."created'))


NAMES = ("a", "b", "low", "high", "n", "column", "direction")
VALUES = st.one_of(
    st.none(), st.integers(-9, 9), st.text(max_size=8), st.sampled_from(["name", "o.created", "ASC", "desc", "", "1"])
)


SEARCHES = {
    driver.kind: sql_plan(SEARCH, COLUMN, DIRECTION, driver=driver)
    for driver in (POSTGRES_DRIVER, SQLITE_DRIVER, MYSQL_DRIVER)
}


@pytest.mark.parametrize("plan", SEARCHES.values(), ids=SEARCHES)
@given(values=st.dictionaries(st.sampled_from(NAMES), VALUES))
def test_whatever_is_sent_a_statement_of_the_plan_is_chosen(plan: Plan, values: dict[str, Any]) -> None:
    texts = {planned.statement.text for planned in statements(plan).statements}
    try:
        found = bound(plan, **values)
    except (InvalidRequest, ParameterInvalid):
        return
    assert isinstance(found.payload, Statement)
    assert found.payload.text in texts
    assert len(found.values) == len(found.payload.parameters)


def _quote(driver: Driver) -> str:
    assert driver.dialect is not None
    return driver.dialect.identifier_quotes[0][0]
