"""Lists in a dialect with a placeholder for each item: few texts serve every size, and no value is part of one."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from appsmith_proxy.errors import ParameterInvalid
from appsmith_proxy.model.plan import ListPlace, PlannedStatement, Transform
from appsmith_proxy.sdk import ParameterType, Statement
from appsmith_proxy.template import bind, canonical_bytes
from appsmith_proxy.template.lexer import Kind, lex
from appsmith_proxy.template.placing import MAX_LISTS
from appsmith_proxy.template.sizes import Sizes, padded, size_of, sized
from appsmith_proxy.template.sql import reads_as_planned
from appsmith_proxy_mysql.dialect import MYSQL
from tests.unit.template.drivers import (
    MYSQL_DRIVER,
    POSTGRES_DRIVER,
    bound,
    compile_sql_action,
    messages,
    parameter,
    planned,
    sql_plan,
)
from tests.unit.template.values import VALUES

ONE = "SELECT 1 FROM t WHERE a IN ({{l}}) AND b = {{x}}"
TWO = "SELECT {{x}} FROM t WHERE a IN ({{l}}) AND b NOT IN ({{m}}) AND c = '{{x}}'"
EMPTY = MYSQL.empty_list


def text(statement: object) -> str:
    assert isinstance(statement, Statement)
    return statement.text


@pytest.mark.parametrize(
    ("count", "size"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 4), (5, 8), (512, 512), (513, 1024), (1000, 1024)]
)
def test_sizes_are_powers_of_two(count: int, size: int) -> None:
    items = list(range(count))
    assert size_of(count) == size
    assert padded(items) == items + [count - 1] * (size - count)


def test_twelve_texts_serve_every_list() -> None:
    plan = sql_plan(ONE, driver=MYSQL_DRIVER)
    results = [bound(plan, l=[1] * count, x=2) for count in range(1001)]
    statements = {text(result.payload): result.payload for result in results}
    assert len(statements) == 12
    for result in results:
        assert result.payload is statements[text(result.payload)]
        assert isinstance(result.payload, Statement)
        assert len(result.payload.parameters) == len(result.values)
    again = sql_plan(ONE, driver=MYSQL_DRIVER)
    assert [bound(again, l=[1] * count, x=2).payload for count in (0, 1, 3)] == [
        results[count].payload for count in (0, 1, 3)
    ]


def test_each_list_has_its_own_size_and_all_values_their_places() -> None:
    plan = sql_plan(TWO, parameter("m", "integer", is_list=True), driver=MYSQL_DRIVER)
    result = bound(plan, l=["a", "b", "c"], m=["5"], x="v")
    assert text(result.payload) == "SELECT ? FROM t WHERE a IN (?, ?, ?, ?) AND b NOT IN (?) AND c = ?"
    assert result.values == ("v", "a", "b", "c", "c", 5, "v")
    assert isinstance(result.payload, Statement)
    assert [one.name for one in result.payload.parameters] == ["x", "l", "l", "l", "l", "m", "x"]
    assert [one.type for one in result.payload.parameters] == [*[None] * 5, ParameterType.INTEGER, None]
    assert not any(one.is_list for one in result.payload.parameters)
    none = bound(plan, l=[], m=[], x="v")
    assert text(none.payload) == f"SELECT ? FROM t WHERE a IN ({EMPTY}) AND b NOT IN ({EMPTY}) AND c = ?"
    assert none.values == ("v", "v")


def test_the_plan_holds_one_statement_with_its_lists_marked() -> None:
    plan = sql_plan(TWO, driver=MYSQL_DRIVER)
    found = planned(plan)
    assert text(found.statement) == "SELECT ? FROM t WHERE a IN (?) AND b NOT IN (?) AND c = ?"
    assert [(place.slot, found.slots[place.slot].transform) for place in found.lists] == [
        (1, Transform.ITEMS),
        (2, Transform.ITEMS),
    ]
    assert [found.statement.text[place.start : place.end] for place in found.lists] == ["?", "?"]
    assert b"ListPlace" in canonical_bytes(plan)
    assert planned(sql_plan(TWO, driver=POSTGRES_DRIVER)).lists == ()


def test_what_a_statement_is_holds_for_every_size() -> None:
    plan = sql_plan("DELETE FROM t WHERE a IN ({{l}})", driver=MYSQL_DRIVER)
    for items in ([1], [1, 2, 3]):
        statement = bound(plan, l=items).payload
        assert isinstance(statement, Statement)
        assert (statement.writes, statement.returns_rows) == (True, False)


def test_texts_that_were_not_used_for_long_are_made_anew() -> None:
    found = planned(sql_plan(TWO, driver=MYSQL_DRIVER))
    sizes = Sizes(found)
    first = sizes.statement((1, 1))
    assert sizes.statement((1, 1)) is first
    for count in range(300):
        sizes.statement((2, count))
    assert sizes.statement((1, 1)) is not first
    assert sizes.statement((1, 1)) == first == sized(found, (1, 1))
    assert sizes.statement((2, 299)) is sizes.statement((2, 299))


def test_every_problem_is_reported_at_once() -> None:
    plan = sql_plan("DELETE FROM t WHERE a IN ({{l}}) AND b IN ({{m}}) AND c IN ({{n}})", driver=MYSQL_DRIVER)
    with pytest.raises(ParameterInvalid) as caught:
        bound(plan, l=[], m=[None], n=[1] * 1001)
    assert [problem.path for problem in caught.value.details] == ["params.l", "params.m", "params.n"]


def test_a_list_stands_in_the_brackets_of_in_and_nowhere_else() -> None:
    for place in ("a = {{l}}", "a = ANY({{l}})", "a IN ({{l}}, 1)", "f({{l}}) = 1"):
        refused = compile_sql_action(
            f"SELECT 1 FROM t WHERE {place}", parameter("l", "integer", is_list=True), driver=MYSQL_DRIVER
        )
        assert messages(refused) == ["a list stands in the brackets of IN and nowhere else"]
    rows = compile_sql_action("SELECT 1 FROM t WHERE (a, b) IN ({{l}})", driver=MYSQL_DRIVER)
    assert messages(rows) == ["a list of rows cannot be bound"]


def test_lists_are_bounded() -> None:
    """So that a statement's placeholders can be counted in the protocol's 16 bits."""
    lists = [f"a IN ({{{{l{number}}}}})" for number in range(MAX_LISTS + 1)]
    most = sql_plan(f"SELECT 1 FROM t WHERE {' AND '.join(lists[:-1])}", driver=MYSQL_DRIVER)
    result = bind(most, {f"l{number}": [1] * 1000 for number in range(MAX_LISTS)}, lambda _: None)
    assert len(result.values) == MAX_LISTS * 1024 < 2**16
    refused = compile_sql_action(f"SELECT 1 FROM t WHERE {' AND '.join(lists)}", driver=MYSQL_DRIVER)
    assert messages(refused) == [f"more than {MAX_LISTS} lists in one statement"]


def test_the_finished_statement_is_read_once_more_for_other_sizes() -> None:
    found = planned(sql_plan("SELECT 1 WHERE a IN ({{l}}) AND b = '{{x}}'", driver=MYSQL_DRIVER))
    assert reads_as_planned(found, MYSQL)
    (place,) = found.lists
    for start, end, empty in (
        (place.start, place.end, "?"),
        (place.start, place.end, "'"),
        (place.start - 1, place.end, ";"),
    ):
        wrong = ListPlace(slot=place.slot, start=start, end=end, empty=empty)
        other = PlannedStatement(statement=found.statement, slots=found.slots, lists=(wrong,))
        assert not reads_as_planned(other, MYSQL)


@given(q=VALUES, ids=st.lists(VALUES.filter(lambda item: item is not None), max_size=9), x=VALUES)
def test_no_value_is_part_of_the_text(q: object, ids: list[object], x: object) -> None:
    assume(not isinstance(q, list))
    plan = sql_plan("SELECT 'a{{x}}' FROM t WHERE b LIKE \"%{{q}}\" AND c IN ({{ids}})", driver=MYSQL_DRIVER)
    result = bound(plan, q=q, ids=ids, x=x)
    assert text(result.payload) == text(bound(plan, q="q", ids=["i"] * len(ids), x="x").payload)
    placeholders = [lexeme for lexeme in lex(text(result.payload), (), MYSQL) if lexeme.kind is Kind.PARAMETER]
    assert len(placeholders) == len(result.values)
    assert result.values[2:] == tuple(padded(ids))
