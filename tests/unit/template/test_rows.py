"""Rows of an INSERT: what is declared, how many statements hold them, and where each value goes."""

from dataclasses import replace
from typing import Any

import pytest

from appsmith_proxy.errors import InvalidRequest, ParameterInvalid
from appsmith_proxy.model.parameters import MAX_ROWS, DeclaredParameter
from appsmith_proxy.sdk import Driver, ParameterType, Statement, Value
from appsmith_proxy.template import Bound, stepwise
from appsmith_proxy.template.rows import LARGEST_BATCH, MAX_PLACEHOLDERS, Batches
from tests.unit.template.drivers import (
    MYSQL_DRIVER,
    POSTGRES_DRIVER,
    SQLITE_DRIVER,
    compile_sql_action,
    messages,
    parameter,
    sql_plan,
)
from tests.unit.template.drivers import (
    planned as first_of,
)

ALL = pytest.mark.parametrize("driver", [POSTGRES_DRIVER, SQLITE_DRIVER, MYSQL_DRIVER], ids=lambda it: it.kind)
INSERT = "INSERT INTO t (a, b) VALUES {{rows}}"


def rows(*fields: DeclaredParameter, **rules: Any) -> DeclaredParameter:
    declared = fields or (parameter("a", "integer"), parameter("b", "text", required=False, nullable=True))
    return DeclaredParameter(name="rows", type=ParameterType.OBJECT, is_list=True, fields=declared, **rules)


def batches(
    body: str, *parameters: DeclaredParameter, driver: Driver = POSTGRES_DRIVER, **values: Any
) -> tuple[Bound, ...]:
    plan = sql_plan(body, *parameters, driver=driver)
    binder = stepwise(plan)
    binder.check(values, lambda name: None, family=False)
    found = binder.bind(0, values, lambda name: None, lambda step, column: None, family=False)
    assert found.batches is not None
    return found.batches


def text_of(bound: Bound) -> str:
    assert isinstance(bound.payload, Statement)
    return bound.payload.text


def test_rows_are_numbered_and_cast() -> None:
    (found,) = batches(INSERT, rows(), rows=[{"a": 1, "b": "x"}, {"b": None, "a": "2"}])
    assert text_of(found) == (
        "INSERT INTO t (a, b) VALUES (CAST($1 AS integer), CAST($2 AS text)), (CAST($3 AS integer), CAST($4 AS text))"
    )
    assert found.values == (1, "x", 2, None)
    assert isinstance(found.payload, Statement)
    assert len(found.payload.parameters) == 4


@ALL
@pytest.mark.parametrize("count", [1, 2, 3, 7, 128, 129, 1000])
def test_batches_are_powers_of_two_and_hold_every_row_once(driver: Driver, count: int) -> None:
    made = batches(INSERT, rows(), driver=driver, rows=[{"a": number, "b": str(number)} for number in range(count)])
    sizes = [len(batch.values) // 2 for batch in made]
    assert sum(sizes) == count
    assert all(size & (size - 1) == 0 and size <= LARGEST_BATCH for size in sizes)
    assert sizes == sorted(sizes, reverse=True)
    values: list[Value] = [value for batch in made for value in batch.values]
    assert values == [value for number in range(count) for value in (number, str(number))]
    assert len({text_of(batch) for batch in made}) == len(set(sizes))


@ALL
def test_values_around_the_rows_keep_their_places(driver: Driver) -> None:
    body = "WITH c AS (SELECT {{x}}) INSERT INTO t (b, a) VALUES {{rows}}"
    if driver is POSTGRES_DRIVER:
        body += " ON CONFLICT (a) DO UPDATE SET b = {{y}}"
    made = batches(body, rows(), driver=driver, x="x", y="y", rows=[{"a": 1, "b": "p"}, {"a": 2, "b": "q"}])
    expected = ("x", "y", "p", 1, "q", 2) if driver is POSTGRES_DRIVER else ("x", "p", 1, "q", 2)
    assert made[0].values == expected
    if driver is POSTGRES_DRIVER:
        assert "VALUES (CAST($3 AS text), CAST($4 AS integer)), (CAST($5 AS text), CAST($6 AS integer)) ON" in text_of(
            made[0]
        )
        assert text_of(made[0]).endswith("SET b = $2")


def test_wide_rows_stay_below_what_a_statement_takes() -> None:
    names = [f"c{number}" for number in range(200)]
    declared = rows(*(parameter(name, "integer") for name in names))
    body = f"INSERT INTO t ({', '.join(names)}) VALUES {{{{rows}}}}"
    made = batches(body, declared, rows=[dict.fromkeys(names, 1)] * 300)
    assert max(len(batch.values) for batch in made) <= MAX_PLACEHOLDERS
    assert sum(len(batch.values) for batch in made) == 300 * 200
    planned = first_of(sql_plan(body, declared))
    assert planned.rows is not None
    wider = Batches(replace(planned, rows=replace(planned.rows, columns=(0,) * 300)))
    assert [len(part) for _, part in wider.split([()] * LARGEST_BATCH)] == [64, 64]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (5, "a list of objects"),
        ([5], "an object as row 1"),
        ([{"a": 1}, {"a": "x"}], "for a in row 2"),
        ([{"b": "x"}], "a value for a in row 1"),
        ([{"a": ""}], "a value for a in row 1"),
        ([{"a": 1, "c": 2}], "no other columns"),
        ([{"a": 1}] * 1001, "at most 1000 items"),
    ],
)
def test_rows_that_do_not_fit_are_told_by_number_and_column(given: Any, expected: str) -> None:
    with pytest.raises(ParameterInvalid) as caught:
        batches(INSERT, rows(), rows=given)
    assert expected in caught.value.details[0].message


