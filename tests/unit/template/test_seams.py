"""Optional blocks stand between whole things: nothing is read in another way where one is left out."""

import pytest

from appsmith_proxy.sdk import Driver
from tests.unit.template.drivers import SQL_DRIVERS, compile_sql_action, messages, parameter

ALL = pytest.mark.parametrize("driver", SQL_DRIVERS.values(), ids=SQL_DRIVERS)
TORN = "without the optional block, what stands before and behind it would be read in another way"


@pytest.mark.parametrize(
    ("text", "column"),
    [
        pytest.param("SELECT load_file[[, upper({{x}}), upper]] ({{y}}) FROM t", 43, id="another call"),
        pytest.param("SELECT 1[[, {{x}} AS]] INTO[[, {{y}}]] OUTFILE 'f'", 19, id="a clause that was a name"),
        pytest.param("SELECT a FROM t FOR[[, {{x}}]] UPDATE", 20, id="a lock"),
        pytest.param("SELECT 'a'[[, {{x}}]] 'b'", 23, id="two texts"),
        pytest.param("SELECT date[[, {{x}}]] '2024-02-29'", 24, id="a typed text"),
        pytest.param("SELECT {{a}}[[, {{x}}]]5", 24, id="two numbers"),
        pytest.param("SELECT a -[[, {{x}}]]- 1 FROM t", 11, id="a comment"),
        pytest.param("SELECT a /[[, {{x}}]]* 1 FROM t", 11, id="another comment"),
        pytest.param("SELECT s.[[, {{x}}]] FROM t", 10, id="behind a dot"),
        pytest.param("SELECT a[[, {{x}} + b]] . c FROM t", 25, id="before a dot"),
        pytest.param("SELECT a FROM t WHERE a = 1 [[AND b = {{x}} + ]] - 1", 45, id="an operator at the end"),
        pytest.param("SELECT a FROM t WHERE a LIKE {{p}} [[AND b = {{x}}]] ESCAPE '!'", 54, id="part of an operator"),
        pytest.param("SELECT a FROM t WHERE a [[AND b = {{x}}]] IS NULL", 43, id="an operator behind"),
        pytest.param("SELECT a FROM t WHERE [[AND b = {{x}}]]", 23, id="a clause of nothing"),
        pytest.param("SELECT max([[, {{x}}]]) FROM t", 12, id="an item of nothing"),
        pytest.param("SELECT a FROM t [[WHERE a = {{x}}]] AND b = 1", 37, id="a clause goes on"),
        pytest.param("SELECT a OVER (PARTITION BY a ORDER [[, {{x}}]] BY b) FROM t", 37, id="half a keyword"),
        pytest.param("SELECT a FROM t ORDER BY a [[LIMIT {{x}}]], b", 43, id="a list goes on"),
    ],
)
@ALL
def test_a_block_that_holds_things_apart_is_refused(driver: Driver, text: str, column: int) -> None:
    refused = compile_sql_action(text, driver=driver)
    assert (TORN, 1, column) in [(problem.message, problem.line, problem.column) for problem in refused.problems]


@pytest.mark.parametrize(
    "text",
    [
        "SELECT * [[, {{x}}]] FROM t",
        "SELECT t.* [[, {{x}}]], b FROM t",
        "SELECT t.set [[, {{x}}]] FROM t",
        "SELECT a[1] [[, {{x}}]] FROM t",
        "SELECT a AS values [[, {{x}}]] FROM t",
        "SELECT count(*) [[, {{x}} AS b]] FROM t [[WHERE a = {{x}}]] [[AND b = {{x}}]] GROUP BY a [[HAVING max(a) > {{x}}]]",
        "SELECT sum(a) OVER ([[ORDER BY a + {{x}}]]) FROM t",
        "SELECT CASE WHEN a = 1 [[AND b = {{x}}]] THEN 1 WHEN 'a' = 'b' [[AND c = {{x}}]] THEN 2 END FROM t",
        "SELECT a FROM t JOIN u ON t.id = u.id [[AND u.b = {{x}}]] LEFT JOIN v ON true [[AND v.c = {{x}}]] WHERE 1 = 1",
        "SELECT a FROM (SELECT a FROM t WHERE b = 1 [[AND c = {{x}}]]) AS s [[WHERE a = {{x}}]] UNION ALL SELECT 1",
        "SELECT a FROM t WHERE (b = 1 [[AND c = {{x}}]]) OR d IS NULL [[AND e = {{x}}]] ORDER BY a DESC [[LIMIT {{x}}]];",
        "WITH s AS (SELECT 1 AS a)[[, u AS (SELECT {{x}} AS a)]] SELECT a FROM s",
        "UPDATE t SET a = 1 [[, b = {{x}}]] [[, c = {{x}}]] WHERE id = 1",
        "SELECT a FROM t ORDER BY a [[LIMIT {{x}}]] [[OFFSET {{x}}]]",
    ],
)
@ALL
def test_a_block_between_whole_things_is_taken(driver: Driver, text: str) -> None:
    assert messages(compile_sql_action(text, parameter("x", "integer"), driver=driver)) == []
