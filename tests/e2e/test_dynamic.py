"""Statements that blocks and choices multiply, steps in one transaction, and dry runs, on real databases."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from tests.servers.mariadb import MariadbServer
from tests.servers.postgres import PostgresServer
from tests.servers.proxy import Proxy

TABLES = (
    "CREATE TABLE orders (id INTEGER PRIMARY KEY, customer VARCHAR(60) NOT NULL, cents INTEGER NOT NULL)",
    "CREATE TABLE order_lines (order_id INTEGER NOT NULL, line INTEGER NOT NULL, what VARCHAR(60), UNIQUE (order_id, line))",
    "INSERT INTO orders VALUES (1, 'alice', 1250), (2, 'bob', 10), (3, 'alice', 7)",
)
COLUMN = {"name": "column", "type": "identifier", "choices": ["id", "customer", "cents"], "default": "id"}
DIRECTION = {"name": "direction", "type": "keyword", "choices": ["ASC", "DESC"], "default": "ASC"}
SEARCH = (
    "SELECT id FROM orders WHERE 1 = 1 [[AND customer = {{customer}}]] [[AND cents BETWEEN {{low}} AND {{high}}]] "
    "ORDER BY {{column}} {{direction}} [[LIMIT {{n}}]]"
)
ID = {"name": "id", "type": "integer"}
LINES = {
    "steps": [
        {"name": "found", "body": "SELECT id, cents FROM orders WHERE id = {{id}}"},
        {
            "name": "line",
            "body": "INSERT INTO order_lines (order_id, line, what) VALUES ({{steps.found.id}}, {{line}}, {{what}})",
        },
        {
            "name": "priced",
            "body": "UPDATE orders SET cents = {{steps.found.cents}} + {{steps.line.affected}} WHERE id = {{steps.found.id}}",
        },
        {"name": "result", "body": "SELECT id, cents FROM orders WHERE id = {{steps.found.id}}"},
    ]
}
INTEGERS = [
    ID,
    {"name": "line", "type": "integer"},
    {"name": "steps.found.cents", "type": "integer"},
    {"name": "steps.line.affected", "type": "integer"},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """A datasource with a few orders, and a look at its tables from outside."""

    datasource: str
    rows: Callable[[str], Coroutine[Any, Any, list[tuple[Any, ...]]]]

    async def lines(self) -> list[tuple[Any, ...]]:
        return await self.rows("SELECT order_id, line, what FROM order_lines ORDER BY line")


@asynccontextmanager
async def _postgres(proxy: Proxy, server: PostgresServer) -> AsyncIterator[Shop]:
    database = await server.fresh_database()
    async with server.session(database) as session:
        for statement in TABLES:
            await session.execute(statement)

        async def rows(text: str) -> list[tuple[Any, ...]]:
            return [tuple(row) for row in await session.fetch(text)]

        datasource = await proxy.datasource("postgres", server.configuration(database, password=server.password))
        yield Shop(datasource=datasource, rows=rows)


@asynccontextmanager
async def _mysql(proxy: Proxy, server: MariadbServer) -> AsyncIterator[Shop]:
    database = await server.fresh_database()
    async with server.session(database) as session:
        await session.script(";".join(TABLES))

        async def rows(text: str) -> list[tuple[Any, ...]]:
            async with server.session(database) as other:
                return [tuple(row) for row in await other.rows(text)]

        datasource = await proxy.datasource("mysql", server.configuration(database, password=server.password))
        yield Shop(datasource=datasource, rows=rows)


@pytest.fixture(params=["postgres", "mysql"])
async def shop(
    request: pytest.FixtureRequest, proxy: Proxy, postgres: PostgresServer, mariadb: MariadbServer
) -> AsyncIterator[Shop]:
    """Each SQL server in turn."""
    opened = _postgres(proxy, postgres) if request.param == "postgres" else _mysql(proxy, mariadb)
    async with opened as found:
        yield found


async def test_filters_order_and_limit_are_chosen_by_what_is_sent(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, SEARCH, parameters=[COLUMN, DIRECTION])

    async def ids(**values: Any) -> list[int]:
        reply = await proxy.viewer.execute(action, values)
        assert reply.data["isExecutionSuccess"], reply.data
        return [row["id"] for row in reply.data["body"]]

    assert await ids() == [1, 2, 3]
    assert await ids(customer="alice") == [1, 3]
    assert await ids(customer="alice", low=0, high=100) == [3]
    assert await ids(column="cents") == [3, 2, 1]
    assert await ids(column="cents", direction="desc", n=2) == [1, 2]
    assert await ids(customer="") == [1, 2, 3]
    form = await proxy.viewer.execute_form(action, {"customer": ("alice", "string"), "low": ("", "string")})
    assert [row["id"] for row in form.data["body"]] == [1, 3]


async def test_nothing_else_can_be_chosen(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, SEARCH, parameters=[COLUMN, DIRECTION])
    for values in ({"column": "password"}, {"direction": "ASC, (SELECT 1)"}, {"column": "id; DROP TABLE orders"}):
        reply = await proxy.viewer.execute(action, values)
        assert reply.data["statusCode"] == "ParameterInvalid"
    reply = await proxy.viewer.execute(action, {"low": 1})
    assert reply.data["statusCode"] == "InvalidRequest"
    assert len(await shop.rows("SELECT id FROM orders")) == 3


async def test_every_block_and_choice_is_checked_when_saved(proxy: Proxy, shop: Shop) -> None:
    reply = await proxy.developer.call(
        "POST",
        "/actions",
        {
            "applicationId": proxy.application_id,
            "datasourceId": shop.datasource,
            "name": "wrong",
            "configuration": {"body": "SELECT id FROM orders WHERE 1 = 1 [[AND nobody = {{x}}]]"},
        },
    )
    assert reply.status == 400
    assert "nobody" in str(reply.envelope)


async def test_steps_run_in_one_transaction(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, LINES, parameters=INTEGERS)
    reply = await proxy.viewer.execute(action, {"id": 1, "line": 1, "what": "hat"})
    assert reply.data["body"] == [{"id": 1, "cents": 1251}], reply.data
    assert await shop.lines() == [(1, 1, "hat")]


async def test_a_step_that_fails_undoes_the_others(proxy: Proxy, shop: Shop) -> None:
    steps = {"steps": [LINES["steps"][1] | {"body": "INSERT INTO order_lines VALUES (1, {{line}}, 'a')"}] * 2}
    steps["steps"] = [{**step, "name": f"s{index}"} for index, step in enumerate(steps["steps"])]
    action = await proxy.action(shop.datasource, steps, parameters=[INTEGERS[1]])
    reply = await proxy.viewer.execute(action, {"line": 5})
    assert reply.data["statusCode"] == "ConstraintViolated"
    assert await shop.lines() == []


async def test_a_result_that_is_not_there_undoes_all(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, LINES, parameters=INTEGERS)
    reply = await proxy.viewer.execute(action, {"id": 99, "line": 1, "what": "hat"})
    assert reply.data["statusCode"] == "ParameterInvalid"
    assert await shop.lines() == []


async def test_results_of_steps_come_from_the_server_alone(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, LINES, parameters=INTEGERS)
    view = await proxy.viewer.call("GET", f"/actions/view?applicationId={proxy.application_id}")
    assert view.envelope["data"][0]["jsonPathKeys"] == ["id", "line", "what"]
    forged = {"steps.found.id": 2, "steps.found.cents": 0, "steps.line.affected": 9}
    reply = await proxy.viewer.execute(action, {"id": 1, "line": 1, "what": "hat", **forged})
    assert reply.data["body"] == [{"id": 1, "cents": 1251}]


async def test_together_the_steps_may_not_change_more_than_the_limit(proxy: Proxy, shop: Shop) -> None:
    steps = {
        "steps": [
            {"name": "one", "body": "UPDATE orders SET cents = 0 WHERE id = 1"},
            {"name": "two", "body": "UPDATE orders SET cents = 0 WHERE id = 2"},
        ]
    }
    action = await proxy.action(shop.datasource, steps, maxAffectedRows=1)
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "AffectedLimitExceeded"
    assert await shop.rows("SELECT cents FROM orders WHERE id = 1") == [(1250,)]


@pytest.mark.parametrize(
    ("body", "word"),
    [
        ("SELECT {{steps.other.id}}", "no earlier step has this name"),
        ("SELECT {{steps.second.id}}", "no earlier step has this name"),
        ("SELECT {{steps.first.id}}", "returns no rows"),
        ("SELECT {{steps.first}}", "is a column of a step"),
        ("SELECT 1 WHERE 1 = 1 [[AND 1 = {{steps.first.affected}}]]", "may not be optional"),
        ("DROP TABLE orders", "cannot change the schema"),
    ],
)
async def test_steps_that_cannot_work_are_refused(proxy: Proxy, shop: Shop, body: str, word: str) -> None:
    steps = [{"name": "first", "body": "UPDATE orders SET cents = 1 WHERE id = 1"}, {"name": "second", "body": body}]
    reply = await proxy.developer.call(
        "POST",
        "/actions",
        {
            "applicationId": proxy.application_id,
            "datasourceId": shop.datasource,
            "name": "wrong",
            "configuration": {"steps": steps},
            "allowDdl": "DROP" in body,
        },
    )
    assert reply.status == 400
    assert word in str(reply.envelope), reply.envelope


ROWS = {
    "name": "rows",
    "type": "object",
    "list": True,
    "maxItems": 5000,
    "fields": [
        {"name": "line", "type": "integer"},
        {"name": "what", "type": "text", "required": False, "nullable": True},
        {"name": "order_id", "type": "integer", "default": 1},
    ],
}
INSERT = "INSERT INTO order_lines (order_id, line, what) VALUES {{rows}}"


async def test_rows_are_inserted_all_together(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, INSERT, parameters=[ROWS])
    rows = [{"line": line, "what": f"'); DROP TABLE orders; -- {line}"} for line in range(1, 1338)]
    reply = await proxy.viewer.execute(action, {"rows": rows})
    assert reply.data["body"] == [{"affectedRows": 1337}], reply.data
    assert await shop.lines() == [(1, row["line"], row["what"]) for row in rows]


async def test_one_bad_row_undoes_all(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, INSERT, parameters=[ROWS])
    twice = [{"line": line} for line in [*range(1, 300), 1]]
    reply = await proxy.viewer.execute(action, {"rows": twice})
    assert reply.data["statusCode"] == "ConstraintViolated"
    misfit = await proxy.viewer.execute(action, {"rows": [{"line": 1}, {"line": "one"}]})
    assert misfit.data["statusCode"] == "ParameterInvalid"
    assert await shop.lines() == []
    limited = await proxy.action(shop.datasource, INSERT, name="limited", parameters=[ROWS], maxAffectedRows=2)
    reply = await proxy.viewer.execute(limited, {"rows": [{"line": line} for line in range(3)]})
    assert reply.data["statusCode"] == "AffectedLimitExceeded"
    assert await shop.lines() == []


async def test_rows_come_back_as_they_were_declared(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, INSERT, parameters=[ROWS])
    reply = await proxy.developer.call("GET", f"/actions/{action}")
    assert reply.data["parameters"][0]["fields"][1]["name"] == "what"


async def test_a_dry_run_changes_nothing_and_tells_what_would_happen(proxy: Proxy, shop: Shop) -> None:
    action = await proxy.action(shop.datasource, "UPDATE orders SET cents = cents + {{more}} WHERE customer = 'alice'")
    reply = await proxy.developer.execute(action, {"more": 1}, mode="dryRun")
    assert reply.data["body"] == [{"affectedRows": 2}], reply.data
    assert "dry run" in str(reply.data["messages"])
    assert await shop.rows("SELECT cents FROM orders WHERE id = 1") == [(1250,)]
    double = await proxy.action(shop.datasource, "INSERT INTO orders VALUES (1, 'carol', {{cents}})")
    assert (await proxy.developer.execute(double, {"cents": 1}, mode="dryRun")).data[
        "statusCode"
    ] == "ConstraintViolated"
    refused = await proxy.viewer.execute(action, {"more": 1}, mode="dryRun")
    assert refused.status == 403


async def test_a_transaction_ends_at_its_deadline(proxy: Proxy, shop: Shop) -> None:
    sleep = (
        "SELECT pg_sleep(9)" if "postgres" in str(await shop.rows("SELECT version()")).lower() else "SELECT SLEEP(9)"
    )
    steps = {
        "steps": [
            {"name": "one", "body": "UPDATE orders SET cents = 0 WHERE id = 1"},
            {"name": "two", "body": sleep},
        ]
    }
    action = await proxy.action(shop.datasource, steps, timeoutMs=300)
    reply = await proxy.viewer.execute(action)
    assert reply.data["statusCode"] == "ExecutionTimeout"
    await asyncio.sleep(0)
    assert await shop.rows("SELECT cents FROM orders WHERE id = 1") == [(1250,)]