def test_no_rows_are_refused_unless_declared() -> None:
    with pytest.raises(ParameterInvalid):
        batches(INSERT, rows(), rows=[])
    assert batches(INSERT, rows(allow_empty=True), rows=[]) == ()
    with pytest.raises(InvalidRequest):
        batches(INSERT, rows())
    with pytest.raises(InvalidRequest):
        batches(INSERT, rows(), rows="")


def test_columns_that_a_row_leaves_out_have_their_default() -> None:
    declared = rows(parameter("a", "integer", default=7), parameter("b", "integer", required=False, nullable=True))
    (found,) = batches(INSERT, declared, rows=[{"a": 1, "b": 2}, {"b": ""}])
    assert found.values == (1, 2, 7, None)


def test_columns_in_quotes_take_the_field_of_their_name() -> None:
    declared = rows(parameter('we"ird', "integer"), parameter("b", "integer"))
    (found,) = batches('INSERT INTO t (b, "we""ird") VALUES {{rows}}', declared, rows=[{'we"ird': 1, "b": 2}])
    assert found.values == (2, 1)


@ALL
@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("INSERT INTO t VALUES {{rows}}", "must be named"),
        ("INSERT INTO t (a) VALUES {{rows}}", "no column b"),
        ("INSERT INTO t (a, b, c) VALUES {{rows}}", "no field c"),
        ("INSERT INTO t (a, b) VALUES ({{rows}})", "only be the rows"),
        ("SELECT * FROM t WHERE a IN ({{rows}})", "only be the rows"),
        ("SELECT {{rows}}", "only be the rows"),
        ("UPDATE t SET a = {{rows}}", "only be the rows"),
        ("INSERT INTO t (a, b) VALUES '{{rows}}'", "only be the rows"),
        ("INSERT INTO t (a, b) DEFAULT {{rows}}", "only be the rows"),
        ("INSERT INTO t (a, b.c) VALUES {{rows}}", "only names of columns"),
        ("UPDATE t SET (a, b) VALUES {{rows}}", "only be the rows"),
        ("WITH c AS (INSERT INTO t (a, b) VALUES {{rows}}) DELETE FROM u", "only be the rows"),
    ],
)
def test_where_rows_cannot_stand(driver: Driver, body: str, word: str) -> None:
    refused = messages(compile_sql_action(body, rows(), driver=driver))
    assert any(word in message for message in refused), refused


def test_rows_are_no_answer() -> None:
    refused = messages(compile_sql_action(f"{INSERT} RETURNING a", rows()))
    assert any("returns none" in message for message in refused)


@pytest.mark.parametrize(
    ("declared", "path"),
    [
        (DeclaredParameter(name="rows", type=ParameterType.OBJECT, fields=(parameter("a"),)), "list"),
        (DeclaredParameter(name="rows", type=ParameterType.OBJECT, is_list=True), "fields"),
        (DeclaredParameter(name="rows", type=ParameterType.TEXT, fields=(parameter("a"),)), "fields"),
        (rows(parameter("a"), parameter("a")), "fields"),
        (rows(parameter("a", "keyword", choices=("ASC",))), "fields[0].type"),
        (rows(parameter("a", "text", is_list=True)), "fields[0].type"),
        (rows(parameter("a", "integer", min="x")), "fields[0].min"),
        (rows(max_items=MAX_ROWS + 1), "maxItems"),
        (rows(nullable=True), "type"),
    ],
)
def test_declarations_of_rows_that_are_wrong(declared: DeclaredParameter, path: str) -> None:
    refused = compile_sql_action(INSERT, declared)
    assert f"parameters[0].{path}" in {problem.path for problem in refused.problems}
